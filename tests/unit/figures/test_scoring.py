"""Figures of the Score page show each value in its place, and true labels without colour."""

import numpy as np
import pandas as pd
import pytest

from audiotag.figures.scoring import per_class, published_scores, ranking
from audiotag.scoring import PUBLISHED

TABLE = pd.DataFrame(
    {"lwlrap": [0.25, 0.5, 1.0], "clips": [3, 1200, 7]}, index=pd.Index(["Tap", "Bark", "Bell"], name="label")
)


@pytest.mark.parametrize("yours", [0.1, 0.53792, 0.7, 1.0])
def test_a_score_and_the_published_ones_lie_at_their_values_on_the_scale(yours: float) -> None:
    figure = published_scores(yours, PUBLISHED)
    (marks,) = figure.data
    drawn = {name.split("  ")[0]: value for name, value in zip(marks.y, marks.x, strict=True)}
    assert drawn == {**PUBLISHED, "this submission": yours}
    low, high = figure.layout.xaxis.range
    assert all(low < value < high for value in drawn.values())
    assert all(f"{value:.5f}" in name for name, value in zip(marks.y, marks.x, strict=True))


def test_the_submission_differs_from_published_scores_by_shape_and_place() -> None:
    figure = published_scores(0.6, PUBLISHED)
    (marks,) = figure.data
    shapes = dict(zip(marks.y, marks.marker.symbol, strict=True))
    own = [name for name, shape in shapes.items() if shape not in set(list(shapes.values())[:-1])]
    assert own == ["this submission  0.60000"]
    assert figure.layout.yaxis.categoryarray[-1] == own[0]  # Plotly draws the last at the top


def test_bars_of_classes_are_as_long_as_their_lwlrap_in_the_order_given() -> None:
    figure = per_class(TABLE)
    (bars,) = figure.data
    assert (list(bars.y), list(bars.x)) == (["Tap", "Bark", "Bell"], [0.25, 0.5, 1.0])
    assert figure.layout.yaxis.autorange == "reversed"  # the first at the top
    assert list(bars.text) == ["0.250", "0.500", "1.000"]
    assert list(bars.customdata) == [3, 1200, 7]
    assert figure.layout.xaxis.range[1] > 1  # room for the number beside a full bar


def test_a_longer_table_is_a_higher_figure_with_all_names() -> None:
    long = pd.DataFrame({"lwlrap": np.linspace(0, 1, 80), "clips": 1}, index=[f"l{number}" for number in range(80)])
    assert per_class(long).layout.height > 20 * 80
    assert per_class(long).layout.yaxis.dtick == 1


def test_a_clips_labels_stand_in_the_order_of_their_scores_with_ranks_and_ticks() -> None:
    scores = pd.Series([0.1, 0.9, 0.5, 0.3], index=["Tap", "Bark", "Bell", "Hiss"])
    (bars,) = ranking(scores, ("Bell", "Tap")).data
    assert list(bars.y) == ["1. Bark", "2. ✓ Bell", "3. Hiss", "4. ✓ Tap"]
    assert list(bars.x) == [0.9, 0.5, 0.3, 0.1]


def test_a_true_label_far_down_is_shown_with_its_rank() -> None:
    scores = pd.Series(np.linspace(1, 0, 30), index=[f"l{number}" for number in range(30)])
    (bars,) = ranking(scores, ("l2", "l29"), rows=5).data
    assert list(bars.y) == ["1. l0", "2. l1", "3. ✓ l2", "4. l3", "5. l4", "30. ✓ l29"]


@pytest.mark.parametrize("values", [[-7.0, -2.0], [0.0, 0.0], [3.0, 40.0]])
def test_scores_that_are_not_probabilities_lie_inside_the_axis(values: list[float]) -> None:
    low, high = ranking(pd.Series(values, index=["a", "b"]), ("a",)).layout.xaxis.range
    assert low <= min(values)
    assert max(values) < high
