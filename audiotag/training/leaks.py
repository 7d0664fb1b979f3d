"""Keep recordings, copies of a sound and near-duplicates in one fold, and say where other folds do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from audiotag.data.contents import connect_rows
from audiotag.data.dataset import Dataset
from audiotag.data.leaks import count_straddling
from audiotag.data.near_duplicates import NearDuplicate, connect
from audiotag.training.folds import NO_FOLD

DRAW_FOLDS = "Folds that the recipe draws keep them together: “Folds from” on the Train page, or --folds-from recipe."
STRATIFY = "A recipe with stratified folds keeps them together."

Copies = Sequence[Sequence[str]]  # groups of clips with the same content, or of near-duplicates, as `clip_key`


def clip_key(subset: str, clip: str) -> str:
    """The name of a clip among all clips of a dataset."""
    return f"{subset}/{clip}"


def copies_of(dataset: Dataset, content: pd.Series) -> list[list[str]]:
    """The groups of training clips with the same content; ``content`` has one value per clip of the dataset."""
    clips = dataset.clips[["subset", "clip"]].assign(content=content.to_numpy(dtype=object, na_value=None))
    clips = clips[clips["content"].notna() & (clips["subset"] != "test")]
    groups: dict[int, list[str]] = {}
    for subset, clip, number in clips.itertuples(index=False, name=None):
        groups.setdefault(number, []).append(clip_key(subset, clip))
    return [group for group in groups.values() if len(group) > 1]


def near_duplicates_of(dataset: Dataset, pairs: Iterable[NearDuplicate]) -> list[list[str]]:
    """The groups of training clips that are near-duplicates of each other, also through test clips."""
    return copies_of(dataset, connect(dataset.clips, pairs))


def add_units(clips: pd.DataFrame, copies: Copies, near_duplicates: Copies = ()) -> pd.DataFrame:
    """The clips with ``content``, a number for each of ``copies``, and ``unit``, the number of what stays together.

    Clips of one recording are a unit, and so are copies of a sound and near-duplicates; a copy in another recording
    makes a unit of both.
    """
    content, near = _numbers_of(clips, copies), _numbers_of(clips, near_duplicates)
    return clips.assign(content=content, unit=connect_rows(clips["group"], content, near))


def _numbers_of(clips: pd.DataFrame, groups: Copies) -> pd.Series:
    """The number of each clip's group; NA for a clip that is in none."""
    numbers = {key: number for number, group in enumerate(groups) for key in group}
    keys = map(clip_key, clips["subset"], clips["clip"])
    return pd.Series([numbers.get(key, pd.NA) for key in keys], index=clips.index, dtype="Int64")


def barred_folds(units: np.ndarray, held_out: Mapping[int, int]) -> np.ndarray:
    """The fold that must not train on each clip, because it is scored on a clip of the same unit; else `NO_FOLD`.

    Parameters
    ----------
    units : numpy.ndarray, shape=(clips,), int
    held_out : mapping of int to int
        The fold that holds out each unit of the subset that folds are scored on.
    """
    return np.array([held_out.get(unit, NO_FOLD) for unit in units.tolist()], dtype=int)


def straddling_sentence(parts: Iterable[tuple[pd.DataFrame, np.ndarray]], begin: str, where: str) -> str:
    """Say how many recordings and contents have clips in several folds; empty if none has.

    Parameters
    ----------
    parts : iterable of tuple
        Clips with ``group`` and ``content``, and the fold that holds each out; one per subset.
    begin : str
        Begins the sentence: "With recipe capstone".
    where : str
        What has the clips: "several folds".
    """
    clips = pd.concat([clips.assign(held_out_by=folds) for clips, folds in parts], ignore_index=True)
    counts = {
        "source recordings": count_straddling(clips["group"], clips["held_out_by"]),
        "groups of identical clips": count_straddling(clips["content"], clips["held_out_by"]),
    }
    found = [f"{several:,} of {total:,} {what}" for what, (several, total) in counts.items() if several]
    if not found:
        return ""
    return f"{begin}, {' and '.join(found)} have clips in {where}, which makes scores too high."
