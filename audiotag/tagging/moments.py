"""Turn the scores of windows that overlap much into scores of moments, so that events begin and end when they do.

A window scores high as soon as it holds enough of an event, wherever in the window that is. So in the scores of
windows, an event seems to begin up to a window too early and to end as much too late. But at the event itself nearly
all windows that hold the moment score high, and the further away a moment is, the fewer of them do: their mean rises to
a peak at the event. So an event is where this mean reaches `SHARE_OF_PEAK` of its highest value nearby. There a moment
has the highest score of the windows that hold it; elsewhere it has the lowest one, so what sounds on stays high.

`benchmarks/onsets.py` measures it. Two events with less than a window between them cannot be told apart, and an event
that the first or last window of a clip holds seems to reach to the end of the clip: no window is without it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audiotag.tagging.result import Tags

MIN_OVERLAP = 0.75  # of neighbouring windows, from which on a timeline has moments
ROUNDING = 0.03  # of a step, which is a whole number of frames where windows are cut from spectrograms
SHARE_OF_PEAK = 0.9
NEARBY = 0.5  # of a window, before and after a moment


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
    return replace(
        tags,
        starts_s=starts_s,
        window_s=hop_s,
        timeline=moment_scores(tags.timeline, first, end, nearby),
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


def moment_scores(scores: np.ndarray, first: np.ndarray, end: np.ndarray, nearby: int) -> np.ndarray:
    """Scores of moments.

    Parameters
    ----------
    scores : numpy.ndarray, shape=(windows, labels)
    first, end : numpy.ndarray, shape=(moments,)
        From `holding_windows`.
    nearby : int
        Number of moments, before and after each, in which the mean has its highest value nearby.

    Returns
    -------
    numpy.ndarray, shape=(moments, labels)
    """
    from scipy.ndimage import maximum_filter1d

    holding = [scores[a:b] for a, b in zip(first, end, strict=True)]
    mean, highest, lowest = (np.stack([way(each, axis=0) for each in holding]) for way in (np.mean, np.max, np.min))
    peak = maximum_filter1d(mean, 2 * nearby + 1, axis=0, mode="nearest")
    return np.where(mean >= SHARE_OF_PEAK * peak, highest, lowest)


def _hop_s(tags: Tags) -> float | None:
    """The distance of windows in seconds; None for fewer than three, because the last distance may be shorter."""
    return float(np.diff(tags.starts_s).max()) if len(tags.starts_s) > 2 else None


def _mean_known(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
