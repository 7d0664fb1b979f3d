"""Find the clips that sound most alike: those whose vectors have the largest dot product.

`NearestClips` is made once for a collection and then answers any number of queries: exactly up to `EXACT_UP_TO`
vectors, and also beyond unless a graph was prepared, which is faster there and may miss a neighbour.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audiotag.similarity.bounded_search import BoundedSearch
from audiotag.similarity.graph_search import GraphSearch

EXACT_UP_TO = 200_000
GRAPH = "nearest.safetensors"
COMPARED_ONE_BY_ONE = 2000  # a search among so few vectors needs no preparation


class Nearest(NamedTuple):
    """What a search found, the most similar first.

    Attributes
    ----------
    rows : numpy.ndarray, shape=(found,), int
    similarities : numpy.ndarray, shape=(found,), float32
        -1 to 1, which means the same vector.
    """

    rows: np.ndarray
    similarities: np.ndarray


class NearestClips:
    """Search a collection of vectors; several threads may search at once.

    Parameters
    ----------
    vectors : numpy.ndarray, shape=(clips, dimensions)
        Of length 1, or 0 for silence, which is never found. Not copied; it may be a memory map.
    folder : Path, optional
        Where the graph is stored for more than `EXACT_UP_TO` vectors.

    Examples
    --------
    >>> vectors = np.array([[1, 0], [0.6, 0.8], [0, 1]])
    >>> NearestClips(vectors).find(vectors[0], count=2, leave_out=[0]).rows
    array([1, 2])
    """

    def __init__(self, vectors: np.ndarray, folder: Path | None = None) -> None:
        self.vectors, self._folder = vectors, folder

    def find(self, query: np.ndarray, count: int = 10, leave_out: Collection[int] = ()) -> Nearest:
        """The most similar clips.

        Parameters
        ----------
        query : numpy.ndarray, shape=(dimensions,)
            Of length 1, such as one of the vectors. A query of 0, silence, finds nothing.
        count : int
            Number of clips; fewer if there are fewer that are not silent.
        leave_out : collection of int
            Rows that must not be found, such as that of the query itself.
        """
        if not query.any() or not len(self.vectors):
            return Nearest(np.empty(0, int), np.empty(0, np.float32))
        if len(self.vectors) <= COMPARED_ONE_BY_ONE:
            similarity = similarities(self.vectors, query)
            rows = _best_rows(similarity, self.vectors, count, leave_out)
            return Nearest(rows, similarity[rows])
        return Nearest(*self._search.find(query, count, leave_out))

    def prepare(self) -> None:
        """Do now what takes long: seconds up to `EXACT_UP_TO` vectors, minutes for a graph of a million.

        Without it the first search takes a second or a few, and all are exact, however many vectors there are.
        """
        if len(self.vectors) <= COMPARED_ONE_BY_ONE:
            return
        search = self._search
        if len(self.vectors) > EXACT_UP_TO and not isinstance(search, GraphSearch):
            self._search = graph = GraphSearch.build(self.vectors)
            if self._folder:
                graph.write(self._folder / GRAPH)

    @cached_property
    def _search(self) -> BoundedSearch | GraphSearch:
        folder = self._folder if len(self.vectors) > EXACT_UP_TO else None
        graph = GraphSearch.read(folder / GRAPH, self.vectors) if folder else None
        return graph or BoundedSearch(self.vectors)


def similarities(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Similarity of each vector to a query, from -1 to 1 (the same), shape ``(clips,)``, float32."""
    return vectors.astype(np.float32, copy=False) @ query.astype(np.float32, copy=False)


def _best_rows(similarity: np.ndarray, vectors: np.ndarray, count: int, leave_out: Collection[int]) -> np.ndarray:
    possible = np.asarray(vectors.any(axis=1))
    possible[list(leave_out)] = False
    rows = np.flatnonzero(possible)
    return rows[np.argsort(-similarity[rows], kind="stable")[:count]]
