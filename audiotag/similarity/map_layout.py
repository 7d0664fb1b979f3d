"""Lay clips out on a plane so that clips that sound alike are near each other.

The plane of principal components is computed at once. UMAP (McInnes, Healy and Melville 2018, arXiv:1802.03426) keeps
neighbours together better, but takes a minute for 25,000 clips, so `audiotag.similarity.map_job` does it in a process
of its own. UMAP gets the first 50 principal components, begins at the first two (Kobak and Linderman 2021,
doi:10.1038/s41587-020-00809-z), and is seeded: the same vectors give the same map.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable

import numpy as np

COMPONENTS = 50  # that UMAP gets
NEIGHBOURS = 15  # of each clip, as UMAP has it by default
FEWEST_CLIPS = NEIGHBOURS + 2  # for UMAP; fewer are shown by principal components alone
# By default 0.1. Clips of a group take more room, so that single ones can be clicked; neighbours are preserved as well.
MIN_DISTANCE = 0.8
SEED = 1
MANY_CLIPS, FEW_EPOCHS, EPOCHS = 10_000, 200, 500  # as UMAP has it by default
SAMPLE = 4000  # clips from which principal components are computed
BLOCK = 1024  # clips whose neighbours are found at a time
PLACED_AMONG = 5  # neighbours between which a clip is placed that came later

Progress = Callable[[int, int], None]


def vector_keys(vectors: np.ndarray) -> np.ndarray:
    """A hash of each vector, by which its position is found again, shape ``(clips,)``, uint64."""
    rows = np.ascontiguousarray(vectors)
    hashes = (hashlib.blake2b(row.data, digest_size=8).digest() for row in rows)
    return np.frombuffer(b"".join(hashes), "<u8")


def principal_components(vectors: np.ndarray, components: int = 2) -> np.ndarray:
    """Project vectors on their first principal components.

    Parameters
    ----------
    vectors : numpy.ndarray, shape=(clips, dimensions)
    components : int
        At least 1; what the vectors do not have is 0.

    Returns
    -------
    numpy.ndarray, shape=(clips, components), float32
        The signs are fixed, so that the same vectors always give the same picture.
    """
    values = vectors.astype(np.float32)
    result = np.zeros((len(values), components), np.float32)
    if not len(values):
        return result
    chosen = np.random.default_rng(SEED).permutation(len(values))[:SAMPLE]
    mean = values[chosen].mean(axis=0)
    centred = values[chosen] - mean
    _, directions = np.linalg.eigh(centred.T @ centred)
    axes = directions[:, ::-1][:, :components]
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
    result[:, : axes.shape[1]] = (values - mean) @ axes
    return result


def nearest_neighbours(vectors: np.ndarray, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    """The `NEIGHBOURS` nearest vectors of each vector, itself first, by exact search.

    Parameters
    ----------
    vectors : numpy.ndarray, shape=(clips, dimensions), float32
        Of length 1.
    progress : callable
        Gets the number of blocks that are done, and of all blocks.

    Returns
    -------
    tuple[numpy.ndarray, numpy.ndarray]
        Rows, int32, and cosine distances from 0 to 2, float32; ``(clips, NEIGHBOURS)`` each, the nearest first.
    """
    rows = np.empty((len(vectors), NEIGHBOURS), np.int32)
    distances = np.empty((len(vectors), NEIGHBOURS), np.float32)
    starts = range(0, len(vectors), BLOCK)
    for done, start in enumerate(starts, 1):
        distance = 1 - vectors[start : start + BLOCK] @ vectors.T
        own = np.arange(len(distance))
        distance[own, start + own] = -1.0  # first, also among copies
        near = np.argpartition(distance, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        near_distance = np.take_along_axis(distance, near, axis=1)
        order = np.argsort(near_distance, axis=1, kind="stable")
        rows[start : start + BLOCK] = np.take_along_axis(near, order, axis=1)
        distances[start : start + BLOCK] = np.take_along_axis(near_distance, order, axis=1)
        progress(done, len(starts))
    return rows, np.maximum(distances, 0)


def count_blocks(clips: int) -> int:
    """How many of the steps that `umap_layout` reports find neighbours; the others are epochs."""
    return -(-clips // BLOCK)


def count_epochs(clips: int) -> int:
    """For how many epochs `umap_layout` moves a number of clips."""
    return EPOCHS if clips <= MANY_CLIPS else FEW_EPOCHS


def umap_layout(vectors: np.ndarray, progress: Progress) -> np.ndarray:
    """Lay vectors out by UMAP; the first call in a process compiles for some seconds.

    Parameters
    ----------
    vectors : numpy.ndarray, shape=(clips, dimensions)
        At least `FEWEST_CLIPS`, of length 1.
    progress : callable
        Gets the number of steps that are done, and of all steps; what it raises ends the computation.

    Returns
    -------
    numpy.ndarray, shape=(clips, 2), float32
    """
    reduced = principal_components(vectors, COMPONENTS)
    lengths = np.linalg.norm(reduced, axis=1, keepdims=True)
    unit = reduced / np.where(lengths > 0, lengths, 1)
    blocks, epochs = count_blocks(len(vectors)), count_epochs(len(vectors))
    steps = blocks + epochs
    neighbours = nearest_neighbours(unit, lambda done, _: progress(done, steps))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # of what umap can do without
        import umap

        warnings.filterwarnings("ignore", "precomputed_knn", UserWarning)  # only says that `transform` will not work
        warnings.filterwarnings("ignore", "n_jobs", UserWarning)
        model = umap.UMAP(
            n_neighbors=NEIGHBOURS,
            metric="cosine",
            min_dist=MIN_DISTANCE,
            n_epochs=epochs,
            init=reduced[:, :2].copy(),
            precomputed_knn=neighbours,
            random_state=SEED,
            n_jobs=1,  # a seeded map is computed by one thread
            tqdm_kwds={
                "file": _EpochReader(lambda epoch: progress(blocks + epoch, steps)),
                "bar_format": "{n_fmt} ",
                "disable": False,
                "mininterval": 0.5,
            },
        )
        return np.asarray(model.fit_transform(unit), np.float32)


def place_among(vectors: np.ndarray, placed: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Give clips that came later a place on a map without moving the others: between their nearest neighbours.

    Parameters
    ----------
    vectors : numpy.ndarray, shape=(new clips, dimensions)
        Of length 1.
    placed : numpy.ndarray, shape=(clips, dimensions)
        Vectors of the clips that have a position; at least one.
    positions : numpy.ndarray, shape=(clips, 2)

    Returns
    -------
    numpy.ndarray, shape=(new clips, 2), float32
        Means of the positions of the `PLACED_AMONG` nearest clips, weighted by similarity.
    """
    others = placed.astype(np.float32)
    count = min(PLACED_AMONG, len(others))
    found = np.empty((len(vectors), 2), np.float32)
    for start in range(0, len(vectors), BLOCK):
        similarity = vectors[start : start + BLOCK].astype(np.float32) @ others.T
        near = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        weights = np.maximum(np.take_along_axis(similarity, near, axis=1), 1e-3)[:, :, None]
        found[start : start + BLOCK] = (positions[near] * weights).sum(axis=1) / weights.sum(axis=1)
    return found


class _EpochReader:
    """The file that UMAP's progress bar writes into, the only way in which UMAP reports its progress."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report

    def write(self, text: str) -> None:
        """Report the epoch in the text of the bar."""
        if (epoch := text.strip()).isdigit():
            self._report(int(epoch))

    def flush(self) -> None:
        """Do nothing: nothing is held back."""
