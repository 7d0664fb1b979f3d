"""TODO."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from audiotag.features.settings import MelScale, SpectrogramSettings, Window

AMIN = 1e-10  # what power (or amplitude) is floored at, as torchaudio's AmplitudeToDB does: −100 dB of power


def mel_frequencies(settings: SpectrogramSettings) -> np.ndarray:
    """Centre frequency of each mel band in Hz, shape ``(n_mels,)``."""
    return mel_corners(settings)[1:-1]


def empty_bands(settings: SpectrogramSettings) -> np.ndarray:
    """Indices of mel bands that no FFT bin falls into: rows of the picture that stay dark."""
    return np.flatnonzero(np.asarray(mel_matrix(settings).sum(axis=1)).ravel() == 0)


def hz_to_mel(frequency_hz: np.ndarray | float, scale: MelScale) -> np.ndarray:
    """Mels of frequencies in Hz.

    ``htk`` is O'Shaughnessy's 2595·log10(1 + f/700); ``slaney`` (Auditory Toolbox, 1998) is linear to 1 kHz at
    3 mel a 200 Hz, then logarithmic with 27 mel an octave-like factor of 6.4.
    """
    frequency_hz = np.asarray(frequency_hz, dtype=np.float64)
    if scale == "htk":
        return 2595 * np.log10(1 + frequency_hz / 700)
    logarithmic = 15 + 27 * np.log(np.maximum(frequency_hz, 1000) / 1000) / np.log(6.4)
    return np.where(frequency_hz < 1000, frequency_hz * 3 / 200, logarithmic)


def mel_to_hz(mel: np.ndarray | float, scale: MelScale) -> np.ndarray:
    """Frequencies in Hz of mels; the inverse of `hz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((np.maximum(mel, 15) - 15) / 27))


def mel_corners(settings: SpectrogramSettings) -> np.ndarray:
    """The ``n_mels + 2`` corners of the triangles, in Hz.

    Those of HTK's scale are rounded as torchaudio rounds them, which works in float32: up to 0.004 Hz, but where all
    sound lies at a triangle's foot that is 0.002 dB, and the published networks were trained on it.
    """
    ends = hz_to_mel(np.array([settings.f_min, settings.f_max]), settings.mel_scale)
    if settings.mel_scale == "slaney":
        return mel_to_hz(np.linspace(ends[0], ends[1], settings.n_mels + 2), "slaney")
    lowest, highest = _float32(ends)
    steps = np.arange(settings.n_mels + 2)
    step = _float32((highest - lowest) / (settings.n_mels + 1))
    upper = steps >= len(steps) // 2  # torch.linspace counts from both ends
    mels = _float32(np.where(upper, highest - step * steps[::-1], lowest + step * steps))
    return _float32(700 * _float32(_float32(10 ** _float32(mels / 2595)) - 1))


def _float32(values: np.ndarray) -> np.ndarray:
    """The values, rounded to what float32 holds."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


@lru_cache(maxsize=32)
def window(name: Window, win_length: int) -> np.ndarray:
    """A window, periodic as torch's, shape ``(win_length,)``, float32."""
    cosines = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46), "blackman": (0.42, 0.5, 0.08), "rectangular": (1.0,)}
    angle = 2 * np.pi * np.arange(win_length) / win_length
    weights = cosines[name]
    return sum((-1) ** order * weight * np.cos(order * angle) for order, weight in enumerate(weights)).astype(
        np.float32
    )


@lru_cache(maxsize=32)
def mel_matrix(settings: SpectrogramSettings) -> Any:  # scipy.sparse.csr_array
    """Triangles over the FFT's bins, of height 1 or (``mel_norm="slaney"``) area 1, ``(n_mels, n_fft // 2 + 1)``."""
    import scipy.sparse

    bins = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate)
    edges = mel_corners(settings)
    widths = np.diff(edges)
    rising = (bins - edges[:-2, None]) / widths[:-1, None]
    falling = (edges[2:, None] - bins) / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    if settings.mel_norm == "slaney":
        triangles *= 2 / (edges[2:] - edges[:-2])[:, None]
    return scipy.sparse.csr_array(triangles.astype(np.float32))
