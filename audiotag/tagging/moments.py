"""Turn the scores of windows that overlap much into scores of moments, so that events begin and end when they do.

A window scores high as soon as it holds enough of an event, wherever in the window that is. So in the scores of
windows, an event seems to begin up to a window too early and to end as much too late. Its ends are found in two steps.

1. *Roughly where.* At the event nearly all windows that hold the moment score high, and the further away a moment is,
   the fewer of them do: their mean rises to a peak at the event. So an event is where this mean reaches
   `SHARE_OF_PEAK` of its highest value nearby. That is right up to a second: how much of an event a window needs
   differs from label to label.
2. *Exactly when.* From one window to the next, one moment enters at the end of the window and one leaves at its start.
   The scores of all labels jump when the moment that enters is the first of an event, because the network hears
   something new, even where this is not yet enough for the event's own label. They jump again when the last moment of
   an event leaves. So the start moves to the moment nearby where three terms have the highest sum: the logarithm of
   the jump; how much higher the label's score is in the window that starts there than in the one that ends there, in
   logits; and a penalty that grows with the square of the distance from the rough start. The end is found in the same
   way, with time reversed.

Within the event a moment has the highest score of the windows that hold it; elsewhere it has the lowest one, so what
sounds on stays high.

`benchmarks/onsets.py` measures it. Two events with less than a window between them cannot be told apart, and an event
that the first or last window of a clip holds seems to reach to the end of the clip: no window is without it. An event
that starts less than a window after the start of the clip, or ends less than a window before its end, keeps its rough
time there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from audiotag.tagging.result import Tags

MIN_OVERLAP = 0.75  # of neighbouring windows, from which on a timeline has moments
ROUNDING = 0.03  # of a step, which is a whole number of frames where windows are cut from spectrograms
SHARE_OF_PEAK = 0.9
NEARBY = 0.5  # of a window, before and after a moment
LEAST_SCORE = 1e-5  # a logit needs a score above 0 and below 1
LEAST_JUMP = 0.1  # in logits; smaller ones are rounding
NEIGHBOUR = 0.5  # weight of the jumps before and after, because an event begins between two moments
RISE = 0.1  # weight of one logit of rise, where the logarithm of a jump has the weight 1
DISTANCE = 8.0  # weight of the squared distance from the rough time, in windows


def with_moments(tags: Tags) -> Tags:
    """The tags with a timeline of moments if their windows overlap enough; the scores of the clip stay.

    Each moment is as long as windows are apart; `Tags.starts_s`, `Tags.window_s`, `Tags.timeline` and
    `Tags.window_familiarity` are then those of moments.
    """
    hop_s = _hop_s(tags)
    if hop_s is None or hop_s > (1 - MIN_OVERLAP) * tags.window_s * (1 + ROUNDING):
        return tags
    starts_s = np.arange(0, tags.duration_s - 1e-6 * hop_s, hop_s)
    middles_s = (starts_s + np.minimum(starts_s + hop_s, tags.duration_s)) / 2
    first, end = holding_windows(tags.starts_s, tags.window_s, middles_s)
    familiarity = tags.window_familiarity
    if familiarity is not None:
        familiarity = np.array([_mean_known(familiarity[a:b]) for a, b in zip(first, end, strict=True)])
    nearby = round(NEARBY * tags.window_s / hop_s)
    mean, highest, lowest = scores_of_holding_windows(tags.timeline, first, end)
    is_event = exact_events(rough_events(mean, nearby), Edges.of(tags, starts_s, hop_s), nearby)
    return replace(
        tags,
        starts_s=starts_s,
        window_s=hop_s,
        timeline=np.where(is_event, highest, lowest),
        window_familiarity=familiarity,
    )


def holding_windows(starts_s: np.ndarray, window_s: float, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each time the first window that holds it, and the one after the last: two arrays of numbers.

    Examples
    --------
    >>> first, end = holding_windows(np.arange(5.0), 4.0, np.array([0.1, 4.1, 7.9]))
    >>> first.tolist(), end.tolist()
    ([0, 1, 4], [1, 5, 5])
    """
    first = np.minimum(np.searchsorted(starts_s, times_s - window_s - 1e-9), len(starts_s) - 1)
    return first, np.maximum(np.searchsorted(starts_s, times_s + 1e-9), first + 1)


