"""Find the labels of a dataset that are probably wrong or missing, the most doubtful first.

Scores are out-of-fold: no fold has been trained on the clips that it doubts. Each label of a clip, given or not, has a
quality, the mean of cleanlab's multi-label quality (`audiotag.review.label_quality`) and of the clip's own lwlrap: a
label is the more doubtful the worse all labels of its clip fit the scores. Only labels that cleanlab's filter finds
wrong or missing are listed; a reviewer would otherwise hear all clips. Clips that contradict their copies, and clips
whose sound has a fault, join the list. ``benchmarks/review.py`` measures how well this finds known errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.review.doubts import Doubt, DoubtKind
from audiotag.review.label_quality import clip_lwlrap, is_doubtful, label_quality, mean_scores
from audiotag.review.scored_clips import ScoredClips, match_scores, table_labels
from audiotag.training.held_out import HeldOutScores

MAX_SUGGESTIONS = 5
# How much the quality of a clip's least certain label counts for a clip with a fault. A silent clip comes first,
# because nothing in it can be heard; clipping rarely hides what a sound is.
FAULT_FACTORS = {
    "contradiction": 0.5, "silent": 0.0, "too short": 0.25, "truncated": 0.5, "salvaged": 0.5, "clipped": 1.0,
}  # fmt: skip
UNSCORED_QUALITY = 0.5


def find_doubts(
    dataset: Dataset,
    held_out: HeldOutScores,
    faults: pd.DataFrame | None = None,
    aliases: Mapping[str, str] | None = None,
) -> list[Doubt]:
    """Find the labels to review, the most doubtful first; at most one doubt per clip and label.

    Parameters
    ----------
    dataset : Dataset
        Labels are compared as its tables have them, even if they were corrected since.
    held_out : HeldOutScores
        Of folds of any vocabulary: labels are matched despite their spelling.
    faults : pandas.DataFrame, optional
        From `audiotag.inspection.faults.find_faults`.
    aliases : Mapping[str, str], optional
        Labels that mean the same; see `audiotag.data.label_names.read_aliases`.
    """
    scored = match_scores(dataset, held_out, aliases)
    quality = pair_quality(scored)
    doubts = _scored_doubts(scored, quality)
    if faults is not None:
        doubts = _with_faults(doubts, dataset, scored, quality, faults)
    return sorted(doubts, key=lambda doubt: (doubt.quality, doubt.subset, doubt.clip, doubt.label))


def pair_quality(scored: ScoredClips) -> np.ndarray:
    """Quality of each label of each clip, or of its absence, shape ``(clips, labels)``; by it doubts are ranked.

    It is the mean of `label_quality` and of the clip's lwlrap; of a clip without labels, which has no lwlrap, the
    former. Subsets are compared with themselves, because their labels are not equally reliable.
    """
    quality = np.ones(scored.scores.shape)
    for rows in _rows_of_subsets(scored):
        given, scores = scored.given[rows], scored.scores[rows]
        of_labels, of_clips = label_quality(given, scores), clip_lwlrap(given, scores)[:, None]
        quality[rows] = np.where(np.isnan(of_clips), of_labels, (of_labels + of_clips) / 2)
    return quality


def _rows_of_subsets(scored: ScoredClips) -> list[np.ndarray]:
    subsets = np.array(scored.subsets, dtype=object)
    return [np.flatnonzero(subsets == name) for name in dict.fromkeys(scored.subsets)]


def _scored_doubts(scored: ScoredClips, quality: np.ndarray) -> list[Doubt]:
    doubts = []
    for rows in _rows_of_subsets(scored):
        given, scores = scored.given[rows], scored.scores[rows]
        means = mean_scores(given, scores)
        lwlrap = clip_lwlrap(given, scores)
        at, labels = np.nonzero(is_doubtful(given, scores) & scored.is_known[rows])
        for clip, label in zip(at.tolist(), labels.tolist(), strict=True):
            kind: DoubtKind = "wrong" if given[clip, label] else "missing"
            row = int(rows[clip])
            reason = _reason(scored, row, label, kind, means)
            doubts.append(_doubt(scored, row, label, kind, quality[row, label], lwlrap[clip], reason))
    return doubts


def _doubt(
    scored: ScoredClips, row: int, label: int, kind: DoubtKind, quality: float, lwlrap: float, reason: str
) -> Doubt:
    return Doubt(
        kind, scored.subsets[row], scored.clips[row], scored.paths[row], tuple(scored.clip_labels[row]),
        scored.labels[label], float(quality), float(scored.scores[row, label]), scored.folds[row],
        None if np.isnan(lwlrap) else float(lwlrap), _suggestions(scored, row), reason,
    )  # fmt: skip


def _suggestions(scored: ScoredClips, row: int) -> tuple[tuple[str, float], ...]:
    scores = scored.scores[row]
    order = np.argsort(-scores, kind="stable")
    others = order[scored.given[row, order] == 0][:MAX_SUGGESTIONS]
    return tuple((scored.labels[label], float(scores[label])) for label in others.tolist())


def _reason(scored: ScoredClips, row: int, label: int, kind: DoubtKind, means: tuple[np.ndarray, np.ndarray]) -> str:
    name, fold = scored.labels[label], scored.folds[row]
    scorer = (
        "the folds that were not trained on it score" if fold is None else f"fold {fold}, not trained on it, scores"
    )
    present, absent = (float(mean[label]) for mean in means)
    return (
        f"The clip is {'labelled' if kind == 'wrong' else 'not labelled'} {name}, but {scorer} {name} "
        f"{scored.scores[row, label]:.2f}; clips labelled {name} have {present:.2f} on average, others {absent:.2f}."
    )


def _with_faults(
    doubts: list[Doubt], dataset: Dataset, scored: ScoredClips, quality: np.ndarray, faults: pd.DataFrame
) -> list[Doubt]:
    """Add one doubt per clip with a fault, about its least certain label; it is joined with a doubt about that."""
    by_label = {(doubt.subset, doubt.clip, doubt.label): doubt for doubt in doubts}
    row_of = {key: row for row, key in enumerate(zip(scored.subsets, scored.clips, strict=True))}
    columns = (dataset.clips["subset"], dataset.clips["clip"], dataset.clips["path"], table_labels(dataset))
    clips = {(subset, clip): (path, tuple(labels)) for subset, clip, path, labels in zip(*columns, strict=True)}
    for fault, clip, subset, what in faults[["kind", "clip", "subset", "what"]].values.tolist():
        path, labels = clips.get((subset, clip), (None, ()))
        if fault not in FAULT_FACTORS or path is None or not labels:
            continue
        kind: DoubtKind = "contradiction" if fault == "contradiction" else "problem"
        row = row_of.get((subset, clip))
        given = [] if row is None else np.flatnonzero(scored.given[row]).tolist()
        if row is None or not given:
            found = Doubt(kind, subset, clip, path, labels, labels[0], UNSCORED_QUALITY, reason=what)
        else:
            label = min(given, key=lambda column: quality[row, column])
            lwlrap = clip_lwlrap(scored.given[[row]], scored.scores[[row]])[0]
            found = _doubt(scored, row, label, kind, quality[row, label], lwlrap, what)
        found = replace(found, quality=found.quality * FAULT_FACTORS[fault])
        key = subset, clip, found.label
        by_label[key] = _joined(found, by_label[key]) if key in by_label else found
    return list(by_label.values())


def _joined(found: Doubt, earlier: Doubt) -> Doubt:
    """One doubt out of two about a label: a contradiction says more than another fault, and a fault than scores."""
    kind = earlier.kind if earlier.kind == "contradiction" else found.kind
    quality = min(found.quality, earlier.quality)
    return replace(found, kind=kind, quality=quality, reason=f"{found.reason} {earlier.reason}")
