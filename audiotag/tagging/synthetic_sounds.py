"""Make sounds to compare engines with: random mixtures of sweeps, noise, clicks and chords."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audiotag.features.settings import SpectrogramSettings

SEED = 2019


def mixtures(settings: SpectrogramSettings, n_sounds: int, n_variants: int) -> Iterator[np.ndarray]:
    """Yield sounds that are as different as possible: loud and soft, fading and steady.

    Parameters
    ----------
    settings : SpectrogramSettings
        Gives the sample rate and the length.
    n_sounds : int
        Number of sounds.
    n_variants : int
        Number of different sweeps that the mixtures choose from; and of noises, clicks and chords.

    Yields
    ------
    numpy.ndarray, shape=(samples,), float32
        With a peak from -40 to 0 dBFS. The same sounds on every call.
    """
    rng, rate = np.random.default_rng(SEED), settings.sample_rate
    time_s = np.arange(settings.clip_samples) / rate
    variants = [[make(rng, time_s, rate) for _ in range(n_variants)] for make in (_sweep, _noise, _clicks, _chord)]
    for _ in range(n_sounds):
        components = np.stack([of_kind[rng.integers(n_variants)] for of_kind in variants])
        mixture = rng.dirichlet(np.full(len(variants), 0.4)) @ components
        mixture *= np.exp(-time_s * rng.choice([0, 1, 8])) * 10 ** rng.uniform(-2, 0) / np.abs(mixture).max()
        yield mixture.astype(np.float32)


def _sweep(rng: np.random.Generator, time_s: np.ndarray, rate: int) -> np.ndarray:
    low, high = np.sort(np.exp(rng.uniform(np.log(40), np.log(0.45 * rate), 2)))
    return np.sin(2 * np.pi * (low + (high - low) * time_s / (2 * time_s[-1])) * time_s)


def _noise(rng: np.random.Generator, time_s: np.ndarray, rate: int) -> np.ndarray:
    """White or brown noise."""
    white = rng.normal(size=len(time_s)) / 4
    return white if rng.random() < 0.5 else np.cumsum(white - white.mean()) / 12


def _clicks(rng: np.random.Generator, time_s: np.ndarray, rate: int) -> np.ndarray:
    click = np.exp(-np.arange(0.02 * rate) / (0.002 * rate))
    clicks = np.zeros(len(time_s) + len(click))
    for start in rng.integers(len(time_s), size=rng.integers(1, 20)):
        clicks[start : start + len(click)] += click
    return clicks[: len(time_s)]


def _chord(rng: np.random.Generator, time_s: np.ndarray, rate: int) -> np.ndarray:
    fundamental_hz = np.exp(rng.uniform(np.log(60), np.log(1000)))
    return sum(np.sin(2 * np.pi * fundamental_hz * partial * time_s) / partial for partial in range(1, 7)) / 2