def scores_of_holding_windows(
    scores: np.ndarray, first: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each moment the mean, the highest and the lowest score of the windows that hold it.

    Parameters
    ----------
    scores : numpy.ndarray, shape=(windows, labels)
    first, end : numpy.ndarray, shape=(moments,)
        From `holding_windows`.

    Returns
    -------
    tuple of three numpy.ndarray, shape=(moments, labels)
    """
    holding = [scores[a:b] for a, b in zip(first, end, strict=True)]
    mean, highest, lowest = (np.stack([way(each, axis=0) for each in holding]) for way in (np.mean, np.max, np.min))
    return mean, highest, lowest


def rough_events(mean: np.ndarray, nearby: int) -> np.ndarray:
    """Whether the mean over the windows that hold a moment is close to its highest value nearby.

    Parameters
    ----------
    mean : numpy.ndarray, shape=(moments, labels)
    nearby : int
        Number of moments, before and after each, in which the highest value is taken.

    Returns
    -------
    numpy.ndarray, shape=(moments, labels), bool
    """
    from scipy.ndimage import maximum_filter1d

    peak = maximum_filter1d(mean, 2 * nearby + 1, axis=0, mode="nearest")
    return mean >= SHARE_OF_PEAK * peak


@dataclass(frozen=True, eq=False)
class Edges:
    """How well an event of each label begins or ends at each moment, apart from where it is expected.

    Attributes
    ----------
    start, end : numpy.ndarray, shape=(moments, labels)
        For an event whose first, or last, moment this is; -inf where no moment enters, or leaves, a window.
    """

    start: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, tags: Tags, starts_s: np.ndarray, hop_s: float) -> Edges:
        """The edges in a timeline of windows, for moments with these starts that are ``hop_s`` long."""
        scores = np.clip(tags.timeline, LEAST_SCORE, 1 - LEAST_SCORE)
        logits = np.log(scores) - np.log1p(-scores)
        jumps = np.log(np.sqrt(np.mean(np.diff(logits, axis=0) ** 2, axis=1)) + LEAST_JUMP)
        beside = np.pad(jumps, 1, mode="edge")
        jumps = (jumps + NEIGHBOUR * (beside[:-2] + beside[2:])) / (1 + 2 * NEIGHBOUR)
        borders_s = np.append(starts_s, starts_s[-1] + hop_s)
        ending = logits[_nearest(tags.starts_s, borders_s - tags.window_s)]
        starting = logits[_nearest(tags.starts_s, borders_s)]
        rise = RISE * (starting - ending)
        before = tags.starts_s[:-1]  # the window before each jump
        enters = _at(jumps, before, starts_s - tags.window_s, hop_s)
        leaves = _at(jumps, before, starts_s, hop_s)
        return cls(enters[:, None] + rise[:-1], leaves[:, None] - rise[1:])


def exact_events(is_event: np.ndarray, edges: Edges, nearby: int) -> np.ndarray:
    """Move the ends of events to the best edges nearby.

    Parameters
    ----------
    is_event : numpy.ndarray, shape=(moments, labels), bool
        From `rough_events`.
    edges : Edges
    nearby : int
        Number of moments by which a start or an end may move.

    Returns
    -------
    numpy.ndarray, shape=(moments, labels), bool
    """
    moments, labels = is_event.shape
    change = np.diff(np.pad(is_event, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    label, starts = np.nonzero(change.T > 0)
    lasts = np.nonzero(change.T < 0)[1] - 1
    can_start, can_end = (np.flatnonzero(np.isfinite(edge[:, 0])) for edge in (edges.start, edges.end))
    exact_starts, exact_lasts = starts, lasts
    if len(can_start):
        inner = starts >= can_start[0]
        exact_starts = np.where(inner, _best(edges.start, label, starts, nearby, 0 * starts, lasts), starts)
    if len(can_end):
        inner = lasts <= can_end[-1]
        highest = np.full_like(lasts, moments - 1)
        exact_lasts = np.where(inner, _best(edges.end, label, lasts, nearby, exact_starts, highest), lasts)
    borders = np.zeros((moments + 1, labels), dtype=np.int32)
    np.add.at(borders, (exact_starts, label), 1)
    np.add.at(borders, (np.maximum(exact_lasts, exact_starts) + 1, label), -1)
    return np.cumsum(borders, axis=0)[:-1] > 0


def _best(
    edge: np.ndarray, label: np.ndarray, rough: np.ndarray, nearby: int, lowest: np.ndarray, highest: np.ndarray
) -> np.ndarray:
    """The best moment of each event between two limits; the rough one where there is none."""
    best, best_value = rough.copy(), np.full(len(rough), -np.inf)
    for step in range(-nearby, nearby + 1):
        at = rough + step
        allowed = (at >= lowest) & (at <= highest)
        distance = step / nearby * NEARBY  # in windows
        value = edge[np.where(allowed, at, 0), label] - DISTANCE * distance**2
        better = allowed & (value > best_value)
        best[better], best_value[better] = at[better], value[better]
    return best


def _nearest(sorted_values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Numbers of the values that are nearest to the wanted ones."""
    after = np.clip(np.searchsorted(sorted_values, wanted), 1, len(sorted_values) - 1)
    return after - (wanted - sorted_values[after - 1] <= sorted_values[after] - wanted)


def _at(values: np.ndarray, times_s: np.ndarray, wanted_s: np.ndarray, hop_s: float) -> np.ndarray:
    """The values at the times nearest to the wanted ones; -inf where none is nearer than a hop."""
    nearest = _nearest(times_s, wanted_s)
    return np.where(np.abs(times_s[nearest] - wanted_s) < 0.75 * hop_s, values[nearest], -np.inf)


def _hop_s(tags: Tags) -> float | None:
    """The distance of windows in seconds; None for fewer than three, because the last distance may be shorter."""
    return float(np.diff(tags.starts_s).max()) if len(tags.starts_s) > 2 else None


def _mean_known(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
