"""Mel scales are librosa's, and bands without an FFT bin are found."""

from typing import Any

import librosa
import numpy as np
import pytest

from audiotag.features.log_mel import log_mel
from audiotag.features.mel import empty_bands, hz_to_mel, mel_corners, mel_to_hz
from audiotag.features.settings import PRESETS

CAPSTONE = PRESETS["capstone"]


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mels_equal_librosas_and_convert_back_to_hertz(scale: Any) -> None:
    frequencies = np.concatenate([np.linspace(0, 22_050, 500), [999.999, 1000, 1000.001]])
    mels = hz_to_mel(frequencies, scale)
    np.testing.assert_allclose(mels, librosa.hz_to_mel(frequencies, htk=scale == "htk"), rtol=1e-12)
    np.testing.assert_allclose(mel_to_hz(mels, scale), frequencies, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(mel_to_hz(mels, scale), librosa.mel_to_hz(mels, htk=scale == "htk"), rtol=1e-12)


def test_bands_without_an_fft_bin_are_found_and_stay_at_the_floor() -> None:
    settings = CAPSTONE.with_changes(n_fft=1024, n_mels=256)
    bins = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate)
    corners = mel_corners(settings)
    without = [
        band for band in range(settings.n_mels) if not np.any((bins > corners[band]) & (bins < corners[band + 2]))
    ]
    assert 10 < len(without) < settings.n_mels / 2
    assert empty_bands(settings).tolist() == without
    noise = np.random.default_rng(0).standard_normal(settings.clip_samples)
    spectrogram = log_mel(noise, settings)
    assert np.flatnonzero((spectrogram == spectrogram.min()).all(axis=1)).tolist() == without
    assert empty_bands(CAPSTONE.with_changes(n_mels=64)).size == 0
