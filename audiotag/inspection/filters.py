"""Select the clips to look at: one filter for all tables and figures about a dataset."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from audiotag.wording import as_number


@dataclass(frozen=True)
class Filter:
    """Which clips to look at; by default all of them.

    Attributes
    ----------
    labels : tuple[str, ...]
        The clip must have one of these labels.
    every_label : bool
        The clip must have all of these labels.
    shortest_s, below_s : float
        Duration in seconds, from the first up to but not including the second, as in the bins of
        `audiotag.inspection.statistics.distribution`.
    quietest_dbfs, below_dbfs : float
        RMS level, in the same way; a clip that is not measured yet has no level and does not pass.
    problems : tuple[str, ...]
        The clip must have a fault of one of these kinds, see `audiotag.inspection.faults.find_faults`.
    text : str
        Must be in the clip's name, its source or one of its labels; upper and lower case are the same.
    clips : frozenset[tuple[str, str]] or None
        The clip must be one of these, by subset and name; None for any.
    """

    subset: str = ""
    labels: tuple[str, ...] = ()
    every_label: bool = False
    text: str = ""
    shortest_s: float = 0.0
    below_s: float = math.inf
    quietest_dbfs: float = -math.inf
    below_dbfs: float = math.inf
    problems: tuple[str, ...] = ()
    clips: frozenset[tuple[str, str]] | None = None

    def __str__(self) -> str:
        """The filter in words; "every clip" if it is empty."""
        parts = [f"{self.subset} clips"] if self.subset else []
        if self.labels:
            parts.append((" and " if self.every_label else " or ").join(self.labels))
        if self.text:
            parts.append(f"“{self.text}” in name, label or link")
        parts += _describe_range(self.shortest_s, self.below_s, "s", 0.0)
        parts += _describe_range(self.quietest_dbfs, self.below_dbfs, "dBFS", -math.inf)
        if self.problems:
            parts.append("problem: " + " or ".join(self.problems))
        if self.clips is not None:
            parts.append(f"{len(self.clips):,} selected clip{'' if len(self.clips) == 1 else 's'}")
        return "; ".join(parts) or "every clip"


def _describe_range(low: float, high: float, unit: str, lowest: float) -> list[str]:
    if low == lowest and high == math.inf:
        return []
    if high == math.inf:
        return [f"at least {as_number(low, 'g')} {unit}"]
    below = f"below {as_number(high, 'g')} {unit}"
    return [below if low == lowest else f"{as_number(low, 'g')} to {below}"]


def filter_clips(index: pd.DataFrame, wanted: Filter, found: pd.DataFrame | None = None) -> pd.DataFrame:
    """The rows of the index that pass a filter.

    Parameters
    ----------
    index : pandas.DataFrame
    wanted : Filter
    found : pandas.DataFrame, optional
        Faults, from `audiotag.inspection.faults.find_faults`; needed if the filter names problems.

    Returns
    -------
    pandas.DataFrame
        With the row labels of ``index``.
    """
    passes = pd.Series(True, index=index.index)
    if wanted.subset:
        passes &= index["subset"] == wanted.subset
    if wanted.labels:
        labels = set(wanted.labels)
        fits = labels.issubset if wanted.every_label else lambda clip_labels: not labels.isdisjoint(clip_labels)
        passes &= index["labels"].map(fits).astype(bool)
    for column, low, high, lowest in (
        ("duration_s", wanted.shortest_s, wanted.below_s, 0.0),
        ("rms_dbfs", wanted.quietest_dbfs, wanted.below_dbfs, -math.inf),
    ):
        if low > lowest or high < math.inf:
            passes &= index[column].astype(float).between(low, high, inclusive="left")
    if wanted.problems and found is not None:
        passes &= _is_among(index, found[found["kind"].isin(wanted.problems)])
    if wanted.clips is not None:
        pairs = zip(index["subset"].tolist(), index["clip"].tolist(), strict=True)
        passes &= np.fromiter((pair in wanted.clips for pair in pairs), dtype=bool, count=len(index))
    if wanted.text:
        text = index["clip"] + " " + index["labels"].map(" ".join) + " " + index["source"].fillna("")
        passes &= text.str.contains(wanted.text, case=False, regex=False)
    return index[passes]


def faults_of_clips(found: pd.DataFrame, clips: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``found``, from `audiotag.inspection.faults.find_faults`, that are about these clips."""
    return found[_is_among(found, clips)]


def _is_among(rows: pd.DataFrame, among: pd.DataFrame) -> np.ndarray:
    """Whether the clip and subset of each row also occur in ``among``; faster than ``isin`` of pandas on strings."""
    known = set(zip(among["clip"].tolist(), among["subset"].tolist(), strict=True))
    pairs = zip(rows["clip"].tolist(), rows["subset"].tolist(), strict=True)
    return np.fromiter((pair in known for pair in pairs), dtype=bool, count=len(rows))
