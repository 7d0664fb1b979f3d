"""Keep recordings and copies of a sound in one fold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from audiotag.data.contents import connect_rows
from audiotag.training.folds import NO_FOLD

Copies = Sequence[Sequence[str]]  # groups of clips with the same content, each clip as `clip_key`


def clip_key(subset: str, clip: str) -> str:
    """The name of a clip among all clips of a dataset."""
    return f"{subset}/{clip}"


def groups_of(clips: pd.DataFrame, keys: pd.Series) -> list[list[str]]:
    """The groups of two or more training clips with the same key; ``keys`` has one value per clip, or NA."""
    named = clips[["subset", "clip"]].assign(key=keys.to_numpy(dtype=object, na_value=None))
    named = named[named["key"].notna() & (named["subset"] != "test")]
    groups: dict[Any, list[str]] = {}
    for subset, clip, key in named.itertuples(index=False, name=None):
        groups.setdefault(key, []).append(clip_key(subset, clip))
    return [group for group in groups.values() if len(group) > 1]


def add_units(clips: pd.DataFrame, copies: Copies, together: Sequence[Copies] = ()) -> pd.DataFrame:
    """The clips with ``content``, a number for each of ``copies``, and ``unit``, the number of what stays together.

    Clips of one recording are a unit, and so are copies of a sound; a copy in another recording makes a unit of both.
    So does each group of ``together``, which has a list of groups per kind.
    """
    names = list(map(clip_key, clips["subset"], clips["clip"]))

    def numbered(groups: Copies) -> pd.Series:
        numbers = {key: number for number, group in enumerate(groups) for key in group}
        return pd.Series([numbers.get(name, pd.NA) for name in names], index=clips.index, dtype="Int64")

    content = numbered(copies)
    return clips.assign(content=content, unit=connect_rows(clips["group"], content, *map(numbered, together)))


def barred_folds(units: np.ndarray, held_out: Mapping[int, Collection[int]]) -> np.ndarray:
    """The folds that must not train on each clip, because they are scored on a clip of the same unit.

    Parameters
    ----------
    units : numpy.ndarray, shape=(clips,), int
    held_out : mapping of int to collection of int
        The folds that hold out clips of each unit, of the subset that folds are scored on.

    Returns
    -------
    numpy.ndarray, shape=(clips, folds), int
        As many columns as the most folds of one clip, at least one; `NO_FOLD` where a clip has fewer.

    Examples
    --------
    >>> barred_folds(np.array([4, 7, 9]), {4: {2}, 7: {1, 3}}).tolist()
    [[2, 0], [1, 3], [0, 0]]
    """
    of_clips = [sorted(held_out.get(unit, ())) for unit in units.tolist()]
    barred = np.full((len(of_clips), max(map(len, of_clips), default=0) or 1), NO_FOLD)
    for row, folds in enumerate(of_clips):
        barred[row, : len(folds)] = folds
    return barred
