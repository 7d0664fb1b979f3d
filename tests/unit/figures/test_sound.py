"""The difference of two spectrograms has the sound's seconds and hertz on its axes, and levels re full scale."""

import numpy as np
import pytest

from audiotag.features.log_mel import log_mel
from audiotag.features.mel import mel_frequencies
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.figures.sound import (
    MAX_COLUMNS,
    LogMel,
    difference,
    difference_table,
    level_difference,
    look_up_on_axes,
    spectrogram_image,
)

CAPSTONE = PRESETS["capstone"]


@pytest.fixture
def noise() -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(CAPSTONE.clip_samples)).astype(np.float32)


@pytest.mark.parametrize("changes", [{}, {"hop_length": 200}, {"n_mels": 256, "n_fft": 4096}, {"mel_scale": "slaney"}])
def test_a_tone_burst_is_drawn_at_its_time_and_frequency(changes: dict) -> None:
    """With any settings, also where a point of the chart is the mean of several."""
    settings = SpectrogramSettings(**changes)
    time = np.arange(settings.clip_samples) / settings.sample_rate
    burst = np.where(np.abs(time - 1) < 0.05, 0.5 * np.sin(2 * np.pi * 2000 * time), 0).astype(np.float32)
    loud, quiet = (LogMel(log_mel(wave, settings), settings, start_s=10.0) for wave in (burst, np.zeros_like(burst)))
    (heatmap,) = difference(loud, quiet).data
    z = np.asarray(heatmap.z)
    band, frame = np.unravel_index(int(z.argmax()), z.shape)
    assert len(set(heatmap.y)) == len(heatmap.y)  # rows of one name would be drawn as one
    assert z.shape[1] <= MAX_COLUMNS
    assert float(heatmap.y[band].split()[0].replace(",", "")) == pytest.approx(2000, rel=0.06)
    assert heatmap.x[frame] == pytest.approx(11.0, abs=0.08)


def test_the_difference_of_a_spectrogram_to_itself_is_zero(noise: np.ndarray) -> None:
    picture = LogMel(log_mel(noise, CAPSTONE), CAPSTONE)
    (heatmap,) = difference(picture, picture).data
    np.testing.assert_array_equal(np.asarray(heatmap.z), 0)


def test_windows_of_other_gain_make_no_difference_of_level() -> None:
    """A long tone has the same level re full scale under any window, filter height and band values."""
    others = [{"win_length": 2560, "n_fft": 2560}, {"window": "blackman"}, {"mel_norm": "slaney"}, {"power": 1.0}]
    for band in (40, 90):
        tone_hz = mel_frequencies(CAPSTONE)[band]
        tone = 0.3 * np.sin(2 * np.pi * tone_hz * np.arange(CAPSTONE.clip_samples) / 44_100)
        here, *there = (
            LogMel(log_mel(tone.astype(np.float32), settings), settings)
            for settings in (CAPSTONE, *(CAPSTONE.with_changes(**changes) for changes in others))
        )
        for other in there:
            assert np.median(level_difference(here, other)[band]) == pytest.approx(0, abs=0.5)


def test_a_crop_of_another_time_is_compared_at_the_same_moments(noise: np.ndarray) -> None:
    hop_s = CAPSTONE.hop_length / CAPSTONE.sample_rate
    values = log_mel(noise, CAPSTONE)
    here, later = LogMel(values, CAPSTONE), LogMel(values[:, 20:], CAPSTONE, start_s=20 * hop_s)
    above = level_difference(here, later)
    assert np.isnan(above[:, :20]).all()
    np.testing.assert_allclose(above[:, 20:], 0, atol=1e-4)
    table = difference_table(later, here)
    assert list(table.columns[:2]) == ["frequency_hz", f"{20 * hop_s:.4f} s"]
    assert (table.iloc[:, 1:] == 0).all(axis=None)
    np.testing.assert_allclose(table["frequency_hz"], mel_frequencies(CAPSTONE), atol=0.06)
    (heatmap,) = difference(here, LogMel(values, CAPSTONE, start_s=100.0)).data  # nothing in common
    assert np.isnan(np.asarray(heatmap.z)).all()


def test_a_spectrogram_is_looked_up_at_the_nearest_time_and_band() -> None:
    here, there = CAPSTONE, SpectrogramSettings(hop_length=345, n_mels=64, f_max=10_000)
    rows, columns = np.meshgrid(mel_frequencies(there), np.arange(256) * 345 / 44_100, indexing="ij")
    grid = LogMel(np.zeros((128, 128)), here)
    hertz, seconds = (look_up_on_axes(grid, LogMel(values, there)) for values in (rows, columns))
    centres = mel_frequencies(here)
    inside = (centres > there.f_min) & (centres < 9500)
    np.testing.assert_allclose(
        seconds[inside][:, :127], np.arange(127)[None] * 690 / 44_100 + 0 * seconds[inside][:, :127], atol=0.01
    )
    assert np.abs(hertz[inside][:, 0] / centres[inside] - 1).max() < 0.35
    assert np.isnan(hertz[centres > there.f_max]).all()


def test_an_image_has_low_frequencies_at_the_bottom() -> None:
    picture = np.zeros((4, 6))
    picture[0] = 10
    pixels = spectrogram_image(picture)
    assert pixels.shape == (4, 6, 3)
    assert pixels[-1].sum() > pixels[0].sum()
