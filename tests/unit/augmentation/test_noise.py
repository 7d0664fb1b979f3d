"""Noise has the level, the colour and the distribution that it should have."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import signal, stats

from audiotag.augmentation.noise import Noise, NoiseParams


def decibels(waveform: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.mean(np.square(waveform, dtype=np.float64), axis=-1))


@pytest.mark.parametrize("colour", ["white", "pink"])
def test_noise_has_the_sampled_signal_to_noise_ratio(colour: Any, tone: Callable[..., np.ndarray]) -> None:
    clips = np.stack([tone(1000, 2.0, level) for level in (0.9, 0.1, 0.01, 1e-4)])
    params = NoiseParams(np.array([0.0, 10.0, 30.0, -10.0]), np.arange(8, dtype=np.int32).reshape(4, 2))
    done = Noise(colour=colour).apply(clips.astype(np.float64), params)
    np.testing.assert_allclose(decibels(clips) - decibels(done - clips), params.snr_db, atol=0.1)


def test_signal_to_noise_ratios_are_uniform_in_decibels() -> None:
    snr_db = Noise(min_snr_db=5, max_snr_db=30, p=1.0).sample(np.random.default_rng(0), (10_000, 1)).snr_db
    assert stats.kstest(snr_db, stats.uniform(5, 25).cdf).pvalue > 0.001


def test_silence_stays_silent_in_a_batch_with_other_clips(waveforms: np.ndarray) -> None:
    batch = waveforms
    batch[1] = 0
    for colour in ("white", "pink"):
        noise = Noise(colour=colour, p=1.0)  # type: ignore[arg-type]
        done = noise.apply(batch, noise.sample(np.random.default_rng(0), batch.shape))
        assert not done[1].any()
        assert (done[0] != batch[0]).all()


def slope_db_per_octave(noise: np.ndarray) -> float:
    frequency_hz, density = signal.welch(noise, 44_100, nperseg=8192)
    inside = (frequency_hz > 50) & (frequency_hz < 20_000)
    return float(np.polyfit(np.log2(frequency_hz[inside]), 10 * np.log10(density[inside]), 1)[0])


@pytest.mark.parametrize(("colour", "slope"), [("white", 0.0), ("pink", -10 * math.log10(2))])
def test_pink_noise_falls_by_3_db_per_octave_and_white_noise_is_flat(colour: Any, slope: float) -> None:
    clip = np.full((1, 2_000_000), 0.1)
    noise = Noise(min_snr_db=0, max_snr_db=0, colour=colour, p=1.0)
    added = noise.apply(clip, noise.sample(np.random.default_rng(0), clip.shape)) - clip
    assert slope_db_per_octave(added[0]) == pytest.approx(slope, abs=0.05)


def test_noise_is_normal_and_independent_between_clips_and_samples() -> None:
    clips = np.ones((8, 100_001))
    noise = Noise(min_snr_db=0, max_snr_db=0, p=1.0)
    added = noise.apply(clips, noise.sample(np.random.default_rng(0), clips.shape)) - clips
    assert all(stats.kstest(row, "norm").pvalue > 0.001 for row in added)
    assert np.abs(added).max() < 6
    between = np.corrcoef(added) - np.eye(8)
    assert np.abs(between).max() < 5 / math.sqrt(100_001)
    # Nor does a clip's noise repeat itself: at every shift it is as far from itself as chance has it.
    spectrum = np.abs(np.fft.rfft(added, 2 * 100_001)) ** 2
    self_likeness = np.fft.irfft(spectrum)[:, 1:100_001] / 100_001
    assert np.abs(self_likeness).max() < 6 / math.sqrt(100_001)
