"""Runs in one chart, and their differences with intervals, can be read without colour too."""

import pytest

from audiotag.figures.comparison import differences, lwlrap_of_runs
from audiotag.training.paired_bootstrap import Difference


def difference(first: float, second: float, low: float, high: float, units: int = 20) -> Difference:
    return Difference(clips=units, units=units, differing_units=units, first=first, second=second, low=low, high=high)


ROWS = {
    "Bark": difference(0.5, 0.3, -0.3, -0.1),
    "Bell": difference(0.5, 0.5, -0.1, 0.1),
    "<b>Hiss</b>": difference(0.5, 0.9, 0.3, 0.5),
    "Hum": difference(0.5, 0.6, float("nan"), float("nan"), units=1),
}


def test_each_row_has_its_place_its_difference_and_its_interval() -> None:
    figure = differences(ROWS, "difference")
    assert list(figure.layout.yaxis.ticktext) == ["Bark", "Bell", "&lt;b&gt;Hiss&lt;/b&gt;", "Hum"]
    places = {trace.name: (list(trace.y), list(trace.x)) for trace in figure.data}
    assert places["worse"] == ([0], pytest.approx([-0.2]))
    assert places["cannot be told apart"] == ([1, 3], pytest.approx([0, 0.1]))
    assert places["better"] == ([2], pytest.approx([0.4]))
    (better,) = [trace for trace in figure.data if trace.name == "better"]
    assert better.x[0] - better.error_x.arrayminus[0] == pytest.approx(0.3)
    assert better.x[0] + better.error_x.array[0] == pytest.approx(0.5)


def test_a_row_of_one_recording_has_no_interval() -> None:
    (trace,) = differences({"Hum": ROWS["Hum"]}, "difference").data
    assert (list(trace.error_x.array), list(trace.error_x.arrayminus)) == ([0], [0])
    assert "nan" not in trace.customdata[0][4]


def test_better_worse_and_neither_differ_without_their_colours() -> None:
    assert len({trace.marker.symbol for trace in differences(ROWS, "difference").data}) == 3
    assert all(trace.showlegend for trace in differences({"Bell": ROWS["Bell"]}, "difference").data)


def test_each_run_is_the_mean_of_its_folds_in_a_band_from_the_lowest_to_the_highest() -> None:
    def epochs(fold: int, *values: float) -> list[dict]:
        return [{"fold": fold, "stage": 0, "step": step, "lwlrap": value} for step, value in enumerate(values, 1)]

    runs = {"a": [*epochs(1, 0.2, 0.4), *epochs(2, 0.4, 0.8)], "<b>": epochs(1, 0.1, 0.1)}
    bands_and_lines = lwlrap_of_runs(runs, [{"subset": "curated", "epochs": 2}]).data
    band, _, first, second = bands_and_lines
    assert (list(band.x), list(band.y)) == ([1, 2, 2, 1], pytest.approx([0.4, 0.8, 0.4, 0.2]))
    assert list(first.y) == pytest.approx([0.3, 0.6])
    assert [first.name, second.name] == ["a", "&lt;b&gt;"]
    assert first.line.dash != second.line.dash
