"""A submission against the truth: lwlrap overall, per leaderboard split and per class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.tables import FILE_COLUMNS, LABEL_COLUMNS, column_of, read_table, split_labels
from audiotag.errors import AudiotagError
from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class, multi_hot


@dataclass(frozen=True)
class Score:
    """What a submission is worth.

    Attributes
    ----------
    clips : int
        Clips that were scored.
    lwlrap, accuracy : float
        Over these clips, 0 to 1.
    per_split : dict[str, tuple[int, float]]
        Clips and lwlrap of each value of the truth's ``usage`` column (Public, Private), where it has one.
    per_class : pandas.DataFrame
        Index: label. ``lwlrap`` (NaN without a positive) and ``clips`` (its positives), worst first.
    notes : tuple[str, ...]
        What was left out, and why.
    """

    clips: int
    lwlrap: float
    accuracy: float
    per_split: dict[str, tuple[int, float]]
    per_class: pd.DataFrame
    notes: tuple[str, ...]


def score_submission(submission: Path, truth: Path) -> Score:
    """Score a table of clips × labels against a table of true labels.

    Parameters
    ----------
    submission : Path
        CSV: a file column and a column of scores for each label.
    truth : Path
        CSV: a file column, a label column (several labels comma-separated) and, optionally, ``usage``.

    Raises
    ------
    AudiotagError
        If a column is missing, a score is no number, a true label has no column, or no clip is in both.
    """
    scores_table, truth_table = read_table(submission), read_table(truth)
    files = column_of(scores_table, FILE_COLUMNS, submission)
    truth_files = column_of(truth_table, FILE_COLUMNS, truth)
    truth_labels = column_of(truth_table, LABEL_COLUMNS, truth)
    # `audiotag tag --out` also writes a column of the tags themselves.
    labels = tuple(column for column in scores_table.columns if column not in (files, "tags"))
    for name, table, column in ((submission.name, scores_table, files), (truth.name, truth_table, truth_files)):
        if (twice := table[column][table[column].duplicated()]).size:
            raise AudiotagError(f"{name} lists {twice.iloc[0]} more than once; each clip must have one row.")
    truth_table = truth_table.set_index(truth_files)
    scores_table = scores_table.set_index(files)
    shared = [clip for clip in truth_table.index if clip in scores_table.index]
    if not shared:
        raise AudiotagError(
            f"{submission.name} and {truth.name} have no clip in common; are they of the same test set, "
            "and both named with or without .wav?"
        )
    scores = _numbers(scores_table.loc[shared, list(labels)], submission.name)
    true_labels = [split_labels(cell) for cell in truth_table.loc[shared, truth_labels]]
    unknown = sorted({label for row in true_labels for label in row} - set(labels))
    if unknown:
        raise AudiotagError(f"{submission.name} has no column for the true label {unknown[0]}; it must have all.")
    if not any(true_labels):
        raise AudiotagError(f"{truth.name} has no label for any of the {len(shared)} clips; is it the right table?")
    target = multi_hot(true_labels, labels)
    per_class, _ = lwlrap_per_class(target, scores)
    notes = []
    for count, text in (
        (len(truth_table) - len(shared), f"clips of {truth.name} are not in {submission.name}; they are left out"),
        (len(scores_table) - len(shared), f"clips of {submission.name} are not in {truth.name}; they are left out"),
    ):
        if count:
            notes.append(f"{count} {text}.")
    splits = truth_table.loc[shared, "usage"].to_numpy() if "usage" in truth_table else np.array([])
    return Score(
        clips=len(shared),
        lwlrap=lwlrap(target, scores),
        accuracy=accuracy(target, scores),
        per_split={
            str(name): (int((splits == name).sum()), lwlrap(target[splits == name], scores[splits == name]))
            for name in dict.fromkeys(splits[pd.notna(splits)])
        },
        per_class=pd.DataFrame(
            {"lwlrap": per_class, "clips": target.sum(axis=0).astype(int)}, index=pd.Index(labels, name="label")
        ).sort_values("lwlrap"),
        notes=tuple(notes),
    )


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    numbers = table.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        row, column = bad[0]
        cell = table.iloc[row, column]
        raise AudiotagError(
            f"{name} has {repr(cell) if isinstance(cell, str) else 'nothing'} for {table.index[row]}, "
            f"{table.columns[column]}; every score must be a finite number."
        )
    return numbers
