"""Figures of the Tag page show scores, thresholds and times in their places."""

import numpy as np
import pytest

from audiotag.figures.tagging import passing_first, precision_recall, precision_recall_curve, timeline
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.tagging.result import Tag, Tags

LABELS = ("Bark", "Bell", "Hiss")


def tags_of(values: np.ndarray, thresholds: tuple[float, ...] = (0.5, 0.5, 0.5)) -> Tags:
    """Tags of a sound from scores of its windows, ``(windows, labels)``; a window of 2 s starts every second."""
    means = values.mean(axis=0)
    order = np.argsort(-means, kind="stable")
    ranking = tuple(Tag(LABELS[at], float(means[at]), thresholds[at], 1) for at in order)
    return Tags("a", len(values) + 1.0, ranking, 1, means, values, np.arange(len(values), dtype=float), 2.0, ())


@pytest.fixture
def held_out() -> OutOfFold:
    draw = np.random.default_rng(0)
    targets = (draw.random((200, 1)) < 0.3).astype(np.float32)
    return OutOfFold(np.round(0.4 * draw.random((200, 1)) + 0.4 * targets, 2), targets, np.ones(200, int))


def test_a_timeline_has_one_cell_per_window_at_its_middle_and_frames_the_part() -> None:
    values = np.random.default_rng(0).random((12, 3))
    tags = tags_of(values)
    figure = timeline(tags, LABELS, (3.0, 6.0))
    cells, points = figure.data
    np.testing.assert_allclose(np.asarray(cells.x), np.arange(12) + 1.0)
    for row, label in enumerate(cells.y):
        np.testing.assert_allclose(np.asarray(cells.z)[row], values[:, LABELS.index(label)])
        of_row = np.asarray(points.y) == label  # points that can be clicked on lie over the cells
        np.testing.assert_allclose(np.asarray(points.x)[of_row], np.arange(12) + 1.0)
        np.testing.assert_allclose(np.asarray(points.customdata)[of_row], values[:, LABELS.index(label)])
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.x1) == (3.0, 6.0)


def test_a_timeline_of_many_windows_has_no_gaps() -> None:
    few, many = (timeline(tags_of(np.zeros((count, 3))), LABELS, (0, 1)).data[0].xgap for count in (10, 1000))
    assert few > many == 0


def test_tags_come_before_likelier_labels_that_do_not_pass() -> None:
    tags = tags_of(np.array([[0.8, 0.3, 0.5]]), (0.9, 0.2, 0.6))
    assert [tag.label for tag in passing_first(tags)] == ["Bell", "Bark", "Hiss"]


def test_the_curve_has_precision_and_recall_of_every_threshold(held_out: OutOfFold) -> None:
    recall, precision, at = precision_recall_curve(held_out.targets[:, 0], held_out.scores[:, 0])
    assert len(at) == len(set(held_out.scores[:, 0]))  # no threshold parts equal scores
    assert (np.diff(at) < 0).all()
    assert (np.diff(recall) >= 0).all()
    for each in range(0, len(at), 5):
        assert held_out.precision_recall(0, at[each]) == pytest.approx((precision[each], recall[each]))


def test_the_chosen_threshold_is_marked_on_its_curve(held_out: OutOfFold) -> None:
    for threshold in (0.1, 0.35, 0.6):
        _, point = precision_recall(held_out.targets[:, 0], held_out.scores[:, 0], threshold).data
        assert (point.y[0], point.x[0]) == pytest.approx(held_out.precision_recall(0, threshold))


def test_no_point_is_drawn_where_no_clip_gets_or_has_the_label(held_out: OutOfFold) -> None:
    assert len(precision_recall(held_out.targets[:, 0], held_out.scores[:, 0], 1.0).data) == 1
    (curve,) = precision_recall(np.zeros(5), np.linspace(0, 1, 5), 0.5).data
    assert len(curve.x) == 0
