"""A full-scale sine at the centre of a band reads 0 dB re full scale in this band, whatever the settings are."""

import numpy as np
import pytest

from audiotag.features.full_scale import full_scale_db
from audiotag.features.log_mel import log_mel
from audiotag.features.mel import empty_bands, mel_frequencies
from audiotag.features.settings import PRESETS, SpectrogramSettings

SETTINGS = {
    **PRESETS,
    "amplitude": SpectrogramSettings(power=1.0),
    "slaney": SpectrogramSettings(mel_norm="slaney", mel_scale="slaney"),
    "blackman": SpectrogramSettings(window="blackman", win_length=2048),
    "hamming": SpectrogramSettings(window="hamming", n_fft=1024),
    "rectangular": SpectrogramSettings(window="rectangular", n_fft=1024, n_mels=40),
    "odd": SpectrogramSettings(n_fft=1331, win_length=1001, hop_length=300, n_mels=32),
    "low rate": SpectrogramSettings(sample_rate=8000, n_fft=512, win_length=400, hop_length=100, f_max=4000, n_mels=20),
}


def full_scale_sine(frequency_hz: float, settings: SpectrogramSettings) -> np.ndarray:
    time_s = np.arange(settings.sample_rate // 2) / settings.sample_rate
    return np.sin(2 * np.pi * frequency_hz * time_s + 0.3).astype(np.float32)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_full_scale_sine_at_a_bands_centre_reads_0_dbfs(settings: SpectrogramSettings) -> None:
    bands = np.linspace(settings.n_mels // 4, settings.n_mels - 2, 8).astype(int)
    for band in set(bands) - set(empty_bands(settings)):
        levels = log_mel(full_scale_sine(mel_frequencies(settings)[band], settings), settings)
        level_db = levels[band, levels.shape[1] // 2] - full_scale_db(settings)[band]
        assert level_db == pytest.approx(0, abs=0.02)


def test_lowest_bands_read_0_dbfs_on_average_over_the_frames() -> None:
    """A sine interferes with its mirror image below 0 Hz, differently in each frame."""
    settings = SpectrogramSettings(hop_length=101)
    for band in range(3):
        levels = log_mel(full_scale_sine(mel_frequencies(settings)[band], settings), settings)[band, 30:-30]
        mean_db = 10 * np.log10(np.mean(10 ** (levels / 10)))
        assert mean_db == pytest.approx(full_scale_db(settings)[band], abs=0.2)


def test_wide_bands_have_the_reference_of_parsevals_theorem() -> None:
    settings = PRESETS["capstone"]
    window_energy = 3 / 8 * settings.win_length  # of a Hann window
    expected_db = 10 * np.log10(settings.n_fft * window_energy / 4)
    assert full_scale_db(settings)[-1] == pytest.approx(expected_db, abs=0.5)


def test_bands_without_a_bin_have_no_reference() -> None:
    settings = SpectrogramSettings(n_mels=256, n_fft=1024)
    empty = empty_bands(settings)
    assert len(empty)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(full_scale_db(settings))), empty)
