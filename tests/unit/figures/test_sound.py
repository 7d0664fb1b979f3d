"""Spectrograms have the sound's seconds and hertz on their axes."""

import numpy as np
import pytest

from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.mel import mel_frequencies
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.figures.sound import difference, look_up_on_axes, spectrogram, spectrogram_image

CHANGES = [{}, {"clip_s": 4.0}, {"hop_length": 300}, {"resize": 256}, {"deltas": 1}]
# Only a whole crop can be resized.
CASES = [(changes, clip_s) for changes in CHANGES for clip_s in (2.0, 4.0) if "resize" not in changes or clip_s == 2.0]


@pytest.mark.parametrize(("changes", "clip_s"), CASES)
def test_a_click_at_one_second_is_drawn_at_one_second(changes: dict, clip_s: float) -> None:
    """With any settings, and with sounds that are as long as their clip or longer."""
    settings = SpectrogramSettings(**changes)
    click = np.zeros(int(clip_s * settings.sample_rate), dtype=np.float32)
    click[settings.sample_rate] = 0.9
    figure = spectrogram(network_input(log_mel(click, settings), settings)[0], settings, start_s=10.0)
    (heatmap,) = figure.data
    at_s = np.asarray(heatmap.x)[np.asarray(heatmap.z).max(axis=0).argmax()]
    assert at_s == pytest.approx(11.0, abs=settings.win_length / settings.sample_rate)


@pytest.mark.parametrize("changes", [{}, {"n_mels": 256, "n_fft": 4096}, {"resize": 512}, {"mel_scale": "slaney"}])
def test_a_tone_is_drawn_at_its_frequency(changes: dict, tone: object) -> None:
    settings = SpectrogramSettings(**changes)
    figure = spectrogram(network_input(log_mel(tone(2000, 2.0, 0.5), settings), settings)[0], settings)  # type: ignore[operator]
    (heatmap,) = figure.data
    assert len(set(heatmap.y)) == len(heatmap.y)  # rows of one name would be drawn as one
    loudest = str(heatmap.y[int(np.asarray(heatmap.z).mean(axis=1).argmax())])
    assert float(loudest.split()[0].replace(",", "")) == pytest.approx(2000, rel=0.04)


def test_the_difference_of_a_spectrogram_to_itself_is_zero() -> None:
    settings = PRESETS["capstone"]
    picture = log_mel(0.1 * np.random.default_rng(0).standard_normal(settings.clip_samples), settings)
    (heatmap,) = difference(picture, settings, picture, settings).data
    np.testing.assert_array_equal(np.asarray(heatmap.z), 0)


def test_a_spectrogram_is_looked_up_at_the_nearest_time_and_band() -> None:
    here, there = PRESETS["capstone"], SpectrogramSettings(hop_length=345, n_mels=64, f_max=10_000)
    rows, columns = np.meshgrid(mel_frequencies(there), np.arange(256) * 345 / 44_100, indexing="ij")
    hertz, seconds = (look_up_on_axes(here, 128, values, there) for values in (rows, columns))
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
