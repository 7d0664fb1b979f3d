"""Pairs of clips that are the same recording, cut, resampled, re-encoded or at another level.

`audiotag.similarity` finds them and writes them into the workspace, one file per dataset; the list of problems and
training read them. A pair counts only as long as the files of both clips are as they were when they were compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.index import KEY, cache_name, with_keys
from audiotag.state import fits, read_state
from audiotag.workspace import Workspace, write_json

FileKey = tuple[str, str, int, int]  # clip, subset, size in bytes, time of the last change in ns: see data.index.KEY

PAIR_SHAPE = {
    "subset": str, "clip": str, "other_subset": str, "other_clip": str, "offset_s": float, "similarity": float,
}  # fmt: skip
SHAPE = {
    "ensemble": str, "compared": int, "pairs": [PAIR_SHAPE], "files": [{"key": [(str, int)]}], "problems": [str],
}  # fmt: skip


@dataclass(frozen=True)
class NearDuplicate:
    """Two clips that are the same recording.

    Attributes
    ----------
    subset, clip : str
        The clip that begins first in the recording.
    other_subset, other_clip : str
    offset_s : float
        How much later the other clip begins in the recording, 0 or more.
    similarity : float
        Correlation of the clips' band energies at this offset, from 0 to 1 (the same).
    """

    subset: str
    clip: str
    other_subset: str
    other_clip: str
    offset_s: float
    similarity: float

    @property
    def names(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Subset and name of both clips."""
        return (self.subset, self.clip), (self.other_subset, self.other_clip)


@dataclass(frozen=True)
class NearDuplicateSearch:
    """The result of a search, as it is in the workspace.

    Attributes
    ----------
    ensemble : str
        Name of the ensemble by whose embeddings pairs were chosen for the comparison.
    compared : int
        Clips that were compared with the others.
    pairs : tuple[NearDuplicate, ...]
        The most similar first.
    files : frozenset of tuple
        Keys of the files of the clips in these pairs, as they were when they were compared.
    problems : tuple[str, ...]
        A sentence for each clip that could not be read.
    """

    ensemble: str
    compared: int
    pairs: tuple[NearDuplicate, ...]
    files: frozenset[FileKey]
    problems: tuple[str, ...] = ()


def near_duplicates_path(dataset: Path, workspace: Workspace) -> Path:
    """The file that holds the near-duplicates of the dataset at a path."""
    return workspace.root / "near-duplicates" / f"{cache_name(dataset, dataset.name)}.json"


def write_near_duplicates(dataset: Dataset, search: NearDuplicateSearch, workspace: Workspace) -> None:
    """Write the result of a search, in place of that of an earlier one."""
    values = {
        "ensemble": search.ensemble,
        "compared": search.compared,
        "pairs": [asdict(pair) for pair in search.pairs],
        "files": [{"key": list(key)} for key in sorted(search.files)],
        "problems": list(search.problems),
    }
    write_json(near_duplicates_path(dataset.root, workspace), values)


def read_search(dataset: Dataset, workspace: Workspace) -> NearDuplicateSearch | None:
    """The last search for near-duplicates, whatever has become of the clips since; None if there was none."""
    return _read(near_duplicates_path(dataset.root, workspace))


def knows_near_duplicates(dataset: Path, workspace: Workspace) -> bool:
    """Whether the last search in the dataset at a path found any."""
    search = _read(near_duplicates_path(dataset, workspace))
    return search is not None and bool(search.pairs)


def read_near_duplicates(dataset: Dataset, workspace: Workspace) -> list[NearDuplicate]:
    """The near-duplicates among the clips of a dataset whose files have not changed since; the most similar first."""
    search = read_search(dataset, workspace)
    if search is None or not search.pairs:
        return []
    names = {name for pair in search.pairs for name in pair.names}
    pairs = zip(dataset.clips["subset"], dataset.clips["clip"], strict=True)
    named = dataset.clips[[pair in names for pair in pairs]]
    if named.empty:
        return []
    current = {
        (subset, clip)
        for clip, subset, size, time in with_keys(named)[KEY].itertuples(index=False, name=None)
        if (clip, subset, size, time) in search.files
    }
    return [pair for pair in search.pairs if current.issuperset(pair.names)]


def connect(clips: pd.DataFrame, pairs: Iterable[NearDuplicate]) -> pd.Series:
    """Number the groups of clips that are near-duplicates of each other, directly or through other clips.

    Parameters
    ----------
    clips : pandas.DataFrame
        With ``subset`` and ``clip``.
    pairs : iterable of NearDuplicate

    Returns
    -------
    pandas.Series of Int64
        One number per clip, equal within a group; NA for a clip without near-duplicates.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows: dict[tuple[str, str], list[int]] = {}
    for row, name in enumerate(zip(clips["subset"], clips["clip"], strict=True)):
        rows.setdefault(name, []).append(row)
    edges = [
        (first, second)
        for pair in pairs
        for first in rows.get(pair.names[0], ())
        for second in rows.get(pair.names[1], ())
    ]
    ends = np.array(edges, dtype=int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges), dtype=bool), (ends[0], ends[1])), shape=(len(clips), len(clips)))
    numbers = pd.Series(connected_components(graph, directed=False)[1], index=clips.index, dtype="Int64")
    return numbers.where(numbers.duplicated(keep=False))


def _read(path: Path) -> NearDuplicateSearch | None:
    return read_state(path, _parse, None, "look for near-duplicates again")


def _parse(content: bytes) -> NearDuplicateSearch:
    values = json.loads(content.decode("utf-8"))
    if not fits(values, SHAPE):
        raise ValueError("a field is missing or has another type")
    files = [tuple(file["key"]) for file in values["files"]]
    if not all(list(map(type, key)) == [str, str, int, int] for key in files):
        raise ValueError("a key has other values than keys have")
    pairs = tuple(NearDuplicate(**{name: pair[name] for name in PAIR_SHAPE}) for pair in values["pairs"])
    return NearDuplicateSearch(
        values["ensemble"], values["compared"], pairs, frozenset(files), tuple(values["problems"])
    )
