"""The figures of trust show the numbers that they are given."""

import numpy as np
import pandas as pd
import pytest

from audiotag.figures import trust as figures
from audiotag.trust.confusion import confusion
from audiotag.trust.reliability import reliability
from audiotag.trust.tag_quality import tag_quality

NAMES = ("Bark", "<b>Bell</b>", "A label whose name is much too long for a figure")


@pytest.fixture(scope="module")
def random() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    scores = rng.random((80, 3))
    return (rng.random((80, 3)) < scores).astype(float), scores


def test_reliability_has_a_point_and_an_interval_per_bin(random: tuple[np.ndarray, np.ndarray]) -> None:
    curves = {"as scored": reliability(*random), "calibrated": reliability(random[0], random[1] ** 2)}
    figure = figures.reliability(curves)
    points = {trace.name: trace for trace in figure.data if trace.type == "scatter"}
    for name, curve in curves.items():
        np.testing.assert_allclose(points[name].x, curve.bins["score"])
        np.testing.assert_allclose(points[name].y + points[name].error_y.array, curve.bins["share_high"])
        np.testing.assert_allclose(points[name].y - points[name].error_y.arrayminus, curve.bins["share_low"])
    assert len({points[name].marker.symbol for name in curves}) == 2  # they can be told apart without colour
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [sum(bar.y) for bar in bars] == [240, 240]


def test_precision_and_recall_leave_out_what_is_not_known(random: tuple[np.ndarray, np.ndarray]) -> None:
    tags = random[1] > 0.6
    tags[:, 1] = False
    table = tag_quality(NAMES, random[0], tags)
    precision, recall = figures.precision_recall_intervals(table).data
    assert len(precision.x) == 2
    np.testing.assert_allclose(recall.x, table["recall"])
    np.testing.assert_allclose(recall.x + recall.error_x.array, table["recall_high"])
    assert "&lt;b&gt;" in recall.customdata[1][0]


def test_confusion_shows_shares_of_the_clips_and_what_is_right_in_another_colour() -> None:
    targets, tags = np.eye(3)[[0, 0, 0, 0, 1, 2]], np.eye(3)[[0, 1, 1, 2, 1, 2]] > 0
    figure = figures.confusion(confusion(NAMES, targets, tags), targets.sum(axis=0))
    cells, right, numbers = figure.data
    np.testing.assert_allclose(cells.z[0], [np.nan, 0.5, 0.25])  # no column for what was missed, as nothing was
    np.testing.assert_allclose(right.z[0], [0.25, np.nan, np.nan])
    assert cells.text[0][1] == "Bark tagged as &lt;b&gt;Bell&lt;/b&gt;: 2 of 4 clips"
    shown = {(row, column): text for row, column, text in zip(numbers.y, numbers.x, numbers.text, strict=True)}
    assert shown == {(0, 0): "1", (0, 1): "2", (0, 2): "1", (1, 1): "1", (2, 2): "1"}
    assert figure.layout.yaxis.ticktext[2].endswith("…")
    missed = figures.confusion(confusion(NAMES, targets, np.zeros((6, 3))), targets.sum(axis=0))
    assert missed.layout.xaxis.ticktext[-1] == "no tag"


def test_matrix_of_80_labels_has_no_numbers_and_fits_a_page() -> None:
    rng = np.random.default_rng(0)
    targets, tags = np.eye(80)[rng.integers(80, size=500)], np.eye(80)[rng.integers(80, size=500)] > 0
    figure = figures.confusion(confusion(tuple(map(str, range(80))), targets, tags), targets.sum(axis=0))
    assert [trace.type for trace in figure.data] == ["heatmap"] * 2
    assert figure.layout.height < 1500


def test_noise_gate_shows_rates_and_not_what_is_0_or_unknown() -> None:
    rates = pd.DataFrame({"hum": [0.0, 30.0], "speech": [np.nan, 720.0]}, index=["Speech", "Rain"])
    cells, numbers = figures.noise_gate(rates, 720).data
    assert list(numbers.text) == ["30", "720"]
    assert cells.zmax == 720
