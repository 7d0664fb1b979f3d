"""Look for near-duplicates in a dataset, in a process of its own that outlives the page.

``python -m audiotag.similarity.near_duplicate_job FOLDER DATASET ENSEMBLE`` is the process. It embeds the clips that
have no embedding yet, reads the band energies of all clips, compares the pairs that may be the same recording, and
writes the result by `audiotag.data.near_duplicates`. A process that was stopped continues after what is on disk.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from audiotag import in_hand
from audiotag.data.contents import cache_path, same_content
from audiotag.data.dataset import Dataset
from audiotag.data.index import KEY, cache_name, scan
from audiotag.data.near_duplicates import (
    NearDuplicate,
    NearDuplicateSearch,
    near_duplicates_path,
    write_near_duplicates,
)
from audiotag.data.saved_options import open_remembered
from audiotag.detached_job import DetachedJob
from audiotag.errors import clip_problem
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.processors import usable_cpus
from audiotag.similarity.band_energies import read_band_energies
from audiotag.similarity.embedding_job import EmbeddingJob, embed_clips
from audiotag.similarity.embedding_store import file_keys
from audiotag.similarity.energy_store import EnergyStore
from audiotag.similarity.near_duplicates import (
    MIN_SIMILARITY,
    compare,
    nearest_pairs,
    pairs_with_common_patterns,
    patterns,
)
from audiotag.tagging.card_reading import read_card
from audiotag.workspace import Workspace

EMBEDDED, READ = 0.5, 0.95  # of the progress, when all clips are embedded, and when their band energies are read
PART_INTERVAL_S = 5.0  # between parts that are written to disk
CLIPS_AT_ONCE = 32
PAIRS_AT_ONCE = 1024


@dataclass(frozen=True)
class NearDuplicateJob(DetachedJob):
    """The search for near-duplicates in one dataset; the folder holds the state of the process, not the result.

    Attributes
    ----------
    folder : Path
    root : Path
        The dataset.
    ensemble : Path
        Folder of the ensemble whose embeddings are used.
    """

    root: Path
    ensemble: Path

    module: ClassVar[str] = "audiotag.similarity.near_duplicate_job"
    activity: ClassVar[str] = "Comparing"
    past: ClassVar[str] = "compared"

    @classmethod
    def of(cls, dataset: Dataset, ensemble: Path, workspace: Workspace) -> NearDuplicateJob:
        """The job for a dataset and the ensemble in a folder; nothing is started or written yet."""
        return cls(near_duplicates_path(dataset.root, workspace).with_suffix(""), dataset.root, ensemble.absolute())

    def arguments(self) -> list[str]:
        """The arguments of the process, which `main` reads."""
        return [str(self.folder), str(self.root), str(self.ensemble)]


@dataclass(frozen=True)
class _EmbeddingPart(EmbeddingJob):
    """The embedding of the clips as the first part of the search."""

    def write_progress(self, done: int, total: int, left_s: float) -> None:
        """Write the progress of the search, of which embedding is a part; how long the rest takes is not known."""
        super().write_progress(round(EMBEDDED * done), total, 0.0)


def find_near_duplicates(job: NearDuplicateJob, workspace: Workspace) -> None:
    """Look for near-duplicates until all pairs are compared or `stop` is called."""
    dataset = open_remembered(job.root, workspace)
    vectors = _embed(job, dataset, workspace)
    if job.is_stop_requested():
        return
    clips = _clips_to_compare(dataset, workspace)
    store = EnergyStore(job.folder / "band-energies")
    energies, problems = _read_energies(job, store, clips)
    if job.is_stop_requested():
        return
    found = _compare_candidates(job, clips, energies, _vectors_of(clips, *vectors))
    if found is None:
        return
    names = {name for pair in found for name in pair.names}
    keys = clips[[pair in names for pair in zip(clips["subset"], clips["clip"], strict=True)]][KEY]
    files = frozenset(keys.itertuples(index=False, name=None))
    compared = sum(each.size > 0 for each in energies)
    search = NearDuplicateSearch(job.ensemble.name, compared, tuple(found), files, tuple(problems))
    write_near_duplicates(dataset, search, workspace)
    job.write_progress(len(clips), len(clips), 0.0)
    shutil.rmtree(store.folder, ignore_errors=True)


def _compare_candidates(
    job: NearDuplicateJob, clips: pd.DataFrame, energies: Sequence[np.ndarray], vectors: np.ndarray
) -> list[NearDuplicate] | None:
    """The near-duplicates, the most similar first; None if the search was stopped."""
    candidates = nearest_pairs(vectors) | pairs_with_common_patterns([patterns(each) for each in energies])
    found = []
    for done, (first, second, offset_s, similarity) in enumerate(_compare_all(sorted(candidates), energies), 1):
        if similarity >= MIN_SIMILARITY:
            found.append(_near_duplicate(clips.iloc[first], clips.iloc[second], offset_s, similarity))
        if done % PAIRS_AT_ONCE == 0:
            job.write_progress(round((READ + (1 - READ) * done / len(candidates)) * len(clips)), len(clips), 0.0)
            if job.is_stop_requested():
                return None
    return sorted(found, key=lambda pair: -pair.similarity)


def _embed(job: NearDuplicateJob, dataset: Dataset, workspace: Workspace) -> tuple[pd.DataFrame, np.ndarray]:
    """The clips that have a vector, and their vectors."""
    embedding = EmbeddingJob.of(dataset, job.ensemble, read_card(job.ensemble), workspace)
    part = _EmbeddingPart(job.folder, job.root, embedding.ensemble, embedding.store)
    embed_clips(part, workspace)
    embeddings = part.read(dataset, workspace)
    return embeddings.clips, embeddings.vectors


def _clips_to_compare(dataset: Dataset, workspace: Workspace) -> pd.DataFrame:
    """The clips whose header can be read, one of each content: copies are found without comparing."""
    measures = MeasurementJob.of(dataset.root, dataset.name, workspace).table()
    index = with_measures(scan(dataset, workspace.indexes), measures)
    content = same_content(index, cache_path(workspace.indexes, cache_name(dataset.root, dataset.name)))
    is_copy = content.notna() & content.duplicated()
    return index.loc[~is_copy & index["error"].isna(), [*KEY, "path"]].reset_index(drop=True)


def _read_energies(
    job: NearDuplicateJob, store: EnergyStore, clips: pd.DataFrame
) -> tuple[list[np.ndarray], list[str]]:
    """The band energies of all clips, and a sentence for each that cannot be read; those of the latter are empty."""
    keys = file_keys(clips).tolist()
    known = store.read()
    todo = [row for row, key in enumerate(keys) if key not in known]
    problems: list[str] = []
    new: dict[int, np.ndarray] = {}
    done, began = 0, time.monotonic()
    last = began
    with in_hand.noting(job.folder / ".in-hand"), ThreadPoolExecutor(usable_cpus()) as pool:
        while done < len(todo) and not job.is_stop_requested():
            rows = todo[done : done + CLIPS_AT_ONCE]
            some = clips.iloc[rows]
            for row, found in zip(rows, pool.map(_read, some["path"], some["clip"]), strict=True):
                if isinstance(found, str):
                    problems.append(found)
                else:
                    new[keys[row]] = found
            done += len(rows)
            left_s = (time.monotonic() - began) / done * (len(todo) - done)
            share = EMBEDDED + (READ - EMBEDDED) * (len(clips) - len(todo) + done) / len(clips)
            job.write_progress(round(share * len(clips)), len(clips), left_s)
            if time.monotonic() - last > PART_INTERVAL_S:
                store.add(new)
                known |= new
                new, last = {}, time.monotonic()
    store.add(new)
    known |= new
    nothing = np.zeros((0, 0), np.int8)
    return [known.get(key, nothing) for key in keys], problems


def _read(path: Path, clip: str) -> np.ndarray | str:
    try:
        return read_band_energies(path, clip)
    except Exception as error:  # whatever is wrong with a clip is that clip's problem
        return clip_problem(clip, error)


def _vectors_of(clips: pd.DataFrame, of: pd.DataFrame, vectors: np.ndarray) -> np.ndarray:
    """One vector per clip, 0 for a clip that has none."""
    rows = {name: row for row, name in enumerate(zip(of["subset"], of["clip"], strict=True))}
    found = np.zeros((len(clips), vectors.shape[1]), vectors.dtype)
    for row, name in enumerate(zip(clips["subset"], clips["clip"], strict=True)):
        if name in rows:
            found[row] = vectors[rows[name]]
    return found


def _compare_all(
    pairs: Sequence[tuple[int, int]], energies: Sequence[np.ndarray]
) -> Iterator[tuple[int, int, float, float]]:
    """Both clips of each pair, with offset and similarity."""
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            some = pairs[start : start + PAIRS_AT_ONCE]
            matches = pool.map(lambda pair: compare(energies[pair[0]], energies[pair[1]]), some)
            for pair, match in zip(some, matches, strict=True):
                yield (*pair, *match)


def _near_duplicate(first: pd.Series, second: pd.Series, offset_s: float, similarity: float) -> NearDuplicate:
    if offset_s < 0:
        first, second = second, first
    return NearDuplicate(
        first["subset"], first["clip"], second["subset"], second["clip"], round(abs(offset_s), 3), round(similarity, 3)
    )


def main() -> None:
    """Search the dataset of the second argument with the ensemble of the third; the state is in the first's folder.

    The folder is below ``near-duplicates`` of the workspace.
    """
    folder, root, ensemble = map(Path, sys.argv[1:4])
    job = NearDuplicateJob(folder, root, ensemble)
    job.run(lambda: find_near_duplicates(job, Workspace(folder.parents[1])))


if __name__ == "__main__":
    main()
