"""Noisy clips whose labels a network agrees with: what a stage may train on beside the curated clips.

The published method proposed it and left it undone; in the same competition it took the eighth place's cross-validation
from 0.862 to 0.879 (É. Bouteillon, https://github.com/ebouteillon/freesound-audio-tagging-2019).
"""

from __future__ import annotations

import numpy as np


def agreeing_rows(scores: np.ndarray, targets: np.ndarray, most: int) -> np.ndarray:
    """Clips whose labels are all ranked above their other ones, the surest few of each label.

    Parameters
    ----------
    scores, targets : numpy.ndarray, shape=(clips, labels)
        After the sigmoid; multi-hot, as the dataset has them.
    most : int
        Clips a label. One with several labels counts for each of them, and is surest of the least sure.

    Returns
    -------
    numpy.ndarray of int
        Rows, in order.

    Examples
    --------
    >>> scores = np.array([[0.9, 0.2, 0.1], [0.3, 0.6, 0.1], [0.8, 0.1, 0.1], [0.5, 0.1, 0.7]])
    >>> targets = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 1]])
    >>> agreeing_rows(scores, targets, most=2)
    array([0, 2, 3])
    """
    has = targets > 0
    least = np.where(has, scores, np.inf).min(axis=1)
    others = np.where(has, -np.inf, scores).max(axis=1)
    agrees = has.any(axis=1) & (least > others)
    taken: set[int] = set()
    for label in range(targets.shape[1]):
        rows = np.flatnonzero(agrees & has[:, label])
        taken.update(rows[np.argsort(-least[rows], kind="stable")][:most].tolist())
    return np.array(sorted(taken), dtype=int)
