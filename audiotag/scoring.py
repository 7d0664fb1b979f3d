"""Score a submission against the true labels: lwlrap overall, per leaderboard split, per class and per clip."""

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
VALUES_AT_ONCE = 2**22


@dataclass(frozen=True)
class Score:
    """Score of a submission.

    Attributes
    ----------
    clips : int
        Number of clips that were scored.
    lwlrap, accuracy : float
        Over all these clips, 0 to 1.
    per_split : dict[str, tuple[int, float]]
        Number of clips and lwlrap for each value of the ``usage`` column (Public, Private) of the true labels, if
        they have this column.
    per_class : pandas.DataFrame
        Index: label. ``lwlrap`` (NaN if no clip has the label) and ``clips`` (number of clips that have it), the
        lowest lwlrap first.
    per_clip : pandas.DataFrame
        Index: clip. ``labels`` (tuple of true labels), ``precision`` (mean over the true labels of the precision at
        their rank, 0 to 1), ``wrong`` (the wrong label with the highest score; empty if all labels are true),
        ``wrong_score`` (its score) and ``above`` (number of wrong labels ranked above the last true one); the lowest
        precision first.
    scores : pandas.DataFrame
        Clips × labels, as submitted.
    notes : tuple[str, ...]
        What was left out and why, as sentences.
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
        """The lwlrap on the clips of the `PUBLISHED` scores; None if other clips or labels were scored."""
        split, clips = PUBLISHED_ON
        scored, value = self.per_split.get(split, (0, 0.0))
        return value if scored == clips and len(self.per_class) == PUBLISHED_LABELS else None


@dataclass(frozen=True)
class _SharedClips:
    """The clips that are in both tables: scores (clips × labels), true labels and splits, one row per clip."""

    scores: pd.DataFrame
    labels: list[tuple[str, ...]]
    splits: np.ndarray
    notes: tuple[str, ...]


def score_submission(submission: Path, truth: Path) -> Score:
    """Score a table of clips × labels against a table of true labels.

    Parameters
    ----------
    submission : Path
        CSV file with a file column and one column of scores per label.
    truth : Path
        CSV file with a file column, a label column (labels separated by commas) and, optionally, ``usage``.

    Raises
    ------
    AudiotagError
        If a column is missing, a score is not a number, a true label has no column, or no clip is in both tables.
    """
    shared = _shared_clips(submission, truth)
    names = tuple(shared.scores.columns)
    scores, target, splits = shared.scores.to_numpy(), multi_hot(shared.labels, names), shared.splits
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
        per_clip=_per_clip(shared, target),
        scores=shared.scores,
        notes=shared.notes,
    )


def truth_table_of(dataset: Dataset) -> Path | None:
    """The table with the labels of a dataset's test clips; None if there is no such table.

    The table of FSDKaggle2019 also says which clips belong to the public and which to the private leaderboard.
    """
    root, name = dataset.root, "test_post_competition.csv"
    places = (root / "test_truth.csv", root / name, root / META / name)
    return next((place for place in places if place.is_file()), None)


def _shared_clips(submission: Path, truth: Path) -> _SharedClips:
    scores_table, truth_table = read_table(submission), read_table(truth)
    files = column_of(scores_table, FILE_COLUMNS, submission)
    truth_files = column_of(truth_table, FILE_COLUMNS, truth)
    truth_labels = column_of(truth_table, LABEL_COLUMNS, truth)
    # `audiotag tag --out` also writes a column of the tags themselves.
    labels = [column for column in scores_table.columns if column not in (files, "tags")]
    for name, table, column in ((submission.name, scores_table, files), (truth.name, truth_table, truth_files)):
        if (repeated := table[column][table[column].duplicated()]).size:
            raise AudiotagError(f"{name} lists {repeated.iloc[0]} more than once; each clip must have one row.")
    truth_table, scores_table = truth_table.set_index(truth_files), scores_table.set_index(files)
    clips = [clip for clip in truth_table.index if clip in scores_table.index]
    if not clips:
        raise AudiotagError(
            f"{submission.name} and {truth.name} have no clip in common; check that both are for the same test "
            "set and write file names in the same way, with or without .wav."
        )
    scores = _check_scores(scores_table.loc[clips, labels], submission.name)
    true_labels = [split_labels(cell) for cell in truth_table.loc[clips, truth_labels]]
    unknown = sorted({label for row in true_labels for label in row} - set(labels))
    if unknown:
        raise AudiotagError(f"{submission.name} has no column for the true label {unknown[0]}; it must have all.")
    if not any(true_labels):
        raise AudiotagError(
            f"{truth.name} has no label for any of the {len(clips)} clips; check that it is the right table."
        )
    notes = []
    for count, text in (
        (len(truth_table) - len(clips), f"clips of {truth.name} are not in {submission.name}; they are left out"),
        (len(scores_table) - len(clips), f"clips of {submission.name} are not in {truth.name}; they are left out"),
    ):
        if count:
            notes.append(f"{count} {text}.")
    splits = truth_table.loc[clips, "usage"].to_numpy() if "usage" in truth_table else np.array([])
    return _SharedClips(scores, true_labels, splits, tuple(notes))


def _check_scores(table: pd.DataFrame, name: str) -> pd.DataFrame:
    scores = table.apply(pd.to_numeric, errors="coerce").astype(np.float64)
    bad = np.argwhere(~np.isfinite(scores.to_numpy()))
    if len(bad):
        row, column = bad[0]
        cell = table.iloc[row, column]
        raise AudiotagError(
            f"{name} has {repr(cell) if isinstance(cell, str) else 'nothing'} for {table.index[row]}, "
            f"{table.columns[column]}; every score must be a finite number."
        )
    return scores.rename_axis("clip")


def _per_clip(shared: _SharedClips, target: np.ndarray) -> pd.DataFrame:
    """See `Score.per_clip`; of clips with the same precision, the one with the larger wrong score comes first."""
    scores, names = shared.scores.to_numpy(), np.array([*shared.scores.columns])
    true = target > 0
    clips, labels = np.nonzero(true)
    precision = np.empty(len(clips))
    rows = max(1, VALUES_AT_ONCE // len(names))  # a table may give every label to every clip
    for first in range(0, len(clips), rows):
        part = slice(first, first + rows)
        clip_scores = scores[clips[part]]  # one row per true label
        own = scores[clips[part], labels[part]][:, None]
        before = clip_scores >= own  # equal scores count against the label, as in lwlrap
        precision[part] = (before & true[clips[part]]).sum(axis=1) / before.sum(axis=1)
    label_counts = true.sum(axis=1)
    with np.errstate(invalid="ignore"):
        means = np.bincount(clips, precision, minlength=len(scores)) / label_counts
    wrong = np.where(true, -np.inf, scores)
    last = np.where(true, scores, np.inf).min(axis=1)
    best = wrong.argmax(axis=1)
    best_score = wrong.max(axis=1)
    table = pd.DataFrame(
        {
            "labels": shared.labels,
            "precision": means,
            "wrong": np.where(np.isfinite(best_score), names[best], ""),
            "wrong_score": np.where(np.isfinite(best_score), best_score, np.nan),
            "above": (wrong >= last[:, None]).sum(axis=1),
        },
        index=shared.scores.index,
    )
    order = np.lexsort((last - best_score, means))
    return table.iloc[order[label_counts[order] > 0]]
