"""What a dataset is, whatever its layout on disk: clips, labels, and what was found to be wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.errors import AudiotagError
from audiotag.wording import as_text

SUBSETS = ("curated", "noisy", "test")
MAX_LABELS = 10_000
CLIP_COLUMNS = ["clip", "path", "subset", "labels", "fold", "group", "licence", "source", "split"]
SPLITS = ("train", "validation", "test")


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
class Reading:
    """How one table, or the folders of a dataset, were read, so that a user can check it and change it.

    Attributes
    ----------
    source : str
        The table, relative to the dataset, or ``folders``.
    columns : tuple[str, ...]
        The table's columns, or the levels of the folders: ``folder 1`` is the one next to the dataset's root.
    roles : dict[str, tuple[str, ...]]
        The columns that were used, by what they are: file, labels, split, fold, group or annotator.
    label_format : str
        How labels are written, in words: one label, labels separated by commas, a JSON list, columns of 0 and 1, ….
    ignored : tuple[str, ...]
        Sentences about what was not used, and why.
    examples : dict[str, tuple[str, ...]]
        The first values of columns.
    """

    source: str
    columns: tuple[str, ...] = ()
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    label_format: str = ""
    ignored: tuple[str, ...] = ()
    examples: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The file name of a table may have bytes that cannot be shown.
        object.__setattr__(self, "source", as_text(self.source))
        object.__setattr__(self, "ignored", tuple(map(as_text, self.ignored)))


@dataclass(frozen=True, eq=False)
class TableRows:
    """Which clip each row of a table is about, so that the table can be written again with other labels.

    Attributes
    ----------
    path : Path
        The table.
    clips : pandas.DataFrame
        ``subset`` and ``clip``, as in the dataset's clips; its index has the numbers of the rows in the table, from 0.
        Rows without a sound are left out.
    """

    path: Path
    clips: pd.DataFrame


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
        One row per clip: ``clip`` (path relative to its subset's folder), ``path`` (Path), ``subset`` (curated, noisy
        or test), ``labels`` (tuple of str), ``fold`` (the dataset's own, or NA), ``group`` (source recording, or NA),
        ``licence`` and ``source`` (a link; both NA if the tables do not have them), ``split`` (one of `SPLITS`, or NA).
        Clips of the split test are those of the subset test.
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
    readings : tuple[Reading, ...]
        How each table, or the folders, were read.
    left_out : tuple[Problem, ...]
        Clips that the user left out, and can take back; see `audiotag.data.left_out`.
    flagged_clips : pandas.DataFrame or None
        The flagged clips that are left out, as rows of ``clips`` with ``place``, the number of clips before them; None
        where there are none.
    table_rows : tuple[TableRows, ...]
        The tables that have one row per clip, as a rule, and the clips of their rows.
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
    readings: tuple[Reading, ...] = ()
    left_out: tuple[Problem, ...] = ()
    table_rows: tuple[TableRows, ...] = ()
    flagged_clips: pd.DataFrame | None = None

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
    def listed_problems(self) -> tuple[Problem, ...]:
        """Problems, then the clips that the authors marked as wrong, then those that the user left out."""
        return (*self.problems, *self.flagged, *self.left_out)

    @property
    def fingerprint(self) -> str:
        """Checksum of the names and labels of all clips; an ensemble stores it to recognise its training dataset."""
        rows = self.clips.sort_values(["subset", "clip"]).itertuples()
        lines = "\n".join(f"{row.subset}/{row.clip}:{','.join(row.labels)}" for row in rows)
        return hashlib.sha256(lines.encode()).hexdigest()

    def with_flagged(self, names: Collection[str]) -> Dataset:
        """The dataset with the flagged clips of these names in their places, as if they had not been left out."""
        if self.flagged_clips is None or not (chosen := self.flagged_clips["clip"].isin(names)).any():
            return self
        used = self.clips.assign(place=np.arange(len(self.clips)), is_used=True)
        back = self.flagged_clips[chosen].assign(is_used=False)
        clips = pd.concat([back, used]).sort_values(["place", "is_used"], kind="stable")
        rest = self.flagged_clips.assign(place=self.flagged_clips["place"] + chosen.cumsum())[~chosen]
        return replace(
            self,
            clips=clips.drop(columns=["place", "is_used"]).reset_index(drop=True),
            flagged_clips=rest.reset_index(drop=True) if len(rest) else None,
        )

    @property
    def own_folds(self) -> tuple[int, ...]:
        """Numbers of the dataset's own folds: those of its training clips if each has one, or that of its validation.

        Empty if the dataset has neither.
        """
        clips = self.clips[self.clips["subset"] != "test"]
        return tuple(sorted(set(map(int, clips["fold"].dropna())))) if has_own_folds(clips) else ()


def has_own_folds(clips: pd.DataFrame) -> bool:
    """Whether each of these training clips has a fold, or the clips of the split validation and no others have one."""
    has_fold = clips["fold"].notna()
    return bool(has_fold.any() and (has_fold.all() or has_validation_split(clips)))


def has_validation_split(clips: pd.DataFrame) -> bool:
    """Whether the clips of the split validation have a fold, which holds them out, and the other clips have none."""
    if "split" not in clips:
        return False
    is_validation = clips["split"].eq("validation").fillna(False).astype(bool)
    return bool(is_validation.any() and not is_validation.all() and clips["fold"].notna().eq(is_validation).all())
