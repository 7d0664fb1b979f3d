"""Find the nearest among so many vectors that an exact search takes too long, by a graph of neighbours (usearch).

The graph (HNSW, Malkov and Yashunin 2018) is over the vectors projected onto their main directions, which makes it
several times smaller and faster to build than one over whole vectors. What it finds is compared again by the whole
vectors, so similarities and their order are exact; a neighbour may be missed. ``python benchmarks/embedding.py``
measures how many.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from audiotag.disk import optional_write
from audiotag.similarity.bounded_search import ROWS_AT_ONCE, main_directions, products
from audiotag.similarity.vector_file import map_arrays, write_arrays
from audiotag.state import set_aside

if TYPE_CHECKING:
    from usearch.index import Index

CANDIDATES = 10  # times the rows that are wanted are compared by their whole vectors, and
MORE_CANDIDATES = 100
EXPANSION = 200  # how many neighbours a search keeps in view; more finds more and takes longer


class GraphSearch:
    """A search for the largest dot products that may miss some.

    Parameters
    ----------
    vectors : numpy.ndarray, shape=(clips, dimensions)
        Not copied.
    basis : numpy.ndarray, shape=(dimensions, directions)
    index : usearch.index.Index
        Of the projections, by the numbers of their rows; without silent ones.
    """

    def __init__(self, vectors: np.ndarray, basis: np.ndarray, index: Index) -> None:
        self._vectors, self._basis, self._index = vectors, basis, index

    @classmethod
    def build(cls, vectors: np.ndarray) -> Self:
        """Make the graph: minutes for a million vectors."""
        basis = main_directions(vectors)
        index = _empty_index(basis.shape[1])
        for first in range(0, len(vectors), ROWS_AT_ONCE):
            projected = vectors[first : first + ROWS_AT_ONCE].astype(np.float32) @ basis
            audible = np.flatnonzero(projected.any(axis=1))
            index.add(first + audible, projected[audible])
        return cls(vectors, basis, index)

    @classmethod
    def read(cls, path: Path, vectors: np.ndarray) -> Self | None:
        """The graph that `write` wrote for these vectors; None if it is missing, or of other vectors."""
        try:
            arrays = map_arrays(path)
            check, graph, basis = arrays["check"].tolist(), arrays["graph"].tobytes(), np.array(arrays["basis"])
            if check[1] != zlib.crc32(basis.tobytes(), zlib.crc32(graph)):
                raise ValueError("the graph was altered")  # usearch would read outside its memory
            if check[0] != _checksum(vectors):
                return None
            index = _empty_index(basis.shape[1])
            index.load(graph[: check[2]])
        except FileNotFoundError:
            return None
        except MemoryError:
            raise
        except Exception:
            set_aside(path, None, "nearest clips are searched one by one until the clips are embedded again")
            return None
        return cls(vectors, basis, index)

    def write(self, path: Path) -> None:
        """Store the graph; a disk that cannot be written only costs time."""
        graph = self._index.save()
        assert graph is not None
        padded = bytes(graph) + bytes(-len(graph) % 8)
        check = [_checksum(self._vectors), zlib.crc32(self._basis.tobytes(), zlib.crc32(padded)), len(graph)]
        with optional_write("nearest clips are searched one by one"):
            write_arrays(
                path,
                {
                    "check": [np.array(check, np.uint64)],
                    "graph": [np.frombuffer(padded, np.uint64)],
                    "basis": [self._basis],
                },
            )

    @property
    def memory_bytes(self) -> int:
        """What the graph takes in memory, without the vectors."""
        return int(self._index.memory_usage)

    def find(self, query: np.ndarray, count: int, leave_out: Collection[int]) -> tuple[np.ndarray, np.ndarray]:
        """The rows with the largest dot products with a query, and these products; see `NearestClips.find`."""
        query = query.astype(np.float32)
        wanted = min(count * CANDIDATES + MORE_CANDIDATES + len(leave_out), len(self._index))
        found = self._index.search(query @ self._basis, wanted)
        rows = np.setdiff1d(found.keys.astype(np.int64), np.array(list(leave_out), np.int64))
        similarity = products(self._vectors, rows, query)
        best = np.argsort(-similarity, kind="stable")[:count]
        return rows[best], similarity[best]


def _empty_index(directions: int) -> Index:
    from usearch.index import Index

    return Index(ndim=directions, metric="ip", dtype="f16", expansion_search=EXPANSION)


def _checksum(vectors: np.ndarray) -> int:
    """A checksum of all vectors, which takes a second or two for a million."""
    checksum = zlib.crc32(str(vectors.shape).encode())
    for first in range(0, len(vectors), ROWS_AT_ONCE):
        checksum = zlib.crc32(np.ascontiguousarray(vectors[first : first + ROWS_AT_ONCE]).data.cast("B"), checksum)
    return checksum
