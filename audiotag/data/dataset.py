"""What a dataset is, whatever its layout on disk: clips, labels, and what was found to be wrong with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audiotag.errors import AudiotagError

SUBSETS = ("curated", "noisy", "test")
MAX_LABELS = 10_000
CLIP_COLUMNS = ["clip", "path", "subset", "labels", "fold", "group", "licence", "source"]


@dataclass(frozen=True)
class Problem:
    """Something wrong with a clip or a row of a table.

    Attributes
    ----------
    clip : str
        Name of the clip, as in the table.
    reason : str
        A sentence that says what is wrong.
    kind : str
        Kind of problem, by which pages filter: labels, missing, listed twice, counts or flagged.
    """

    clip: str
    reason: str
    kind: str = "labels"


@dataclass(frozen=True)
class Dataset:
    """Labelled clips.

    Attributes
    ----------
    name : str
    root : Path
        The folder or table that was opened.
    layout : str
        Title of the recognised layout, for people.
    clips : pandas.DataFrame
        One row per clip: ``clip`` (file name), ``path`` (Path), ``subset`` (curated, noisy or test), ``labels`` (tuple
        of str), ``fold`` (the dataset's own, or NA), ``group`` (source recording, or NA), ``licence`` and ``source``
        (a link; both NA if the tables do not have them).
    labels : tuple[str, ...]
        The vocabulary, sorted.
    problems : tuple[Problem, ...]
        Clips and rows that were left out, and counts that disagree.
    flagged : tuple[Problem, ...]
        Clips that the dataset's authors marked as wrong; left out unless the options say to use them.
    missing : tuple[str, ...]
        Sentences about whole parts that are not there; the label statistics work without them.
    layout_key : str
        Key of the layout in `audiotag.data.layouts.LAYOUTS`, by which code decides.
    """

    name: str
    root: Path
    layout: str
    clips: pd.DataFrame
    labels: tuple[str, ...]
    problems: tuple[Problem, ...]
    flagged: tuple[Problem, ...] = ()
    missing: tuple[str, ...] = ()
    layout_key: str = ""

    def __post_init__(self) -> None:
        if len(self.labels) > MAX_LABELS:
            raise AudiotagError(
                f"{self.root} must have at most {MAX_LABELS:,} different labels, got {len(self.labels):,}; does the "
                "column of labels hold something else? Name the right one with --label-column."
            )

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
        """Checksum of the names and labels of all clips; an ensemble stores it to recognise its training dataset."""
        rows = self.clips.sort_values(["subset", "clip"]).itertuples()
        lines = "\n".join(f"{row.subset}/{row.clip}:{','.join(row.labels)}" for row in rows)
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def own_folds(self) -> tuple[int, ...]:
        """Numbers of the dataset's own folds, if every training clip has one; otherwise empty."""
        folds = self.clips.loc[self.clips["subset"] != "test", "fold"]
        return tuple(sorted(set(map(int, folds)))) if len(folds) and folds.notna().all() else ()
