"""Combine the scores of a blend's voters, and put the windows of its members onto common times.

Members cut a clip into windows of their own. The score of the clip needs no common windows: each member combines its
own ones. The timeline has the windows of the first member; the timelines of the others are interpolated linearly
between the centres of their windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audiotag.tagging.blend_card import BlendCombine
from audiotag.tagging.fold_fusion import MIN_SCORE


def fuse_voters(scores: np.ndarray, combine: BlendCombine, weights: Sequence[float]) -> np.ndarray:
    """The weighted mean of scores over voters; what all voters score 0 stays 0.

    Parameters
    ----------
    scores : numpy.ndarray, shape=(voters, …, labels)
        0 to 1.
    combine : "geometric" or "mean"
        In a geometric mean, scores below `audiotag.tagging.fold_fusion.MIN_SCORE` count as this one.
    weights : sequence of float
        One per voter, above 0; only their ratios matter.

    Returns
    -------
    numpy.ndarray, shape=(…, labels)
        0 to 1.

    Examples
    --------
    >>> fuse_voters(np.array([[0.9], [0.4]]), "geometric", (1, 1)).round(3)
    array([0.6])
    >>> fuse_voters(np.array([[0.9], [0.4]]), "mean", (4, 1)).round(3)
    array([0.8])
    """
    shares = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    if combine == "mean":
        return np.tensordot(shares, scores, axes=1)
    logarithms = np.log(np.maximum(scores, MIN_SCORE))
    return np.where((scores == 0).all(axis=0), 0, np.exp(np.tensordot(shares, logarithms, axes=1)))


def at_times(timeline: np.ndarray, times_s: np.ndarray, wanted_s: np.ndarray) -> np.ndarray:
    """A timeline at other times, interpolated linearly; before its first time and after its last it is constant.

    Parameters
    ----------
    timeline : numpy.ndarray, shape=(windows, labels)
    times_s : numpy.ndarray, shape=(windows,)
        Ascending centres of the windows.
    wanted_s : numpy.ndarray, shape=(times,)

    Returns
    -------
    numpy.ndarray, shape=(times, labels)

    Examples
    --------
    >>> at_times(np.array([[0.0], [1.0]]), np.array([1.0, 2.0]), np.array([0.0, 1.25, 2.0])).ravel()
    array([0.  , 0.25, 1.  ])
    """
    if len(times_s) == len(wanted_s) and np.array_equal(times_s, wanted_s):
        return timeline
    right = np.clip(np.searchsorted(times_s, wanted_s), 1, max(len(times_s) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(times_s) - 1)
    gaps = times_s[right] - times_s[left]
    share = np.clip((wanted_s - times_s[left]) / np.where(gaps > 0, gaps, 1), 0, 1)[:, None]
    return (1 - share) * timeline[left] + share * timeline[right]
