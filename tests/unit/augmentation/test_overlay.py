"""An overlay has the powers of both sounds."""

import numpy as np
import pytest

from audiotag.augmentation.mixup import MixUpParams
from audiotag.augmentation.overlay import Overlay
from audiotag.features.log_mel import log_mel
from audiotag.features.settings import SpectrogramSettings


def test_overlay_of_two_tones_has_the_powers_of_both_at_the_sampled_balance() -> None:
    spectrograms = np.full((2, 1, 16, 10), -300.0)
    spectrograms[0, 0, 3], spectrograms[1, 0, 9] = -10.0, -40.0  # dB; two bands, one each
    mixed = Overlay().apply(spectrograms, MixUpParams(np.array([1, 0]), np.array([0.8, 1.0])))
    # The partner comes at the clip's own level, whatever its own was, and then a quarter of it in amplitude.
    assert mixed[0, 0, 3].mean() == pytest.approx(-10 + 20 * np.log10(0.8), abs=1e-6)
    assert mixed[0, 0, 9].mean() == pytest.approx(-10 + 20 * np.log10(0.2), abs=1e-6)
    assert np.array_equal(mixed[1], spectrograms[1])


def test_overlay_of_spectra_is_the_spectrum_of_the_sum_of_independent_noises() -> None:
    rng, settings = np.random.default_rng(0), SpectrogramSettings(top_db=200)
    noises = rng.normal(0, 0.1, (2, settings.clip_samples)).astype(np.float32)
    noises[1] = np.cumsum(noises[1] - noises[1].mean()) / 100  # brown
    noises[1] *= np.sqrt(np.square(noises[0]).mean() / np.square(noises[1]).mean())
    in_db = np.stack([log_mel(noise, settings) for noise in noises])[:, None]
    power = (10 ** (in_db / 10)).mean((1, 2, 3))
    of_level = np.sqrt(power[0] / power[1])  # what brings the second to the first one's level in these bands
    added = log_mel(0.5 * noises[0] + np.float32(0.5 * of_level) * noises[1], settings)
    overlaid = Overlay().apply(in_db, MixUpParams(np.array([1, 0]), np.array([0.5, 1.0])))[0, 0]
    means = [10 * np.log10((10 ** (spectrogram / 10)).mean(1)) for spectrogram in (added, overlaid)]
    assert np.abs(means[0] - means[1])[8:].max() < 1.0  # the lowest bands have few bins to average


def test_labels_of_both_count_in_full_unless_the_partner_is_inaudible() -> None:
    params = MixUpParams(np.array([1, 2, 0]), np.array([0.6, 0.95, 1.0]))  # 3.5 dB below, 25 dB below, not at all
    assert Overlay(labels="both").mix_targets(np.eye(3), params).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    shared = Overlay().mix_targets(np.eye(3), params)
    np.testing.assert_allclose(shared, [[0.6, 0.4, 0], [0, 0.95, 0.05], [0, 0, 1]])
