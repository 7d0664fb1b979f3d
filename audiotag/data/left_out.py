"""Leave out clips of a dataset, in the workspace alone: sounds and tables stay as they are, and each can be taken back.

Whatever opens a dataset by `audiotag.data.saved_options` opens it without these clips.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.dataset import Dataset, Problem
from audiotag.data.index import cache_name
from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.state import fits, read_state
from audiotag.workspace import Workspace, write_json

KIND = "left out"
SHAPE = {"subset": str, "clip": str, "reason": str}


@dataclass(frozen=True)
class LeftOutClip:
    """A clip that the user left out, and why."""

    subset: str
    clip: str
    reason: str


def left_out_path(dataset: Path, workspace: Workspace) -> Path:
    """The file that lists what is left out of the dataset at a path."""
    return workspace.root / "left-out" / f"{cache_name(dataset, dataset.name)}.json"


def left_out_clips(dataset: Path, workspace: Workspace) -> list[LeftOutClip]:
    """The clips that are left out of the dataset at a path."""
    otherwise = "no clip of the dataset is left out; leave them out again"
    return read_state(left_out_path(dataset, workspace), _parse, [], otherwise)


def leave_out(dataset: Dataset, clips: Iterable[LeftOutClip], workspace: Workspace) -> int:
    """Leave out clips from now on; gives their number, without those that were left out before.

    Raises
    ------
    AudiotagError
        If no clip would be left.
    """
    path = left_out_path(dataset.root, workspace)
    with locked(path):
        known = {(clip.subset, clip.clip): clip for clip in left_out_clips(dataset.root, workspace)}
        new = {(clip.subset, clip.clip): clip for clip in clips if (clip.subset, clip.clip) not in known}
        if len(dataset.clips) and _is_among(dataset.clips, known | new).all():
            raise AudiotagError(f"{dataset.name} would have no clip left; leave out fewer.")
        if new:
            write_json(path, [asdict(clip) for clip in (known | new).values()])
    return len(new)


def take_back(dataset: Path, workspace: Workspace) -> int:
    """Use all clips again that were left out of the dataset at a path; gives their number."""
    path = left_out_path(dataset, workspace)
    with locked(path):
        count = len(left_out_clips(dataset, workspace))
        path.unlink(missing_ok=True)
    return count


def without_left_out(dataset: Dataset, workspace: Workspace) -> Dataset:
    """The dataset without the clips that are left out of it; they are in its ``left_out``."""
    listed = {(clip.subset, clip.clip): clip for clip in left_out_clips(dataset.root, workspace)}
    is_out = _is_among(dataset.clips, listed)
    flagged = dataset.flagged_clips
    if flagged is not None and listed:
        flagged = flagged[~_is_among(flagged, listed)].reset_index(drop=True)
        flagged["place"] -= np.append(0, is_out.cumsum())[flagged["place"]]
        dataset = replace(dataset, flagged_clips=flagged if len(flagged) else None)
    if not is_out.any() or is_out.all():
        return dataset
    keys = dataset.clips.loc[is_out, ["subset", "clip"]].itertuples(index=False, name=None)
    problems = tuple(Problem(key[1], f"{key[1]} is left out by you: {listed[key].reason}", KIND) for key in keys)
    return replace(dataset, clips=dataset.clips[~is_out].reset_index(drop=True), left_out=problems)


def _is_among(clips: pd.DataFrame, keys: dict[tuple[str, str], LeftOutClip]) -> pd.Series:
    pairs = zip(clips["subset"], clips["clip"], strict=True)
    return pd.Series([pair in keys for pair in pairs], index=clips.index, dtype=bool)


def _parse(content: bytes) -> list[LeftOutClip]:
    listed = json.loads(content.decode("utf-8"))
    if not fits(listed, [SHAPE]):
        raise ValueError("an entry is not one of a clip")
    return [LeftOutClip(**entry) for entry in listed]
