"""Embed the clips of a dataset by an ensemble, in a process of its own that outlives the page.

``python -m audiotag.similarity.embedding_job FOLDER DATASET ENSEMBLE`` is the process. It can be stopped and continued:
vectors are written in parts (`audiotag.similarity.embedding_store`), and only sounds without a vector are embedded.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from audiotag import in_hand
from audiotag.data.dataset import Dataset
from audiotag.data.index import cache_name, with_keys
from audiotag.data.saved_options import open_remembered
from audiotag.detached_job import DetachedJob
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.similarity.embedding import EmbeddingWriter, embed_files
from audiotag.similarity.embedding_store import EmbeddingStore, content_keys, file_keys
from audiotag.similarity.nearest import EXACT_UP_TO, NearestClips
from audiotag.state import read_json_state
from audiotag.tagging.card import Card
from audiotag.tagging.ensemble import embedding_source
from audiotag.tagging.settings import MEASURED
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import Workspace, write_json

PROGRESS_INTERVAL_S = 2.0
PROBLEMS = "problems.json"


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The vectors of the clips of a dataset.

    Attributes
    ----------
    clips : pandas.DataFrame
        ``subset``, ``clip`` and ``path`` of the clips that have a vector, numbered from 0, in the dataset's order.
    vectors : numpy.ndarray, shape=(clips, dimensions), float16
        Of length 1, or 0 for silence.
    missing : int
        Clips that have no vector yet, or cannot be read.
    problems : tuple[str, ...]
        A sentence for each of the missing clips that could not be read, as it is now.
    folder : Path, optional
        Where the graph of `nearest` is stored for a large dataset.
    """

    clips: pd.DataFrame
    vectors: np.ndarray
    missing: int
    problems: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def is_complete(self) -> bool:
        """Whether each clip has a vector or cannot be read."""
        return self.missing <= len(self.problems)

    @cached_property
    def nearest(self) -> NearestClips:
        """The search among these vectors, made when it is first asked for."""
        return NearestClips(self.vectors, self.folder)

    def row_of(self, subset: str, clip: str) -> int:
        """The row of a clip; -1 if it has no vector."""
        rows = np.flatnonzero((self.clips["clip"] == clip) & (self.clips["subset"] == subset))
        return int(rows[0]) if len(rows) else -1


@dataclass(frozen=True)
class EmbeddingJob(DetachedJob):
    """The vectors of a dataset's clips by an ensemble; the folder holds the state of the process, not the vectors.

    Attributes
    ----------
    folder : Path
    root : Path
        The dataset.
    ensemble : Path
        Folder of the ensemble.
    store : EmbeddingStore
    """

    root: Path
    ensemble: Path
    store: EmbeddingStore

    module: ClassVar[str] = "audiotag.similarity.embedding_job"
    activity: ClassVar[str] = "Embedding"
    past: ClassVar[str] = "embedded"

    @classmethod
    def of(cls, dataset: Dataset, ensemble: Path, card: Card, workspace: Workspace) -> EmbeddingJob:
        """The job for a dataset and the ensemble in a folder; nothing is started or written yet.

        A blend has the embeddings of its first member.
        """
        ensemble, card = embedding_source(ensemble, card)
        store = EmbeddingStore.of(card, workspace)
        folder = store.folder / "jobs" / cache_name(dataset.root, dataset.name)
        return cls(folder, dataset.root, ensemble.absolute(), store)

    def arguments(self) -> list[str]:
        """The arguments of the process, which `main` reads."""
        return [str(self.folder), str(self.root), str(self.ensemble)]

    def stamp(self) -> str:
        """A text that changes whenever there are more vectors to read."""
        return " ".join(path.stem.removeprefix("part-") for path in self.store.parts())

    def read(self, dataset: Dataset, workspace: Workspace) -> Embeddings:
        """The vectors so far of the clips of a dataset, as these are on disk now."""
        clips = _clips_of(dataset, workspace)
        keys = file_keys(clips)
        found = self.store.open().find(keys, content_keys(clips["content"]))
        table = clips.loc[found.is_found, ["subset", "clip", "path"]].reset_index(drop=True)
        missing = {str(key) for key in keys[~found.is_found]}
        shape = [{"file": str, "problem": str}]
        rows = read_json_state(self.folder / PROBLEMS, shape, [], "clips that cannot be read are tried again")
        problems = tuple(row["problem"] for row in rows if row["file"] in missing)
        return Embeddings(table, found.vectors, int((~found.is_found).sum()), problems, self.folder)


def embed_clips(job: EmbeddingJob, workspace: Workspace) -> None:
    """Embed the clips that have no vector yet, until all are done or `stop` is called."""
    dataset = open_remembered(job.root, workspace)
    clips = _clips_of(dataset, workspace)
    keys = file_keys(clips)
    is_found = job.store.open().find(keys, content_keys(clips["content"])).is_found
    todo = clips[~is_found]
    key_of = dict(zip(map(str, todo["path"]), keys[~is_found].tolist(), strict=True))
    files = [SoundFile(path, clip) for path, clip in zip(todo["path"], todo["clip"], strict=True)]
    done_before = int(is_found.sum())
    job.write_progress(done_before, len(clips), 0.0)
    problems: list[dict[str, str]] = []

    def open_tagger() -> Tagger:
        return Tagger(job.ensemble, MEASURED, keep_embeddings=True)

    began = last = time.monotonic()
    writer = EmbeddingWriter(job.store)
    with in_hand.noting(job.folder / ".in-hand"), writer, closing(embed_files(open_tagger, writer, files)) as results:
        for count, result in enumerate(results, 1):
            if result.tags is None:
                problems.append({"file": str(key_of[str(result.file.path)]), "problem": result.problem})
            if time.monotonic() - last > PROGRESS_INTERVAL_S:
                last = time.monotonic()
                left = len(todo) - writer.known - count
                job.write_progress(len(clips) - left, len(clips), (last - began) / count * left)
            if job.is_stop_requested():
                break
        else:
            job.write_progress(len(clips), len(clips), 0.0)
    write_json(job.folder / PROBLEMS, problems)
    if len(clips) > EXACT_UP_TO and not job.is_stop_requested():
        job.read(dataset, workspace).nearest.prepare()


def _clips_of(dataset: Dataset, workspace: Workspace) -> pd.DataFrame:
    """The clips with their keys, and with ``content`` where they are measured; clips without a file are left out."""
    clips = with_keys(dataset.clips)
    measures = MeasurementJob.of(dataset.root, dataset.name, workspace).table()
    clips = with_measures(clips, measures)
    return clips[clips["size"] > 0].reset_index(drop=True)


def main() -> None:
    """Embed the dataset of the second argument by the ensemble of the third; the state is in the folder of the first.

    The folder is below that of the store, which is below that of the workspace.
    """
    folder, root, ensemble = map(Path, sys.argv[1:4])
    workspace = Workspace(folder.parents[3])
    job = EmbeddingJob(folder, root, ensemble, EmbeddingStore(folder.parents[1]))
    job.run(lambda: embed_clips(job, workspace))


if __name__ == "__main__":
    main()
