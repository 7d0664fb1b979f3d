"""Bring out-of-fold scores and the labels in a dataset's tables together: one row per clip, one column per label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.corrections import SOURCE_LABELS
from audiotag.data.dataset import Dataset
from audiotag.data.label_names import LabelNames
from audiotag.metrics import multi_hot
from audiotag.training.held_out import HeldOutScores


@dataclass(frozen=True, eq=False)
class ScoredClips:
    """The clips of a dataset that folds have scored, with their labels in the dataset's tables.

    Attributes
    ----------
    labels : tuple[str, ...]
        The labels of the dataset that were scored, in the dataset's spelling.
    subsets, clips, paths : list
    clip_labels : list of tuple of str
        All labels of each clip in the tables.
    folds : list of (int or None)
        The fold that scored each clip; None where several did.
    scores : numpy.ndarray, shape=(clips, labels), float64
        Mean over the folds that scored the clip.
    given : numpy.ndarray, shape=(clips, labels), float32
        Multi-hot.
    is_known : numpy.ndarray, shape=(clips, labels), bool
        Whether the folds that scored the clip were trained on other clips with the label.
    """

    labels: tuple[str, ...]
    subsets: list[str]
    clips: list[str]
    paths: list[Path]
    clip_labels: list[tuple[str, ...]]
    folds: list[int | None]
    scores: np.ndarray
    given: np.ndarray
    is_known: np.ndarray


def table_labels(dataset: Dataset) -> pd.Series:
    """The labels of each clip in the dataset's tables, even if they were corrected since."""
    return dataset.clips[SOURCE_LABELS if SOURCE_LABELS in dataset.clips else "labels"]


def match_scores(dataset: Dataset, held_out: HeldOutScores, aliases: Mapping[str, str] | None = None) -> ScoredClips:
    """Find the labels and the scores of each clip that folds have scored.

    Labels are matched despite their spelling. Left out are labels that the dataset, or the scores, do not have, clips
    that the dataset no longer has, and scores that are no numbers, as of a fold whose training diverged. Clips are in
    the dataset's order, whatever the order of the scores.

    Parameters
    ----------
    dataset : Dataset
    held_out : HeldOutScores
    aliases : Mapping[str, str], optional
        Labels that mean the same; see `audiotag.data.label_names.read_aliases`.
    """
    labels, scores = _in_spelling_of(dataset.labels, held_out, aliases)
    clips = dataset.clips.reset_index(drop=True).assign(labels=table_labels(dataset).to_list())
    position = {key: row for row, key in enumerate(zip(clips["subset"], clips["clip"], strict=True))}
    keys = zip(held_out.clips["subset"], held_out.clips["clip"], strict=True)
    rows = np.array([position.get(key, -1) for key in keys], dtype=np.int64)
    fold_column = pd.to_numeric(held_out.clips["fold"], errors="coerce")
    usable = (rows >= 0) & np.isfinite(scores).all(axis=1)
    rows, scores = rows[usable], scores[usable]
    fold_names = fold_column[usable].to_numpy(dtype=np.float64, na_value=np.nan)

    known_labels = set(labels)
    in_vocabulary = [tuple(label for label in of_clip if label in known_labels) for of_clip in clips["labels"]]
    given = multi_hot(in_vocabulary, labels)
    is_training = (clips["subset"] != "test").to_numpy(dtype=bool)
    scored, of_clip = np.unique(rows, return_inverse=True)
    count = np.bincount(of_clip, minlength=len(scored))
    mean = np.zeros((len(scored), len(labels)))
    np.add.at(mean, of_clip, scores)
    is_known = np.zeros((len(scored), len(labels)), dtype=bool)
    of_fold, folds_of_clip = _known_labels(rows, fold_names, given, is_training)
    np.logical_or.at(is_known, of_clip, of_fold[folds_of_clip])
    first = np.full(len(scored), np.nan)
    first[of_clip] = fold_names
    alone = (count == 1) & np.isfinite(first)
    chosen = clips.iloc[scored]
    return ScoredClips(
        labels,
        chosen["subset"].tolist(),
        chosen["clip"].tolist(),
        chosen["path"].tolist(),
        chosen["labels"].tolist(),
        [int(fold) if is_alone else None for fold, is_alone in zip(first, alone, strict=True)],
        mean / np.maximum(count, 1)[:, None],
        given[scored],
        is_known,
    )


def _in_spelling_of(
    vocabulary: tuple[str, ...], held_out: HeldOutScores, aliases: Mapping[str, str] | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """The labels of the vocabulary that are scored, and their scores; the highest where several labels are one."""
    names = LabelNames(vocabulary, aliases)
    columns: dict[str, list[int]] = {}
    for column, label in enumerate(held_out.labels):
        if (name := names.find(label)) is not None:
            columns.setdefault(name, []).append(column)
    labels = tuple(label for label in vocabulary if label in columns)
    found = [held_out.scores[:, columns[label]].max(axis=1) for label in labels]
    return labels, np.array(found, dtype=np.float64).reshape(len(labels), len(held_out.scores)).T


def _known_labels(
    rows: np.ndarray, folds: np.ndarray, given: np.ndarray, is_training: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each fold was trained on clips with each label, shape ``(folds, labels)``, and the fold of each row.

    A fold is trained on the training clips that it has not scored. A fold that has scored all of them, or that has no
    number, is of an ensemble that was trained on other sounds: it knows all its labels.
    """
    names, of_row = np.unique(folds, return_inverse=True)
    labelled = is_training & given.any(axis=1)
    total = given[labelled].sum(axis=0)
    known = np.ones((len(names), given.shape[1]), dtype=bool)
    for number, name in enumerate(names):
        held_out = np.unique(rows[of_row == number])
        held_out = held_out[labelled[held_out]]
        if np.isfinite(name) and len(held_out) < labelled.sum():
            known[number] = total > given[held_out].sum(axis=0)
    return known, of_row
