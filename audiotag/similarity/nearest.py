"""Find the clips that sound most alike: those whose vectors have the largest dot product."""

from __future__ import annotations

import numpy as np


def nearest_rows(vectors: np.ndarray, query: np.ndarray, count: int = 10, leave_out: int = -1) -> np.ndarray:
    """The rows whose vectors are most similar to a query, the most similar first.

    Parameters
    ----------
    vectors : numpy.ndarray, shape=(clips, dimensions)
        Of length 1, or 0 for silence, which is never found.
    query : numpy.ndarray, shape=(dimensions,)
    count : int
        Number of rows; fewer if there are fewer vectors.
    leave_out : int
        A row that must not be found: that of the query itself.

    Returns
    -------
    numpy.ndarray, shape=(count,), int
    """
    similarity = similarities(vectors, query)
    if 0 <= leave_out < len(similarity):
        similarity[leave_out] = -np.inf
    similarity[~vectors.any(axis=1)] = -np.inf
    count = min(count, int(np.isfinite(similarity).sum()))
    found = np.argpartition(-similarity, count - 1)[:count] if count else np.empty(0, int)
    return found[np.argsort(-similarity[found], kind="stable")]


def similarities(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Similarity of each vector to a query, from -1 to 1 (the same), shape ``(clips,)``, float32."""
    return vectors.astype(np.float32, copy=False) @ query.astype(np.float32, copy=False)
