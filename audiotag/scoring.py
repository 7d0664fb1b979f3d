"""Score a submission against the true labels: lwlrap overall, per leaderboard split, per class and per clip."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.fsdkaggle2019 import META
from audiotag.data.label_cells import find_label_format
from audiotag.data.label_names import LabelNames, spelling_note
from audiotag.data.score_tables import USAGE, match_clips, read_score_tables
from audiotag.data.table_files import read_table_file
from audiotag.data.tables import split_labels
from audiotag.errors import AudiotagError
from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class, multi_hot
from audiotag.wording import shortened

# lwlrap on the private test clips of the Freesound Audio Tagging 2019 competition.
PUBLISHED = {"baseline": 0.53792, "capstone": 0.69788, "winner": 0.75980}
PUBLISHED_ON = ("Private", 3361)
LIST_BRACKETS = "[({"
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


def score_submission(submission: Path, truth: Path, aliases: Mapping[str, str] | None = None) -> Score:
    """Score a table of clips × labels against a table of true labels.

    Parameters
    ----------
    submission : Path
        CSV file with a file column and one column of scores per label.
    truth : Path
        CSV file with a file column, a label column (labels separated by commas) and, optionally, ``usage``.
    aliases : Mapping[str, str], optional
        Labels that mean the same under different names, as `audiotag.data.label_names.LabelNames` takes them. Labels
        that differ in case, spaces, underscores or hyphens need none.

    Raises
    ------
    AudiotagError
        If a column is missing, a score is not a number, a true label has no column, or no clip is in both tables.
    """
    return _score(_shared_clips(submission, truth, aliases or {}))


def score_clips(
    scores: pd.DataFrame,
    labels: Sequence[tuple[str, ...]],
    splits: Sequence[str | None] | None = None,
    notes: tuple[str, ...] = (),
) -> Score:
    """Score a matrix of scores against true labels.

    Parameters
    ----------
    scores : pandas.DataFrame
        Clips × labels; its index names the clips.
    labels : sequence of tuple of str
        The true labels of each clip; all of them are columns of ``scores``.
    splits : sequence of str or None, optional
        The leaderboard that each clip belongs to, see `leaderboards_of`.
    notes : tuple[str, ...]
        What was left out and why, as sentences.
    """
    splits_of = np.array([] if splits is None else list(splits), dtype=object)
    return _score(_SharedClips(scores.rename_axis("clip"), list(labels), splits_of, notes))


def leaderboards_of(dataset: Dataset) -> dict[str, str]:
    """The leaderboard, Public or Private, that each test clip belongs to; empty where the truth has no ``usage``."""
    path = truth_table_of(dataset)
    if path is None:
        return {}
    table = read_table_file(path).table
    if not {"fname", USAGE} <= set(table.columns):
        return {}
    return dict(zip(table["fname"], table[USAGE], strict=True))


def _score(shared: _SharedClips) -> Score:
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


def _shared_clips(submission: Path, truth: Path, aliases: Mapping[str, str]) -> _SharedClips:
    scores_table, truth_table = read_score_tables(submission, truth)
    rows = match_clips(truth_table.clips, scores_table.clips)
    if not rows:
        raise AudiotagError(
            f"{submission.name} and {truth.name} have no clip in common: {submission.name} names "
            f"{scores_table.clips[0]}, {truth.name} names {truth_table.clips[0]}; check that both "
            "are for the same test set."
        )
    columns = LabelNames(scores_table.columns, aliases)
    cells = {clip: cell for clip, cell in zip(truth_table.clips, truth_table.labels, strict=True) if clip in rows}
    spelt = {cell: _labels_in(cell, columns) for cell in dict.fromkeys(cells.values())}
    found = {label: columns.find(label) for labels in spelt.values() for label in labels}
    if unknown := sorted(label for label, column in found.items() if column is None):
        raise AudiotagError(_no_column(unknown[0], submission, columns=scores_table.columns))
    if not found:
        raise AudiotagError(
            f"{truth.name} has no label for any of the {len(cells)} clips; check that it is the right table."
        )
    named = {label: column for label, column in found.items() if column is not None}
    labels = [tuple(dict.fromkeys(named[label] for label in spelt[cell])) for cell in cells.values()]
    scores, notes = scores_table.scores(list(rows.values()), set(named.values()))
    respelt = sum(name != scores_table.clips[row] for name, row in rows.items())
    notes = [
        *truth_table.notes,
        *scores_table.notes,
        *notes,
        _matched_note(rows, scores_table.clips) if respelt else "",
        spelling_note(named),
        _left_out_note(len(truth_table.clips) - len(rows), truth, submission),
        _left_out_note(len(scores_table.clips) - len(rows), submission, truth),
    ]
    splits = np.array([])
    if truth_table.usage is not None:
        by_clip = dict(zip(truth_table.clips, truth_table.usage, strict=True))
        splits = np.array([by_clip[clip] for clip in rows], dtype=object)
    scores.index = pd.Index(list(rows), name="clip")
    return _SharedClips(scores, labels, splits, tuple(filter(None, notes)))


def _labels_in(cell: object, columns: LabelNames) -> tuple[str, ...]:
    """The labels in a cell of the truth: of the ways to read it, the first whose labels are all in the submission."""
    whole = str(cell).strip() if pd.notna(cell) else ""
    if not whole or columns.find(whole):
        return (whole,) if whole else ()
    usual = find_label_format((whole,)).split(whole) if whole[0] in LIST_BRACKETS else split_labels(whole)
    separated = (find_label_format((), separator).split(whole) for separator in ("bar", "comma", "space"))
    return next((labels for labels in (usual, *separated) if all(map(columns.find, labels))), usual)


def _no_column(label: str, submission: Path, columns: Sequence[str]) -> str:
    close = difflib.get_close_matches(label, columns, n=1)
    hint = f"if {close[0]} is the same label, add" if close else "if it has another name there, add"
    return (
        f"{submission.name} has no column for the true label {shortened(label)}; it must have all. {hint.capitalize()} "
        f"the alias {shortened(label)} = {close[0] if close else 'NAME'}."
    )


def _matched_note(rows: Mapping[str, int], names: Sequence[str]) -> str:
    respelt = [(clip, names[row]) for clip, row in rows.items() if clip != names[row]]
    clips = "1 clip was" if len(respelt) == 1 else f"{len(respelt):,} clips were"
    return f"{clips} matched despite the spelling of case, suffix or folder: {respelt[0][0]} = {respelt[0][1]}."


def _left_out_note(count: int, table: Path, other: Path) -> str:
    return f"{count} clips of {table.name} are not in {other.name}; they are left out." if count else ""


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
