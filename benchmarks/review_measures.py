"""Measure how well a ranking finds known label errors: used by review.py.

Conventions: ``is_error`` says for each item, a pair of clip and label or a whole clip, whether it has an error;
``suspicion`` is a real number per item, the highest ranked first. Equal ones count with the mean over their orders.
"""

from __future__ import annotations

import numpy as np


def precision_at(is_error: np.ndarray, suspicion: np.ndarray, count: int) -> float:
    """The share of errors among the first ``count`` items; NaN if there are fewer items.

    >>> precision_at(np.array([1, 0, 0, 1]), np.array([0.9, 0.1, 0.5, 0.5]), 2)
    0.75
    """
    return hits_at(is_error, suspicion, count) / count if 0 < count <= len(is_error) else float("nan")


def recall_at(is_error: np.ndarray, suspicion: np.ndarray, count: int) -> float:
    """The share of all errors that is among the first ``count`` items."""
    return hits_at(is_error, suspicion, min(count, len(is_error))) / max(1, int(is_error.sum()))


def hits_at(is_error: np.ndarray, suspicion: np.ndarray, count: int) -> float:
    """The expected number of errors among the first ``count`` items if equal ones are ordered at random."""
    lowest = np.sort(suspicion)[::-1][count - 1]
    above, equal = suspicion > lowest, suspicion == lowest
    return float(is_error[above].sum() + is_error[equal].mean() * (count - above.sum()))


def area_under_roc(is_error: np.ndarray, suspicion: np.ndarray) -> float:
    """The probability that an error is ranked before an item without one; 0.5 at random.

    >>> area_under_roc(np.array([1, 0, 0]), np.array([3.0, 2.0, 1.0]))
    1.0
    """
    from scipy.stats import rankdata

    errors, others = int(is_error.sum()), int((1 - is_error).sum())
    if not errors or not others:
        return float("nan")
    rank_sum = rankdata(suspicion)[is_error > 0].sum()
    return float((rank_sum - errors * (errors + 1) / 2) / (errors * others))
