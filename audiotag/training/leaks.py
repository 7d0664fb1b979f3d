"""Keep recordings and copies of a sound in one fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from audiotag.data.contents import connect_rows
from audiotag.data.dataset import Dataset
from audiotag.training.folds import NO_FOLD

Copies = Sequence[Sequence[str]]  # groups of clips with the same content, each clip as `clip_key`


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


def add_units(clips: pd.DataFrame, copies: Copies) -> pd.DataFrame:
    """The clips with ``content``, a number for each of ``copies``, and ``unit``, the number of what stays together.

    Clips of one recording are a unit, and so are copies of a sound; a copy in another recording makes a unit of both.
    """
    numbers = {key: number for number, group in enumerate(copies) for key in group}
    keys = map(clip_key, clips["subset"], clips["clip"])
    content = pd.Series([numbers.get(key, pd.NA) for key in keys], index=clips.index, dtype="Int64")
    return clips.assign(content=content, unit=connect_rows(clips["group"], content))


def barred_folds(units: np.ndarray, held_out: Mapping[int, int]) -> np.ndarray:
    """The fold that must not train on each clip, because it is scored on a clip of the same unit; else `NO_FOLD`.

    Parameters
    ----------
    units : numpy.ndarray, shape=(clips,), int
    held_out : mapping of int to int
        The fold that holds out each unit of the subset that folds are scored on.
    """
    return np.array([held_out.get(unit, NO_FOLD) for unit in units.tolist()], dtype=int)
