"""Find what straddles the parts of a dataset: recordings and contents that are both trained on and held out.

A part is a fold, the training clips without a fold, or the test clips.
"""

from __future__ import annotations

from typing import NamedTuple

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


def find_leaks(clips: pd.DataFrame, content: pd.Series) -> list[Leak]:
    """Recordings and contents that straddle a dataset's own folds, its validation split, or its test clips.

    Parameters
    ----------
    clips : pandas.DataFrame
        The clips of a `audiotag.data.dataset.Dataset`.
    content : pandas.Series
        From `audiotag.data.contents.same_content`, one value per clip.
    """
    clips = clips.reset_index(drop=True).assign(content=content.to_numpy(dtype=object, na_value=None))
    clips["part"] = parts_of(clips)
    leaks = []
    seen: set[frozenset[int]] = set()
    for key in ("content", "group"):
        straddling = clips[is_straddling(clips[key], clips["part"])]
        for value, rows in straddling.groupby(key, sort=False):
            if frozenset(rows.index) in seen:  # the copies of one sound are of one recording
                continue
            seen.add(frozenset(rows.index))
            what = "The same sound is" if key == "content" else f"The source recording {value} has clips"
            where = [f"{part} ({_named(names)})" for part, names in rows.groupby("part")["clip"]]
            parts = f"{', '.join(where[:-1])} and {where[-1]}"
            reason = f"{what} in {parts}, so scores on them are too high."
            leaks.append(Leak(rows.iloc[0]["clip"], rows.iloc[0]["subset"], reason))
    return leaks


def _named(names: pd.Series) -> str:
    more = len(names) - MAX_NAMED_CLIPS
    return ", ".join(names.iloc[:MAX_NAMED_CLIPS]) + (f" and {more:,} more" if more > 0 else "")
