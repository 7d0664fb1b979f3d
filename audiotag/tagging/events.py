"""Find the events in a timeline: for each label the time ranges in which its windows reach the threshold.

A *window* has a start, an end and a score per label; windows usually overlap (5 s long, every 2.5 s). An *event* is a
time range of one label. All export formats with time ranges write the events that are found here, in this order:

1. A window whose score reaches the threshold opens an event. The windows that follow belong to it as long as their
   scores are at most `EventSettings.hysteresis` below the threshold. The event lasts from the start of its first window
   to the end of its last, at most to the end of the clip; its score is the highest of its windows.
2. Events of a label that overlap, or are at most `EventSettings.gap_s` apart, become one (`merge_events`). Windows that
   overlap by more than half overlap also where a window between them stays below the threshold.
3. Events shorter than `EventSettings.min_s` are dropped.

A score of 0, which silence has, never belongs to an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from audiotag.checks import Within, check

if TYPE_CHECKING:
    from audiotag.tagging.result import Tags

MAX_S = 86_400.0
TOLERANCE_S = 1e-6  # times are sums of floats: ranges that meet up to this do not overlap


@dataclass(frozen=True)
class EventSettings:
    """How the windows of a timeline become events.

    Attributes
    ----------
    gap_s : float
        Events of a label that are at most this far apart become one; 0 joins only those that overlap.
    min_s : float
        Events shorter than this are dropped, in seconds; 0 keeps all.
    hysteresis : float
        How far below the threshold a score may fall without ending the event, 0 to 1.

    Raises
    ------
    AudiotagError
        If a value is out of its range.
    """

    gap_s: Annotated[float, Within(0, MAX_S, "s"), "0 joins only events that overlap"] = 0.0
    min_s: Annotated[float, Within(0, MAX_S, "s"), "0 keeps all events"] = 0.0
    hysteresis: Annotated[float, Within(0, 1), "0.1 is common; 0 ends an event below the threshold"] = 0.0

    def __post_init__(self) -> None:
        check(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


class Event(NamedTuple):
    """A time range of one label.

    Attributes
    ----------
    start_s, end_s : float
        From the clip's start.
    label : str
    score : float
        The highest score of its windows, 0 to 1.
    """

    start_s: float
    end_s: float
    label: str
    score: float


def find_events(
    tags: Tags, labels: Sequence[str], thresholds: Sequence[float], settings: EventSettings | None = None
) -> list[Event]:
    """The events of a clip.

    Parameters
    ----------
    tags : Tags
    labels : sequence of str
        All labels of the ensemble, in the order of its card.
    thresholds : sequence of float
        One per label, 0 to 1.
    settings : EventSettings, optional

    Returns
    -------
    list of Event
        Sorted by start, end and label.
    """
    ends_s = np.minimum(tags.starts_s + tags.window_s, tags.duration_s)
    return events_of_windows(tags.starts_s, ends_s, tags.timeline, labels, thresholds, settings or EventSettings())


def events_of_windows(
    starts_s: np.ndarray,
    ends_s: np.ndarray,
    scores: np.ndarray,
    labels: Sequence[str],
    thresholds: Sequence[float],
    settings: EventSettings,
) -> list[Event]:
    """`find_events` of windows.

    Parameters
    ----------
    starts_s, ends_s : numpy.ndarray, shape=(windows,)
        In the order of time; no window ends after the clip.
    scores : numpy.ndarray, shape=(windows, labels)
        0 to 1.
    labels, thresholds : sequence
    settings : EventSettings
    """
    opens = (scores > 0) & (scores >= np.asarray(thresholds))
    events = []
    for column in np.flatnonzero(opens.any(axis=0)).tolist():
        own = scores[:, column]
        stays = (own > 0) & (own >= thresholds[column] - settings.hysteresis)
        runs = [
            Event(float(starts_s[first]), float(ends_s[last]), labels[column], float(own[first : last + 1].max()))
            for first, last in _open_runs(opens[:, column].tolist(), stays.tolist())
        ]
        events += merge_events(runs, settings.gap_s)
    return sorted(event for event in events if event.end_s - event.start_s >= settings.min_s - TOLERANCE_S)


def window_events(
    starts_s: np.ndarray, ends_s: np.ndarray, scores: np.ndarray, labels: Sequence[str], thresholds: Sequence[float]
) -> list[Event]:
    """One event for each window and label that reaches its threshold, none joined; the parameters are those above."""
    found = np.argwhere((scores > 0) & (scores >= np.asarray(thresholds)))
    return sorted(
        Event(float(starts_s[row]), float(ends_s[row]), labels[column], float(scores[row, column]))
        for row, column in found.tolist()
    )


def merge_events(events: Iterable[Event], gap_s: float = 0.0) -> list[Event]:
    """Join events of one label that overlap or are at most ``gap_s`` apart; 0 joins only those that overlap.

    >>> merge_events([Event(0, 5, "Bark", 0.6), Event(5, 10, "Bark", 0.9)])
    [Event(start_s=0, end_s=5, label='Bark', score=0.6), Event(start_s=5, end_s=10, label='Bark', score=0.9)]
    >>> merge_events([Event(0, 5, "Bark", 0.6), Event(5.5, 10, "Bark", 0.9)], gap_s=1)
    [Event(start_s=0, end_s=10, label='Bark', score=0.9)]
    """
    largest_s = gap_s + TOLERANCE_S if gap_s > 0 else -TOLERANCE_S
    merged: list[Event] = []
    for event in sorted(events):
        last = merged[-1] if merged else None
        if last is not None and event.start_s - last.end_s <= largest_s:
            merged[-1] = last._replace(end_s=max(last.end_s, event.end_s), score=max(last.score, event.score))
        else:
            merged.append(event)
    return merged


def _open_runs(opens: Sequence[bool], stays: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last position of each run that begins where it opens, and lasts as long as it stays open.

    >>> _open_runs([False, True, False, False, True], [True, True, True, False, True])
    [(1, 2), (4, 4)]
    """
    runs: list[tuple[int, int]] = []
    is_open = False
    for position, (does_open, stays_open) in enumerate(zip(opens, stays, strict=True)):
        if is_open and stays_open:
            runs[-1] = (runs[-1][0], position)
        elif does_open:
            runs.append((position, position))
        is_open = does_open or (is_open and stays_open)
    return runs
