"""Find what a lasso or a box that the user drew on a chart holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def in_shapes(positions: np.ndarray, shapes: Sequence[Any]) -> np.ndarray:
    """Whether positions are in one of the shapes that a chart reports, shape ``(positions,)``.

    Parameters
    ----------
    positions : numpy.ndarray, shape=(positions, 2)
    shapes : sequence of mappings
        With ``x`` and ``y``: two opposite corners of a box, or the corners of a lasso. A position is inside a lasso if
        a line from it to the right crosses the lasso an odd number of times.
    """
    x, y = positions.T
    inside = np.zeros(len(positions), dtype=bool)
    for shape in shapes:
        xs, ys = np.asarray(shape["x"], float), np.asarray(shape["y"], float)
        if len(xs) == 2:
            inside |= (x >= xs.min()) & (x <= xs.max()) & (y >= ys.min()) & (y <= ys.max())
            continue
        is_in = np.zeros(len(positions), dtype=bool)
        for x0, y0, x1, y1 in zip(xs, ys, np.roll(xs, -1), np.roll(ys, -1), strict=True):
            if y0 != y1:
                is_in ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        inside |= is_in
    return inside
