"""Find what straddles the parts of a dataset: recordings and contents that are both trained on and held out.

A part is a fold, the training clips without a fold, or the test clips.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from audiotag.data.dataset import has_own_folds, has_validation_split

MAX_NAMED_CLIPS = 3  # of a part, in a sentence
TEST, TRAINING, VALIDATION = "the test clips", "the training clips", "the validation clips"


class Leak(NamedTuple):
    """A recording, or a content, with clips in several parts.

    Attributes
    ----------
    clip, subset : str
        Its first clip.
    reason : str
        A sentence that names its clips in each part.
    """

    clip: str
    subset: str
    reason: str


class Straddling(NamedTuple):
    """How many recordings or contents have clips in several parts, and how many there are."""

    several: int
    total: int


def parts_of(clips: pd.DataFrame) -> pd.Series:
    """The part of each clip of a dataset, in words; all training clips are one part if they have no folds."""
    is_test = clips["subset"] == "test"
    parts = pd.Series(TRAINING, index=clips.index, dtype=object)
    training = clips[~is_test]
    if has_validation_split(training):
        parts[training.index[training["fold"].notna()]] = VALIDATION
    elif has_own_folds(training):
        parts[training.index] = [f"fold {fold}" for fold in training["fold"]]
    parts[is_test] = TEST
    return parts


def is_straddling(keys: pd.Series, parts: pd.Series) -> pd.Series:
    """Whether each clip's recording or content, NA for none, has clips in several parts."""
    return parts.groupby(keys).transform("nunique").reindex(keys.index).fillna(0) > 1


def count_straddling(keys: pd.Series, parts: pd.Series | np.ndarray) -> Straddling:
    """How many recordings or contents have clips in several parts, and how many there are.

    Examples
    --------
    >>> count_straddling(pd.Series(["a", "a", "b", None]), np.array([1, 2, 2, 1]))
    Straddling(several=1, total=2)
    """
    several = pd.Series(np.asarray(parts), index=keys.index).groupby(keys).nunique() > 1
    return Straddling(int(several.sum()), len(several))


def find_leaks(clips: pd.DataFrame, content: pd.Series, near: pd.Series | None = None) -> list[Leak]:
    """Find what straddles a dataset's own folds, its validation split, or its test clips.

    These are recordings, contents, and groups of near-duplicates.

    Parameters
    ----------
    clips : pandas.DataFrame
        The clips of a `audiotag.data.dataset.Dataset`.
    content : pandas.Series
        From `audiotag.data.contents.same_content`, one value per clip.
    near : pandas.Series, optional
        From `audiotag.data.near_duplicates.connect`, one value per clip.
    """
    keys = {"content": content, "near": near, "group": clips["group"]}
    keys = {key: values.reset_index(drop=True) for key, values in keys.items() if values is not None}
    parts, names = parts_of(clips.reset_index(drop=True)), list(zip(clips["clip"], clips["subset"], strict=True))
    leaks = []
    seen: set[tuple[int, ...]] = set()
    for key, values in keys.items():
        straddling = values[is_straddling(values, parts)]
        groups: dict[Any, list[int]] = {}
        for row, value in straddling.items():
            groups.setdefault(value, []).append(row)
        for value, rows in groups.items():
            if tuple(rows) in seen:  # the copies of one sound are of one recording
                continue
            seen.add(tuple(rows))
            by_part: dict[str, list[str]] = {}
            for row in sorted(rows, key=lambda row: (len(parts[row]), parts[row], row)):  # fold 2 before fold 10
                by_part.setdefault(parts[row], []).append(names[row][0])
            what = {
                "content": "The same sound is",
                "near": "Near-duplicates are",
                "group": f"The source recording {value} has clips",
            }[key]
            where = [f"{part} ({_named(clips_in_part)})" for part, clips_in_part in by_part.items()]
            reason = f"{what} in {', '.join(where[:-1])} and {where[-1]}, so scores on them are too high."
            leaks.append(Leak(*names[rows[0]], reason))
    return leaks


def _named(names: list[str]) -> str:
    more = len(names) - MAX_NAMED_CLIPS
    return ", ".join(names[:MAX_NAMED_CLIPS]) + (f" and {more:,} more" if more > 0 else "")
