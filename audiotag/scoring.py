"""A submission against the truth: lwlrap overall, per leaderboard split, per class, and clip by clip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.fsdkaggle2019 import META
from audiotag.data.tables import FILE_COLUMNS, LABEL_COLUMNS, column_of, read_table, split_labels
from audiotag.errors import AudiotagError
from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class, multi_hot

# lwlrap on the private test clips of the Freesound Audio Tagging 2019 competition.
PUBLISHED = {"baseline": 0.53792, "capstone": 0.69788, "winner": 0.75980}
PUBLISHED_ON = ("Private", 3361)
PUBLISHED_LABELS = 80


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
    per_clip : pandas.DataFrame
        Index: clip. ``labels`` (the true ones, a tuple), ``precision`` (mean over them of the precision at their rank,
        0 to 1), ``wrong`` (the likeliest label that is not among them; empty where there is none), ``wrong_score`` and
        ``above`` (wrong labels that are ranked above the last true one); hardest first.
    scores : pandas.DataFrame
        Clips × labels, as they were submitted.
    notes : tuple[str, ...]
        What was left out, and why.
    """

    clips: int
    lwlrap: float
    accuracy: float
    per_split: dict[str, tuple[int, float]]
    per_class: pd.DataFrame
    per_clip: pd.DataFrame
    scores: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def comparable(self) -> float | None:
        """Its lwlrap on the very clips that the `PUBLISHED` ones are of; None where it is of others."""
        split, clips = PUBLISHED_ON
        scored, value = self.per_split.get(split, (0, 0.0))
        return value if scored == clips and len(self.per_class) == PUBLISHED_LABELS else None


@dataclass(frozen=True)
class _Joined:
    """The clips that are in both tables: scores (clips × labels), true labels and split, a row a clip."""

    scores: pd.DataFrame
    labels: list[tuple[str, ...]]
    splits: np.ndarray
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
    joined = _joined(submission, truth)
    names = tuple(joined.scores.columns)
    scores, target, splits = joined.scores.to_numpy(), multi_hot(joined.labels, names), joined.splits
    per_class, _ = lwlrap_per_class(target, scores)
    return Score(
        clips=len(scores),
        lwlrap=lwlrap(target, scores),
        accuracy=accuracy(target, scores),
        per_split={
            str(name): (int((splits == name).sum()), lwlrap(target[splits == name], scores[splits == name]))
            for name in dict.fromkeys(splits[pd.notna(splits)])
        },
        per_class=pd.DataFrame(
            {"lwlrap": per_class, "clips": target.sum(axis=0).astype(int)}, index=pd.Index(names, name="label")
        ).sort_values("lwlrap"),
        per_clip=_per_clip(joined, target),
        scores=joined.scores,
        notes=joined.notes,
    )


def truth_table_of(dataset: Dataset) -> Path | None:
    """The table with the labels of a dataset's test clips; None where it has none.

    That of FSDKaggle2019 also says which clips were of the public and which of the private leaderboard.
    """
    root, name = dataset.root, "test_post_competition.csv"
    places = (root / "test_truth.csv", root / name, root / META / name)
    return next((place for place in places if place.is_file()), None)


def _joined(submission: Path, truth: Path) -> _Joined:
    scores_table, truth_table = read_table(submission), read_table(truth)
    files = column_of(scores_table, FILE_COLUMNS, submission)
    truth_files = column_of(truth_table, FILE_COLUMNS, truth)
    truth_labels = column_of(truth_table, LABEL_COLUMNS, truth)
    # `audiotag tag --out` also writes a column of the tags themselves.
    labels = [column for column in scores_table.columns if column not in (files, "tags")]
    for name, table, column in ((submission.name, scores_table, files), (truth.name, truth_table, truth_files)):
        if (twice := table[column][table[column].duplicated()]).size:
            raise AudiotagError(f"{name} lists {twice.iloc[0]} more than once; each clip must have one row.")
    truth_table, scores_table = truth_table.set_index(truth_files), scores_table.set_index(files)
    shared = [clip for clip in truth_table.index if clip in scores_table.index]
    if not shared:
        raise AudiotagError(
            f"{submission.name} and {truth.name} have no clip in common; are they of the same test set, "
            "and both named with or without .wav?"
        )
    scores = _numbers(scores_table.loc[shared, labels], submission.name)
    true_labels = [split_labels(cell) for cell in truth_table.loc[shared, truth_labels]]
    unknown = sorted({label for row in true_labels for label in row} - set(labels))
    if unknown:
        raise AudiotagError(f"{submission.name} has no column for the true label {unknown[0]}; it must have all.")
    if not any(true_labels):
        raise AudiotagError(f"{truth.name} has no label for any of the {len(shared)} clips; is it the right table?")
    notes = []
    for count, text in (
        (len(truth_table) - len(shared), f"clips of {truth.name} are not in {submission.name}; they are left out"),
        (len(scores_table) - len(shared), f"clips of {submission.name} are not in {truth.name}; they are left out"),
    ):
        if count:
            notes.append(f"{count} {text}.")
    splits = truth_table.loc[shared, "usage"].to_numpy() if "usage" in truth_table else np.array([])
    return _Joined(scores, true_labels, splits, tuple(notes))


def _numbers(table: pd.DataFrame, name: str) -> pd.DataFrame:
    numbers = table.apply(pd.to_numeric, errors="coerce").astype(np.float64)
    bad = np.argwhere(~np.isfinite(numbers.to_numpy()))
    if len(bad):
        row, column = bad[0]
        cell = table.iloc[row, column]
        raise AudiotagError(
            f"{name} has {repr(cell) if isinstance(cell, str) else 'nothing'} for {table.index[row]}, "
            f"{table.columns[column]}; every score must be a finite number."
        )
    return numbers.rename_axis("clip")


def _per_clip(joined: _Joined, target: np.ndarray) -> pd.DataFrame:
    """See `Score.per_clip`; among clips of one precision, the surer the mistake the earlier."""
    scores, names = joined.scores.to_numpy(), np.array([*joined.scores.columns])
    true = target > 0
    clips, labels = np.nonzero(true)
    own = scores[clips]
    before = own >= own[np.arange(len(clips)), labels][:, None]  # equal ones count against it, as in lwlrap
    precision = (before & true[clips]).sum(axis=1) / before.sum(axis=1)
    numbers = true.sum(axis=1)
    with np.errstate(invalid="ignore"):
        means = np.bincount(clips, precision, minlength=len(scores)) / numbers
    wrong = np.where(true, -np.inf, scores)
    last = np.where(true, scores, np.inf).min(axis=1)
    best = wrong.argmax(axis=1)
    best_score = wrong.max(axis=1)
    table = pd.DataFrame(
        {
            "labels": joined.labels,
            "precision": means,
            "wrong": np.where(np.isfinite(best_score), names[best], ""),
            "wrong_score": np.where(np.isfinite(best_score), best_score, np.nan),
            "above": (wrong >= last[:, None]).sum(axis=1),
        },
        index=joined.scores.index,
    )
    order = np.lexsort((last - best_score, means))
    return table.iloc[order[numbers[order] > 0]]
