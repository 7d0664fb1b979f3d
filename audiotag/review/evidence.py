"""The evidence about a label of a clip: scores by folds that were not trained on it, and clips that surely have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.review.doubts import Doubt
from audiotag.review.ranking import MAX_SUGGESTIONS
from audiotag.review.scored_clips import match_scores
from audiotag.training.held_out import HeldOutScores


@dataclass(frozen=True)
class LabelScore:
    """The out-of-fold score of a label of a clip; ``is_given`` says whether the clip has it in the tables."""

    label: str
    score: float
    is_given: bool


@dataclass(frozen=True)
class Example:
    """A clip that has a label without doubt, and its score."""

    subset: str
    clip: str
    path: Path
    score: float


class Evidence:
    """The evidence about the labels of a dataset's clips.

    Parameters
    ----------
    dataset : Dataset
    held_out : HeldOutScores
    doubts : iterable of Doubt
        From `audiotag.review.ranking.find_doubts` of both.
    aliases : Mapping[str, str], optional
        Labels that mean the same; see `audiotag.data.label_names.read_aliases`.
    """

    def __init__(
        self,
        dataset: Dataset,
        held_out: HeldOutScores,
        doubts: Iterable[Doubt],
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._clips = dataset.clips
        self._scored = match_scores(dataset, held_out, aliases)
        self._columns = {label: column for column, label in enumerate(self._scored.labels)}
        self._rows = {key: row for row, key in enumerate(zip(self._scored.subsets, self._scored.clips, strict=True))}
        self._doubted: dict[str, set[tuple[str, str]]] = {}
        for doubt in doubts:
            self._doubted.setdefault(doubt.label, set()).add((doubt.subset, doubt.clip))
        self._folds: dict[tuple[str, str], set[int]] = {}
        clips = held_out.clips
        for subset, clip, fold in zip(clips["subset"], clips["clip"], clips["fold"], strict=True):
            if pd.notna(fold):
                self._folds.setdefault((subset, clip), set()).add(int(fold))

    def scores(self, doubt: Doubt, count: int) -> list[LabelScore]:
        """The highest scores of a clip, the labels that it has, and the one in doubt; empty for a clip without scores.

        Each is the mean over the folds that scored the clip.
        """
        row = self._rows.get((doubt.subset, doubt.clip))
        if row is None:
            return []
        scores = self._scored.scores[row]
        order = np.argsort(-scores, kind="stable").tolist()
        wanted = {self._columns[label] for label in (*doubt.labels, doubt.label) if label in self._columns}
        shown = set(order[: max(0, count - len(wanted - set(order[:count])))]) | wanted
        labels = self._scored.labels
        return [
            LabelScore(labels[column], float(scores[column]), labels[column] in doubt.labels)
            for column in order
            if column in shown
        ]

    def about(self, subset: str, clip: str, label: str, reason: str) -> Doubt | None:
        """A doubt about any label of a clip, for a reviewer who asks for it; None if the dataset has no such clip."""
        rows = self._clips[(self._clips["subset"] == subset) & (self._clips["clip"] == clip)]
        if not label or not len(rows):
            return None
        labels, path = tuple(rows["labels"].iloc[0]), rows["path"].iloc[0]
        found = Doubt("wrong" if label in labels else "missing", subset, clip, path, labels, label, 1.0, reason=reason)
        scores = self.scores(found, len(self._columns))
        folds = self.folds(found)
        others = [(each.label, each.score) for each in scores if not each.is_given]
        return replace(
            found,
            score=next((each.score for each in scores if each.label == label), None),
            fold=folds[0] if len(folds) == 1 else None,
            suggestions=tuple(others[:MAX_SUGGESTIONS]),
        )

    def folds(self, doubt: Doubt) -> tuple[int, ...]:
        """The folds that scored a clip; empty where that is not known."""
        return tuple(sorted(self._folds.get((doubt.subset, doubt.clip), ())))

    def examples(self, doubt: Doubt, count: int) -> list[Example]:
        """Other clips that have the label in doubt and are not doubtful themselves, those with high scores first."""
        column = self._columns.get(doubt.label)
        if column is None:
            return []
        scored, doubted = self._scored, self._doubted.get(doubt.label, set())
        rows = np.flatnonzero(scored.given[:, column])
        found: list[Example] = []
        for row in rows[np.argsort(-scored.scores[rows, column], kind="stable")].tolist():
            key = scored.subsets[row], scored.clips[row]
            if key in doubted or key == (doubt.subset, doubt.clip):
                continue
            found.append(Example(*key, scored.paths[row], float(scored.scores[row, column])))
            if len(found) == count:
                break
        return found
