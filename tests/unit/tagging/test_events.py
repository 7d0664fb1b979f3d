"""Events cover exactly what reaches the threshold; gaps, a minimum length and hysteresis change them as they say."""

import itertools

import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.tagging.events import Event, EventSettings, events_of_windows, merge_events, window_events

LABELS = ("Bark", "Hiss")
PLAIN = EventSettings()


def timeline(scores: list[float], window_s: float = 5.0, hop_s: float = 2.5, duration_s: float = 1e9):
    """Starts, ends and scores of windows, whose second label is silent."""
    starts = hop_s * np.arange(len(scores))
    return starts, np.minimum(starts + window_s, duration_s), np.column_stack([scores, np.zeros(len(scores))])


def found(scores: list[float], settings: EventSettings = PLAIN, threshold: float = 0.5, **shape: float):
    """Start, end and score of the events of the first label."""
    events = events_of_windows(*timeline(scores, **shape), LABELS, (threshold, threshold), settings)
    assert {event.label for event in events} <= {"Bark"}
    return [(event.start_s, event.end_s, event.score) for event in events]


def random_clip(seed: int) -> dict:
    """Windows of random lengths and hops, with scores that often lie at the threshold."""
    rng = np.random.default_rng(seed)
    count, window_s = int(rng.integers(1, 40)), float(rng.uniform(0.5, 6))
    hop_s = window_s * float(rng.choice([0.05, 0.25, 0.5, 1.0]))
    scores = rng.choice([0.0, 0.3, 0.45, 0.5, 0.8], size=count).tolist()
    duration_s = hop_s * (count - 1) + window_s * float(rng.uniform(0.2, 1))
    return {"scores": scores, "window_s": window_s, "hop_s": hop_s, "duration_s": duration_s}


