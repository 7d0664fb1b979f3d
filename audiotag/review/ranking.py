"""Find the labels of a dataset that are probably wrong or missing, the most doubtful first.

Scores are out-of-fold: no fold has been trained on the clips that it doubts. Each label of a clip, given or not, has a
quality (`audiotag.review.label_quality`): cleanlab's multi-label quality, combined with the clip's own lwlrap, because
a label is the more doubtful where the clip's other labels fit its scores badly, too. Only labels that confident
learning counts as wrong or missing are listed; a reviewer would otherwise hear all clips. Clips that contradict their
copies, and clips whose sound has a fault, join the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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

    Subsets are compared with themselves, because their labels are not equally reliable.
    """
    quality = np.ones(scored.scores.shape)
    for rows in _rows_of_subsets(scored):
        given, scores = scored.given[rows], scored.scores[rows]
        fit = np.nan_to_num(clip_lwlrap(given, scores), nan=1.0)
        quality[rows] = np.sqrt(label_quality(given, scores) * fit[:, None])
    return quality


def _rows_of_subsets(scored: ScoredClips) -> Iterable[np.ndarray]:
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
    name, score, fold = scored.labels[label], scored.scores[row, label], scored.folds[row]
    scorer = (
        "the folds that were not trained on it score" if fold is None else f"fold {fold}, not trained on it, scores"
    )
    present, absent = (float(mean[label]) for mean in means)
    if kind == "missing":
        return (
            f"The clip is not labelled {name}, but {scorer} {name} {score:.2f}, at least as high as the mean of clips "
            f"that are ({present:.2f})."
        )
    return (
        f"The clip is labelled {name}, but {scorer} {name} {score:.2f}, no higher than the mean of clips that are not "
        f"({absent:.2f}); clips labelled {name} have {present:.2f} on average."
    )


def _with_faults(
    doubts: list[Doubt], dataset: Dataset, scored: ScoredClips, quality: np.ndarray, faults: pd.DataFrame
) -> list[Doubt]:
    """Add one doubt per clip with a fault, about its least certain label; it takes the place of a doubt about it."""
    by_pair = {(doubt.subset, doubt.clip, doubt.label): doubt for doubt in doubts}
    row_of = {key: row for row, key in enumerate(zip(scored.subsets, scored.clips, strict=True))}
    labels_of = dict(
        zip(
            zip(dataset.clips["subset"], dataset.clips["clip"], strict=True),
            zip(dataset.clips["path"], table_labels(dataset), strict=True),
            strict=True,
        )
    )
    for fault, clip, subset, what in faults[["kind", "clip", "subset", "what"]].values.tolist():
        if fault not in FAULT_FACTORS or (subset, clip) not in labels_of:
            continue
        path, labels = labels_of[subset, clip]
        if not labels:
            continue
        kind: DoubtKind = "contradiction" if fault == "contradiction" else "problem"
        row = row_of.get((subset, clip))
        columns = [] if row is None else np.flatnonzero(scored.given[row]).tolist()
        if row is None or not columns:
            found = Doubt(kind, subset, clip, path, tuple(labels), labels[0], UNSCORED_QUALITY, reason=what)
        else:
            label = min(columns, key=lambda column: quality[row, column])
            lwlrap = clip_lwlrap(scored.given[row : row + 1], scored.scores[row : row + 1])[0]
            found = _doubt(scored, row, label, kind, quality[row, label], lwlrap, what)
        by_pair = _add_fault(by_pair, found, FAULT_FACTORS[fault])
    return list(by_pair.values())


def _add_fault(
    by_pair: dict[tuple[str, str, str], Doubt], found: Doubt, factor: float
) -> dict[tuple[str, str, str], Doubt]:
    from dataclasses import replace

    key = found.subset, found.clip, found.label
    earlier = by_pair.get(key)
    lowest = found.quality * factor
    if earlier is not None:
        found = replace(found, reason=f"{found.reason} {earlier.reason}") if earlier.reason != found.reason else found
        lowest = min(lowest, earlier.quality)
        if earlier.kind == "contradiction":
            found = replace(found, kind="contradiction")
    by_pair[key] = replace(found, quality=lowest)
    return by_pair
