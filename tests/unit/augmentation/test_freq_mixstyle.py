"""Freq-MixStyle exchanges the colour of two clips, and nothing else."""

import numpy as np
import pytest

from audiotag.augmentation.freq_mixstyle import FreqMixStyle
from audiotag.augmentation.mixup import MixUpParams


@pytest.fixture
def log_mels() -> np.ndarray:
    """Two log-mels of 16 bands and 50 frames in dB, of other levels and deviations in each band."""
    rng = np.random.default_rng(0)
    mean, deviation = rng.uniform(-80, 0, (2, 1, 16, 1)), rng.uniform(1, 15, (2, 1, 16, 1))
    return (mean + deviation * rng.normal(size=(2, 1, 16, 50))).astype(np.float32)


def test_bands_get_the_mixed_means_and_deviations(log_mels: np.ndarray) -> None:
    mixed = FreqMixStyle().apply(log_mels, MixUpParams(np.array([1, 0]), np.array([0.25, 0.0])))
    mean, deviation = log_mels.mean(3), log_mels.std(3)
    np.testing.assert_allclose(mixed.mean(3), [0.25 * mean[0] + 0.75 * mean[1], mean[0]], atol=1e-3)
    np.testing.assert_allclose(mixed.std(3), [0.25 * deviation[0] + 0.75 * deviation[1], deviation[0]], atol=1e-3)


def test_what_happens_in_a_band_stays(log_mels: np.ndarray) -> None:
    mixed = FreqMixStyle().apply(log_mels, MixUpParams(np.array([1, 0]), np.array([0.25, 1.0])))
    standardised = [(x - x.mean(3, keepdims=True)) / x.std(3, keepdims=True) for x in (log_mels, mixed)]
    np.testing.assert_allclose(standardised[0], standardised[1], atol=1e-3)
    assert np.array_equal(mixed[1], log_mels[1])  # its own share is all
    assert mixed.dtype == log_mels.dtype


def test_a_band_without_sound_stays_flat(log_mels: np.ndarray) -> None:
    log_mels[0, 0, 3] = -100.0
    mixed = FreqMixStyle().apply(log_mels, MixUpParams(np.array([1, 0]), np.array([0.5, 1.0])))
    assert np.ptp(mixed[0, 0, 3]) == 0
    assert mixed[0, 0, 3, 0] == pytest.approx(0.5 * (-100 + log_mels[1, 0, 3].mean()), abs=1e-3)


def test_targets_stay() -> None:
    mixer, targets = FreqMixStyle(p=1.0), np.eye(8, dtype=np.float32)
    params = mixer.sample(np.random.default_rng(0), (8, 1, 16, 50))
    assert (params.partner != np.arange(8)).any()
    assert (params.weight < 1).all()
    assert mixer.mix_targets(targets, params) is targets


def test_p_is_the_share_of_clips_that_are_changed() -> None:
    params = FreqMixStyle(p=0.3).sample(np.random.default_rng(0), (2000, 1, 16, 50))
    assert (params.weight < 1).mean() == pytest.approx(0.3, abs=0.03)
