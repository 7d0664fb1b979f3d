"""Figures show a thing where it is: seconds and hertz under the pointer are those of the sound."""

import numpy as np
import pytest

from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.mel import mel_frequencies
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.figures import training
from audiotag.figures.dataset import histogram
from audiotag.figures.sound import difference, look_up_on_axes, spectrogram, spectrogram_image


@pytest.mark.parametrize("changes", [{}, {"clip_s": 4.0}, {"hop_length": 300}, {"resize": 256}, {"deltas": 1}])
@pytest.mark.parametrize("clip_s", [2.0, 4.0])
def test_a_click_at_one_second_is_drawn_at_one_second(changes: dict, clip_s: float) -> None:
    """Whatever the settings, and whether the sound is as long as their clip or not."""
    settings = SpectrogramSettings(**changes)
    if settings.resize and clip_s != settings.clip_s:
        pytest.skip("only a whole crop is resized")
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


def test_the_difference_of_a_picture_to_itself_is_nothing() -> None:
    settings = PRESETS["capstone"]
    picture = log_mel(0.1 * np.random.default_rng(0).standard_normal(settings.clip_samples), settings)
    (heatmap,) = difference(picture, settings, picture, settings).data
    np.testing.assert_array_equal(np.asarray(heatmap.z), 0)


def test_a_picture_is_looked_up_at_the_nearest_time_and_band() -> None:
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


def test_an_image_has_low_frequencies_at_its_foot() -> None:
    picture = np.zeros((4, 6))
    picture[0] = 10
    pixels = spectrogram_image(picture)
    assert pixels.shape == (4, 6, 3)
    assert pixels[-1].sum() > pixels[0].sum()


def test_each_bar_of_a_histogram_knows_its_bin_in_plain_numbers() -> None:
    """What a click brings back has to be numbers: an array would come back as a dict."""
    import pandas as pd

    table = pd.DataFrame({"from": [0.0, 1.0], "to": [1.0, 2.0], "curated": [0.25, 0.75]})
    (bars,) = histogram(table, "duration", "s").data
    assert [list(bin) for bin in bars.customdata] == [[0.0, 1.0], [1.0, 2.0]]
    assert list(bars.y) == [25, 75]


STAGES = [{"stage": 0, "subset": "noisy", "epochs": 2}, {"stage": 1, "subset": "curated", "epochs": 2}]


def epochs(fold: int, values: list[float], **others: object) -> list[dict]:
    losses = {"train_loss": 0.5, "valid_loss": 0.6}
    return [
        {"fold": fold, "step": step, "stage": (step - 1) // 2, "lwlrap": value} | losses | others
        for step, value in enumerate(values, start=1)
    ]


def test_the_best_epoch_of_each_fold_is_starred() -> None:
    first, second = training.lwlrap([*epochs(1, [0.2, 0.9, 0.4]), *epochs(2, [0.5, 0.6])], STAGES).data
    assert list(first.marker.symbol) == ["circle", "star", "circle"]
    assert list(second.marker.symbol) == ["circle", "star"]


def test_lines_differ_without_their_colours() -> None:
    many = [epoch for fold in range(1, 6) for epoch in epochs(fold, [0.1, 0.2])]
    lines = training.lwlrap(many, STAGES, compared={"earlier": epochs(1, [0.3, 0.4])}).data
    assert len({(line.line.dash, line.line.width) for line in lines}) == 6


def test_smoothing_draws_the_line_anew_and_leaves_the_points() -> None:
    values = [0.2, 0.8, 0.4, 0.6]
    (raw,) = training.lwlrap(epochs(1, values), STAGES).data
    line, points = training.lwlrap(epochs(1, values), STAGES, smooth=True).data
    assert list(points.y) == list(raw.y) == values
    assert "lines" not in points.mode
    assert list(line.y) == pytest.approx([0.2, 0.38, 0.4, 0.46])  # it begins anew with the second stage


def test_an_earlier_run_that_is_longer_is_seen_to_its_end() -> None:
    figure = training.lwlrap(epochs(1, [0.2]), STAGES, compared={"earlier": epochs(1, [0.1] * 9)})
    assert figure.layout.xaxis.range[1] > 9
    assert training.lwlrap(epochs(1, [0.2]), STAGES).layout.xaxis.range[1] == 4.5


def test_no_value_lies_below_the_axis() -> None:
    for lowest in (0.0, 0.04, 0.31, 0.97):
        figure = training.lwlrap(epochs(1, [lowest, 0.99], curated_lwlrap=max(0.0, lowest - 0.02)), STAGES)
        assert 0 <= figure.layout.yaxis.range[0] <= max(0.0, lowest - 0.02)


def test_the_zoom_of_one_run_is_not_that_of_another() -> None:
    for draw in (training.lwlrap, training.losses):
        one, same, other = (draw(epochs(1, [0.2]), STAGES, run=run).layout.uirevision for run in "aab")
        assert one == same != other


def test_training_and_held_out_loss_of_a_fold_share_their_colour_and_differ_in_width() -> None:
    held_out, train, *_ = training.losses(epochs(1, [0.2, 0.3]), STAGES).data
    assert (list(held_out.y), list(train.y)) == ([0.6, 0.6], [0.5, 0.5])
    assert held_out.line.color == train.line.color
    assert held_out.line.width > train.line.width


def test_rates_are_marked_where_they_are_and_none_is_made_up() -> None:
    curve, recipe, suggested = training.learning_rates([1e-4, 1e-3], [0.7, 0.5], 5e-4, 1e-3).data
    assert list(curve.x) == [1e-4, 1e-3]
    assert (set(recipe.x), set(suggested.x)) == ({1e-3}, {5e-4})
    assert len(training.learning_rates([1e-4, 1e-3], [0.7, 0.5], None, 1e-3).data) == 2
