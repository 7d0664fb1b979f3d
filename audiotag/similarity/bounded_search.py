"""Find the nearest vectors exactly, though most of them are not read: bounds exclude those that cannot be among them.

Each vector is projected once onto the few directions that hold most of the collection's power. With P the projection,
x·q = Px·Pq + (x − Px)·(q − Pq), and by Cauchy and Schwarz the last product is at most |x − Px| |q − Pq|. So one more
coordinate, the length of what the projection leaves out, turns the product of two compact vectors into an upper bound
of the similarity. Only vectors whose bound reaches the similarity of the last one found are compared in full.

Source: Li et al. 2017, "FEXIPRO: fast and exact inner product retrieval in recommender systems" (SIGMOD), who bound
inner products after a singular value decomposition in the same way.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

DIRECTIONS = 128
FITTED_ON = 5000  # vectors that the directions are computed from, evenly spaced
ROWS_AT_ONCE = 8192  # of 1,000 dimensions: 32 MB
FIRST_COMPARED = 8  # times the number of rows that are wanted
ROUNDING = 1e-5  # added to bounds, which are computed in float32


class BoundedSearch:
    """An exact search for the largest dot products.

    Parameters
    ----------
    vectors : numpy.ndarray, shape=(clips, dimensions)
        Not copied. Of length 1, or 0 for silence, which is never found.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        self._vectors = vectors
        self._basis = main_directions(vectors)
        self._compact = np.empty((len(vectors), self._basis.shape[1] + 1), np.float32)
        for first in range(0, len(vectors), ROWS_AT_ONCE):
            block = vectors[first : first + ROWS_AT_ONCE].astype(np.float32)
            self._compact[first : first + ROWS_AT_ONCE] = self._compacted(block)
        self._silent = np.flatnonzero(~self._compact.any(axis=1))

    def find(self, query: np.ndarray, count: int, leave_out: Collection[int]) -> tuple[np.ndarray, np.ndarray]:
        """The rows with the largest dot products with a query, and these products; see `NearestClips.find`."""
        query = query.astype(np.float32)
        bounds = self._compact @ self._compacted(query[None])[0] + ROUNDING
        bounds[self._silent] = -np.inf
        bounds[list(leave_out)] = -np.inf
        count = min(count, int(np.isfinite(bounds).sum()))
        if not count:
            return np.empty(0, int), np.empty(0, np.float32)
        first = min(count * FIRST_COMPARED, len(bounds))
        likely = np.argpartition(-bounds, first - 1)[:first]
        least = np.sort(products(self._vectors, likely, query))[-count]
        possible = np.flatnonzero(bounds >= least)
        similarity = products(self._vectors, possible, query)
        best = np.argsort(-similarity, kind="stable")[:count]
        return possible[best], similarity[best]

    def _compacted(self, vectors: np.ndarray) -> np.ndarray:
        """The projections of vectors, and the lengths of what is left out, ``(…, directions + 1)``."""
        projected = vectors @ self._basis
        left_out = (vectors**2).sum(axis=1) - (projected**2).sum(axis=1)
        return np.column_stack([projected, np.sqrt(np.maximum(left_out, 0))])


def products(vectors: np.ndarray, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """The dot products of some of the vectors with a query, shape ``(rows,)``, float32."""
    firsts = range(0, len(rows), ROWS_AT_ONCE)
    blocks = [vectors[rows[first : first + ROWS_AT_ONCE]].astype(np.float32) @ query for first in firsts]
    return np.concatenate([np.empty(0, np.float32), *blocks])


def main_directions(vectors: np.ndarray) -> np.ndarray:
    """Orthonormal directions with the most power, ``(dimensions, directions)``; not centred, as products are not."""
    from scipy.linalg import eigh

    sample = vectors[:: max(1, len(vectors) // FITTED_ON)].astype(np.float32)
    dimensions = vectors.shape[1]
    _, directions = eigh(sample.T @ sample, subset_by_index=[max(0, dimensions - DIRECTIONS), dimensions - 1])
    return np.ascontiguousarray(directions)
