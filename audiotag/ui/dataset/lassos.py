"""Find what a lasso that the user drew holds."""

from __future__ import annotations

import numpy as np


def inside_lasso(positions: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Whether positions are inside of a closed line, shape ``(positions,)``.

    A position is inside if a line from it to the right crosses the lasso an odd number of times.

    Parameters
    ----------
    positions : numpy.ndarray, shape=(positions, 2)
        Right and up.
    corners : numpy.ndarray, shape=(corners, 2)
        Of the line, in its order.
    """
    inside = np.zeros(len(positions), dtype=bool)
    order = np.argsort(positions[:, 1], kind="stable")
    x, y = positions[order].T
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        # Only positions between the two ends in height can be crossed, which of a short piece are few.
        first, last = np.searchsorted(y, sorted((y0, y1)))
        crossed = x[first:last] < x0 + (y[first:last] - y0) * (x1 - x0) / (y1 - y0)
        inside[order[first:last]] ^= crossed
    return inside
