"""Make the map of a dataset's clips by UMAP, in a process of its own that outlives the page.

``python -m audiotag.similarity.map_job FOLDER DATASET ENSEMBLE`` is the process. The map is one file in the workspace:
the position of each vector, by a hash of the vector. So it depends on nothing but what the ensemble hears: a clip that
moves, or a copy of it, stays where it is; one that changes is a new one. Clips that came after the map was made are
placed among their neighbours (`audiotag.similarity.map_layout.place_among`), and nothing else moves until the map is
made again. A process that is stopped leaves the map as it was, and the next one begins anew.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from audiotag.data.dataset import Dataset
from audiotag.data.index import cache_name
from audiotag.data.saved_options import open_remembered
from audiotag.detached_job import DetachedJob
from audiotag.similarity import map_layout
from audiotag.similarity.embedding_job import EmbeddingJob, Embeddings
from audiotag.state import read_state
from audiotag.tagging.card import Card
from audiotag.tagging.card_reading import read_card
from audiotag.workspace import Workspace, write_bytes

FILE = "map.safetensors"
INTERVAL_S = 0.5  # between two reports of progress


class _StoppedError(Exception):
    """The user asked the process to stop."""


@dataclass(frozen=True, eq=False)
class ClipMap:
    """Where the clips of a dataset are on the map.

    Attributes
    ----------
    positions : numpy.ndarray, shape=(clips, 2), float32
        In the order of the embeddings' clips; NaN for silence, which sounds like nothing else.
    method : str
        "PCA" or "UMAP".
    placed_later : int
        Clips that came after the map was made, and are placed among their neighbours.
    """

    positions: np.ndarray
    method: str
    placed_later: int = 0


@dataclass(frozen=True)
class MapJob(DetachedJob):
    """The map of a dataset's clips by an ensemble's vectors.

    Attributes
    ----------
    folder : Path
    root : Path
        The dataset.
    ensemble : Path
        Folder of the ensemble.
    """

    root: Path
    ensemble: Path

    module: ClassVar[str] = "audiotag.similarity.map_job"
    activity: ClassVar[str] = "Making the map"
    past: ClassVar[str] = "placed"
    unit: ClassVar[str] = "steps"

    @classmethod
    def of(cls, dataset: Dataset, ensemble: Path, card: Card, workspace: Workspace) -> MapJob:
        """The job for a dataset and the ensemble in a folder; nothing is started or written yet."""
        store = EmbeddingJob.of(dataset, ensemble, card, workspace).store
        return cls(store.folder / "maps" / cache_name(dataset.root, dataset.name), dataset.root, ensemble.absolute())

    def arguments(self) -> list[str]:
        """The arguments of the process, which `main` reads."""
        return [str(self.folder), str(self.root), str(self.ensemble)]

    def stamp(self) -> int:
        """A number that changes whenever the map is made again; 0 before the first map."""
        try:
            return (self.folder / FILE).stat().st_mtime_ns
        except OSError:
            return 0

    def read(self, vectors: np.ndarray) -> ClipMap:
        """The positions of clips: by UMAP, or by principal components as long as it has placed hardly any of them.

        Parameters
        ----------
        vectors : numpy.ndarray, shape=(clips, dimensions), float16
            Of length 1, or 0 for silence.
        """
        positions = np.full((len(vectors), 2), np.nan, np.float32)
        audible = np.flatnonzero(vectors.any(axis=1))
        known = read_state(self.folder / FILE, _parse, None, "the map is made again")
        if known is not None:
            keys, places = known
            rows = _find(map_layout.vector_keys(vectors[audible]), keys)
            is_placed = rows >= 0
            if 2 * is_placed.sum() > len(audible):
                old, new = audible[is_placed], audible[~is_placed]
                positions[old] = places[rows[is_placed]]
                if len(new):
                    positions[new] = map_layout.place_among(vectors[new], vectors[old], positions[old])
                return ClipMap(positions, "UMAP", len(new))
        positions[audible] = map_layout.principal_components(vectors[audible])
        return ClipMap(positions, "PCA")


def make_map(job: MapJob, embeddings: Embeddings) -> None:
    """Lay out all clips that have a vector, and write the map; without a result if `stop` is called."""
    vectors = embeddings.vectors[embeddings.vectors.any(axis=1)]
    keys, rows = np.unique(map_layout.vector_keys(vectors), return_index=True)  # copies have one place
    if len(keys) < map_layout.FEWEST_CLIPS:
        return
    report = _Report(job, map_layout.count_blocks(len(keys)))
    try:
        positions = map_layout.umap_layout(vectors[rows], report)
    except _StoppedError:
        return
    from safetensors.numpy import save

    write_bytes(job.folder / FILE, save({"keys": keys, "positions": positions}))


def _find(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The row of each wanted key among known ones, which are sorted; -1 for a key that is not known."""
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[places] == wanted, places, -1)


def _parse(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    from safetensors.numpy import load

    arrays = load(content)
    keys, positions = arrays["keys"], arrays["positions"]
    if keys.dtype != np.uint64 or keys.ndim != 1 or not len(keys) or (keys[1:] <= keys[:-1]).any():
        raise ValueError("the keys are not sorted numbers")
    if positions.dtype != np.float32 or positions.shape != (len(keys), 2) or not np.isfinite(positions).all():
        raise ValueError("the positions do not fit the keys")
    return keys, positions


class _Report:
    """Write the progress now and then, with the time that is left, and stop where that is asked for."""

    def __init__(self, job: MapJob, blocks: int) -> None:
        self._job, self._blocks = job, blocks
        self._written_s = 0.0
        self._first_epoch: tuple[int, float] | None = None  # steps that were done, and the time

    def __call__(self, done: int, total: int) -> None:
        if self._job.is_stop_requested():
            raise _StoppedError
        now = time.monotonic()
        if now - self._written_s < INTERVAL_S and done < total:
            return
        self._written_s = now
        left_s = 0.0  # not known before epochs pass: blocks are much quicker, and between both numba compiles
        if done > self._blocks:
            first, began_s = self._first_epoch = self._first_epoch or (done, now)
            left_s = (now - began_s) / max(1, done - first) * (total - done)
        self._job.write_progress(done, total, left_s)


def main() -> None:
    """Make the map of the dataset of the second argument by the ensemble of the third.

    The state is in the folder of the first argument, which is in that of the embeddings.
    """
    folder, root, ensemble = map(Path, sys.argv[1:4])
    workspace = Workspace(folder.parents[3])
    job = MapJob(folder, root, ensemble)

    def work() -> None:
        dataset = open_remembered(root, workspace)
        embedding_job = EmbeddingJob.of(dataset, ensemble, read_card(ensemble), workspace)
        make_map(job, embedding_job.read(dataset, workspace))

    job.run(work)


if __name__ == "__main__":
    main()
