"""What a dataset is, whatever layout it came in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

SUBSETS = ("curated", "noisy", "test")
CLIP_COLUMNS = ["clip", "path", "subset", "labels", "fold", "group", "licence", "source"]


@dataclass(frozen=True)
class Problem:
    """A clip or a table row with something wrong, what kind it is, and the sentence that says what."""

    clip: str
    reason: str
    kind: str = "labels"


@dataclass(frozen=True)
class Dataset:
    """Labelled clips.

    Attributes
    ----------
    root : Path
        The folder or table that was opened.
    layout : str
        What was recognised, in words.
    clips : pandas.DataFrame
        A row a clip: ``clip`` (file name), ``path`` (Path), ``subset`` (curated, noisy or test), ``labels`` (tuple of
        str), ``fold`` (the dataset's own, or NA), ``group`` (source recording, or NA), ``licence`` and ``source``
        (a link; both NA where the tables do not say).
    labels : tuple[str, ...]
        The vocabulary, sorted.
    problems : tuple[Problem, ...]
        What was left out.
    condemned : tuple[Problem, ...]
        Clips that the dataset's own notes condemn; left out unless they were put back.
    missing : tuple[str, ...]
        Whole parts that are not there, as sentences: the label statistics work without them.
    """

    name: str
    root: Path
    layout: str
    clips: pd.DataFrame
    labels: tuple[str, ...]
    problems: tuple[Problem, ...]
    flagged: tuple[Problem, ...] = ()
    missing: tuple[str, ...] = ()

    def subset(self, name: str) -> pd.DataFrame:
        """The clips of one subset, numbered from 0."""
        return self.clips[self.clips["subset"] == name].reset_index(drop=True)

    @property
    def subsets(self) -> tuple[str, ...]:
        """The subsets that have clips, in the order curated, noisy, test."""
        present = set(self.clips["subset"].unique())
        return tuple(name for name in SUBSETS if name in present)

    @property
    def fingerprint(self) -> str:
        """A checksum of all clips' names and labels, by which an ensemble knows what it was trained on."""
        rows = self.clips.sort_values(["subset", "clip"]).itertuples()
        listed = "\n".join(f"{row.subset}/{row.clip}:{','.join(row.labels)}" for row in rows)
        return hashlib.sha256(listed.encode()).hexdigest()

    @property
    def own_folds(self) -> tuple[int, ...]:
        """The dataset's own folds, where every training clip has one; else empty."""
        folds = self.clips.loc[self.clips["subset"] != "test", "fold"]
        return tuple(sorted(set(map(int, folds)))) if len(folds) and folds.notna().all() else ()
