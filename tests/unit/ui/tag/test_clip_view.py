"""A clip's labels are compared with its tags, and the timeline has the scores of its windows."""

import numpy as np

from audiotag.tagging.result import Tag, Tags
from audiotag.ui.tag.clip_view import label_verdicts, timeline_rows
from audiotag.ui.tag.jumps import best_moment_s

LABELS = ("Bark", "Bell", "Hiss")


def tags_of(*scores: float, threshold: float = 0.5, timeline: np.ndarray | None = None) -> Tags:
    """Tags of a sound of 3 s in windows of 1 s that overlap by half."""
    ranking = sorted(zip(LABELS, scores, strict=True), key=lambda pair: -pair[1])
    starts_s = np.arange(0, 2.5, 0.5)
    rows = np.tile(scores, (len(starts_s), 1)) if timeline is None else timeline
    return Tags(
        "a", 3.0, tuple(Tag(name, score, threshold, 2) for name, score in ranking), 2, np.array(scores), rows, starts_s,
        1.0, (),
    )  # fmt: skip


def test_labels_are_right_extra_or_missed() -> None:
    tags = tags_of(0.9, 0.8, 0.1)
    assert label_verdicts(tags, ("Bark", "Hiss")) == [("Bark", "right"), ("Bell", "extra"), ("Hiss", "missed")]
    assert label_verdicts(tags, ()) == [("Bark", "extra"), ("Bell", "extra")]


def test_labels_of_another_spelling_or_with_an_alias_are_right() -> None:
    tags = tags_of(0.9, 0.8, 0.1)
    assert label_verdicts(tags, ("bark", "BELL")) == [("Bark", "right"), ("Bell", "right")]
    assert label_verdicts(tags, ("Woof", "hiss"), {"woof": "Bark"}) == [
        ("Bark", "right"), ("Bell", "extra"), ("Hiss", "missed"),
    ]  # fmt: skip
    assert label_verdicts(tags, ("Woof",)) == [("Bark", "extra"), ("Bell", "extra"), ("Woof", "missed")]


def test_the_timeline_lies_at_the_middles_of_the_windows_and_begins_with_the_tags() -> None:
    timeline = np.linspace(0, 1, 15).reshape(5, 3)
    tags = tags_of(0.2, 0.6, 0.3, timeline=timeline)
    first, *_ = rows = timeline_rows(tags, LABELS, 0.0, 3.0)
    assert [line.label for line in rows] == ["Bell 0.60", "Hiss 0.30", "Bark 0.20"]
    np.testing.assert_allclose(first.times_s, [0.5, 1.0, 1.5, 2.0, 2.5])
    np.testing.assert_allclose(first.values, timeline[:, 1])
    part, *_ = timeline_rows(tags, LABELS, 2.0, 1.0)
    np.testing.assert_allclose(part.times_s, [0.0, 0.5])  # of windows that reach into the part, by its own time
    np.testing.assert_allclose(part.values, timeline[3:, 1])


def test_the_best_moment_of_a_label_is_the_start_of_its_highest_window() -> None:
    timeline = np.array([[0.1, 0.9, 0.2], [0.2, 0.1, 0.2], [0.8, 0.1, 0.2], [0.7, 0.1, 0.2], [0.1, 0.1, 0.2]])
    tags = tags_of(0.8, 0.9, 0.2, timeline=timeline)
    assert [best_moment_s(tags, column) for column in range(3)] == [1.0, 0.0, 0.0]