def covered(ranges: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The union of ranges, as ranges that do not touch."""
    union: list[tuple[float, float]] = []
    for start, end in sorted(ranges):
        if union and start <= union[-1][1] + 1e-6:
            union[-1] = (union[-1][0], max(end, union[-1][1]))
        else:
            union.append((start, end))
    return union


@pytest.mark.parametrize("seed", range(40))
def test_events_cover_exactly_the_windows_that_reach_the_threshold(seed: int) -> None:
    clip = random_clip(seed)
    starts, ends, scores = timeline(**clip)
    reached = [(start, end) for start, end, score in zip(starts, ends, scores[:, 0], strict=True) if score >= 0.5]
    events = found(**clip)
    assert np.array(covered([event[:2] for event in events])) == pytest.approx(np.array(covered(reached)))
    for start, end, score in events:
        inside = [value for at, value in zip(starts, scores[:, 0], strict=True) if start <= at and at < end - 1e-6]
        assert score == max(inside)
    assert all(later[0] >= earlier[1] - 1e-6 for earlier, later in itertools.pairwise(events))
    assert all(end <= clip["duration_s"] for _, end, _ in events)


@pytest.mark.parametrize("seed", range(40))
def test_a_larger_gap_joins_more_and_joining_again_changes_nothing(seed: int) -> None:
    clip = random_clip(seed)
    before = found(**clip)
    for gap_s in (0.1, 1.0, 3.0, 100.0):
        events = found(settings=EventSettings(gap_s=gap_s), **clip)
        assert len(events) <= len(before)
        ranges = [event[:2] for event in events]
        assert covered([*(event[:2] for event in before), *ranges]) == covered(ranges)
        again = merge_events([Event(start, end, "Bark", score) for start, end, score in events], gap_s)
        assert [(event.start_s, event.end_s, event.score) for event in again] == events
        assert all(later[0] - earlier[1] > gap_s for earlier, later in itertools.pairwise(events))
        before = events
    assert len(before) <= 1


@pytest.mark.parametrize("seed", range(40))
def test_the_minimum_length_drops_shorter_events_and_changes_no_other(seed: int) -> None:
    clip = random_clip(seed)
    for min_s in (0.5, 2.0, 6.0):
        longer = [event for event in found(**clip) if event[1] - event[0] >= min_s - 1e-6]
        assert found(settings=EventSettings(min_s=min_s), **clip) == longer


@pytest.mark.parametrize("seed", range(40))
def test_hysteresis_only_lengthens_events(seed: int) -> None:
    clip = random_clip(seed)
    plain, held = found(**clip), found(settings=EventSettings(hysteresis=0.1), **clip)
    assert all(any(s <= start and end <= e for s, e, _ in held) for start, end, _ in plain)
    assert {start for start, _, _ in held} <= {start for start, _, _ in plain}
    assert all(score >= 0.5 for _, _, score in held)


def test_windows_of_5_s_every_2_5_s_make_events_from_the_first_start_to_the_last_end() -> None:
    assert found([0.1, 0.9, 0.6, 0.1, 0.1]) == [(2.5, 10.0, 0.9)]
    assert found([0.9, 0.1, 0.6]) == [(0.0, 5.0, 0.9), (5.0, 10.0, 0.6)]  # they meet, so a gap of 0 does not join them
    assert found([0.9, 0.1, 0.6], EventSettings(gap_s=0.001)) == [(0.0, 10.0, 0.9)]
    assert found([0.9, 0.1, 0.1, 0.6]) == [(0.0, 5.0, 0.9), (7.5, 12.5, 0.6)]
    assert found([0.9, 0.1, 0.1, 0.6], EventSettings(gap_s=2.5)) == [(0.0, 12.5, 0.9)]
    assert found([0.9, 0.1, 0.1, 0.6], EventSettings(gap_s=2.4)) == [(0.0, 5.0, 0.9), (7.5, 12.5, 0.6)]


def test_windows_that_overlap_by_more_than_half_make_one_event_where_they_overlap() -> None:
    assert found([0.9, 0.1, 0.6], hop_s=0.5) == [(0.0, 6.0, 0.9)]


def test_the_last_event_ends_with_the_clip() -> None:
    assert found([0.9, 0.6], duration_s=6.2) == [(0.0, 6.2, 0.9)]


def test_a_lower_threshold_keeps_an_event_open_but_does_not_open_one() -> None:
    held = EventSettings(hysteresis=0.2)
    assert found([0.4, 0.9, 0.4, 0.35, 0.2, 0.4], held) == [(2.5, 12.5, 0.9)]
    assert found([0.4, 0.9, 0.4, 0.35, 0.2, 0.4]) == [(2.5, 7.5, 0.9)]


def test_silence_is_no_event_whatever_the_threshold() -> None:
    assert found([0.0, 0.0], threshold=0.0) == []
    assert found([0.6, 0.0, 0.0], EventSettings(hysteresis=1.0)) == [(0.0, 5.0, 0.6)]


def test_events_of_all_labels_are_sorted_by_start() -> None:
    starts, ends, scores = timeline([0.1, 0.9, 0.1])
    scores[:, 1] = [0.7, 0.7, 0.1]
    assert events_of_windows(starts, ends, scores, LABELS, (0.5, 0.6), PLAIN) == [
        Event(0.0, 7.5, "Hiss", 0.7), Event(2.5, 7.5, "Bark", 0.9),
    ]  # fmt: skip
    assert window_events(starts, ends, scores, LABELS, (0.5, 0.6)) == [
        Event(0.0, 5.0, "Hiss", 0.7), Event(2.5, 7.5, "Bark", 0.9), Event(2.5, 7.5, "Hiss", 0.7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gap_s": -1.0}, r"gap_s must be a number from 0 to 86400 s, got -1\.0; 0 joins only events that overlap"),
        ({"min_s": float("nan")}, "min_s must be a number from 0 to 86400 s, got nan"),
        ({"hysteresis": 1.5}, r"hysteresis must be a number from 0 to 1, got 1\.5"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict, message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        EventSettings(**values)
