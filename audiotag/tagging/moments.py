"""Turn the scores of windows that overlap much into scores of moments, so that events begin and end when they do.

A window scores high as soon as it holds enough of an event, wherever in the window that is. So in the scores of
windows, an event seems to begin up to a window too early and to end as much too late. A moment of the event is inside
high-scoring windows only; a moment before it is also in windows that do not hold the event yet. So the score of a
moment is a low quantile over the windows that hold it, without those that have it close to one of their ends, where an
event that has just begun is not recognised yet. In image processing this is an erosion, which undoes the dilation by
the windows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audiotag.tagging.result import Tags

MIN_OVERLAP = 0.75  # of neighbouring windows, from which on a timeline has moments
MARGIN = 0.1  # of a window, at both of its ends
QUANTILE = 0.1


def with_moments(tags: Tags) -> Tags:
    """The tags with a timeline of moments if their windows overlap enough; the scores of the clip stay.

    Each moment is as long as windows are apart; `Tags.starts_s`, `Tags.window_s`, `Tags.timeline` and
    `Tags.window_familiarity` are then those of moments.
    """
    hop_s = _hop_s(tags)
    if hop_s is None or hop_s > (1 - MIN_OVERLAP) * tags.window_s * (1 + 1e-6):
        return tags
    starts_s = np.arange(0, tags.duration_s - 1e-6 * hop_s, hop_s)
    middles_s = (starts_s + np.minimum(starts_s + hop_s, tags.duration_s)) / 2
    first, end = holding_windows(tags.starts_s, tags.window_s, middles_s)
    timeline = np.stack([low_scores(tags.timeline[a:b]) for a, b in zip(first, end, strict=True)])
    familiarity = tags.window_familiarity
    if familiarity is not None:
        familiarity = np.array([_mean_known(familiarity[a:b]) for a, b in zip(first, end, strict=True)])
    return replace(tags, starts_s=starts_s, window_s=hop_s, timeline=timeline, window_familiarity=familiarity)


def holding_windows(starts_s: np.ndarray, window_s: float, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each time the first window that holds it well inside, and the one after the last, two arrays of numbers.

    A time near an end of the clip is held by the window at that end, and at least one window holds each time.

    Examples
    --------
    >>> first, end = holding_windows(np.arange(5.0), 4.0, np.array([0.1, 4.0, 7.9]))
    >>> first.tolist(), end.tolist()
    ([0, 1, 4], [1, 4, 5])
    """
    margin_s = MARGIN * window_s
    first = np.searchsorted(starts_s, times_s - window_s + margin_s - 1e-9)
    end = np.searchsorted(starts_s, times_s - margin_s + 1e-9)
    first = np.minimum(first, len(starts_s) - 1)
    return first, np.maximum(end, first + 1)


def low_scores(scores: np.ndarray) -> np.ndarray:
    """The low quantile of scores ``(windows, labels)`` over windows, ``(labels,)``."""
    return np.quantile(scores, QUANTILE, axis=0)


def _hop_s(tags: Tags) -> float | None:
    """The distance of windows in seconds, of which the last may be less; None where there is one window."""
    return float(np.diff(tags.starts_s).max()) if len(tags.starts_s) > 1 else None


def _mean_known(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
