"""Which clips to look at: one filter for all that is said about a dataset."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Filter:
    """Which clips to look at; empty fields let everything through.

    Attributes
    ----------
    labels : tuple[str, ...]
        With ``every_label`` all of them must be on the clip, else any.
    shortest_s, below_s : float
        Duration in seconds: the first included, the second not, as in a bin of `distribution`.
    quietest_dbfs, below_dbfs : float
        RMS level, the same way; a clip that is not measured yet has none, and does not pass.
    problems : tuple[str, ...]
        Kinds of fault, as in `audiotag.inspection.faults.faults`; a clip has to have one of them.
    text : str
        In the clip's name, its source or one of its labels, in whatever case.
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

    def __str__(self) -> str:
        """What it asks for, in words; "every clip" where it asks for nothing."""
        parts = [f"{self.subset} clips"] if self.subset else []
        if self.labels:
            parts.append((" and " if self.every_label else " or ").join(self.labels))
        if self.text:
            parts.append(f"“{self.text}” in name, label or link")
        parts += _between(self.shortest_s, self.below_s, "s", 0.0)
        parts += _between(self.quietest_dbfs, self.below_dbfs, "dBFS", -math.inf)
        if self.problems:
            parts.append("problem: " + " or ".join(self.problems))
        return "; ".join(parts) or "every clip"


def _between(low: float, high: float, unit: str, lowest: float) -> list[str]:
    if low == lowest and high == math.inf:
        return []
    if high == math.inf:
        return [f"at least {low:g} {unit}"]
    return [f"below {high:g} {unit}" if low == lowest else f"{low:g} to below {high:g} {unit}"]


def filtered(index: pd.DataFrame, wanted: Filter, found: pd.DataFrame | None = None) -> pd.DataFrame:
    """The rows that pass, with their own index.

    Parameters
    ----------
    index : pandas.DataFrame
    wanted : Filter
    found : pandas.DataFrame, optional
        From `audiotag.inspection.faults.faults`; needed where the filter asks for problems.
    """
    keep = pd.Series(True, index=index.index)
    if wanted.subset:
        keep &= index["subset"] == wanted.subset
    if wanted.labels:
        labels = set(wanted.labels)
        passes = labels.issubset if wanted.every_label else lambda have: not labels.isdisjoint(have)
        keep &= index["labels"].map(passes).astype(bool)
    for column, low, high, lowest in (
        ("duration_s", wanted.shortest_s, wanted.below_s, 0.0),
        ("rms_dbfs", wanted.quietest_dbfs, wanted.below_dbfs, -math.inf),
    ):
        if low > lowest or high < math.inf:
            keep &= index[column].astype(float).between(low, high, inclusive="left")
    if wanted.problems and found is not None:
        keep &= _known(index, found[found["kind"].isin(wanted.problems)])
    if wanted.text:
        text = index["clip"] + " " + index["labels"].map(" ".join) + " " + index["source"].fillna("")
        keep &= text.str.contains(wanted.text, case=False, regex=False)
    return index[keep]


def of_clips(found: pd.DataFrame, clips: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``found``, from `audiotag.inspection.faults.faults`, that are about these clips."""
    return found[_known(found, clips)]


def _known(rows: pd.DataFrame, among: pd.DataFrame) -> np.ndarray:
    """Whether the clip and subset of each row are those of one of ``among``; pandas' own isin is slow on strings."""
    known = set(zip(among["clip"].tolist(), among["subset"].tolist(), strict=True))
    pairs = zip(rows["clip"].tolist(), rows["subset"].tolist(), strict=True)
    return np.fromiter((pair in known for pair in pairs), dtype=bool, count=len(rows))
