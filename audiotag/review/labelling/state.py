"""The state of labelling after the verdicts so far: labels, the next offers, the quick head and what it suggests.

A state follows from the material and the verdicts alone, so undoing a verdict gives the state before it, and a page
that is loaded again shows the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audiotag.data.corrections import corrected_labels, is_decided, verdicts_per_clip
from audiotag.data.verdicts import Verdict
from audiotag.metrics import multi_hot
from audiotag.review.labelling.figure import HeadFigure, head_figure, represented_clips
from audiotag.review.labelling.head import Head, fit_head
from audiotag.review.labelling.material import LabellingMaterial
from audiotag.review.labelling.order import Offer, order_offers

REFIT_EVERY = 10  # clips that get labels; in between, head and figure stay as they are


@dataclass(frozen=True, eq=False)
class LabellingState:
    """What is known after the verdicts so far.

    Attributes
    ----------
    material : LabellingMaterial
        The clips, their clusters and similar clips; rows are its rows.
    labels : tuple[str, ...]
        The vocabulary so far, sorted: labels of the dataset's tables and those that reviewers made.
    given : tuple[tuple[str, ...], ...]
        The labels of each clip so far.
    is_labelled : numpy.ndarray, shape=(clips,), bool
        Whether the labels of each clip are known; it may be known to have no label.
    is_skipped : numpy.ndarray, shape=(clips,), bool
        Whether the reviewer skipped the clip.
    offers : tuple[Offer, ...]
        The clips without labels, the one that teaches most first. Silent clips are never offered, and those that were
        skipped come last.
    head_labels : tuple[str, ...]
        The labels that the head knows.
    scores : numpy.ndarray, shape=(clips, labels of the head), or None
        Probabilities by the head; None before the head is first fitted.
    figure : HeadFigure
        How good the head is, or why that cannot be said yet.
    until_refit : int
        Clips to label until the head is fitted again.
    """

    material: LabellingMaterial
    labels: tuple[str, ...]
    given: tuple[tuple[str, ...], ...]
    is_labelled: np.ndarray
    is_skipped: np.ndarray
    offers: tuple[Offer, ...]
    head_labels: tuple[str, ...]
    scores: np.ndarray | None
    figure: HeadFigure
    until_refit: int
    head_key: str = ""

    def suggestions(self, row: int, count: int = 9) -> list[tuple[str, float]]:
        """The labels that the head finds most probable for a clip, with their probabilities, the highest first."""
        if self.scores is None:
            return []
        best = np.argsort(-self.scores[row], kind="stable")[:count]
        return [(self.head_labels[label], float(self.scores[row, label])) for label in best]

    def open_rows(self, rows: Sequence[int]) -> list[int]:
        """Those of some clips that have no labels yet, in the same order: for a whole cluster, or for similar clips."""
        return [row for row in rows if not self.is_labelled[row]]

    def clips_per_label(self) -> dict[str, int]:
        """The number of clips of each label, the most frequent first."""
        counts = {label: sum(label in own for own in self.given) for label in self.labels}
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def labelling_state(
    material: LabellingMaterial,
    verdicts: Sequence[Verdict],
    reviewer: str,
    previous: LabellingState | None = None,
) -> LabellingState:
    """The state after the verdicts so far.

    Parameters
    ----------
    material : LabellingMaterial
    verdicts : sequence of Verdict
        Of all reviewers, oldest first, as `audiotag.data.verdicts.VerdictJournal.verdicts` gives them.
    reviewer : str
        Whose skipped clips come last.
    previous : LabellingState, optional
        An earlier state of the same material. Its head is used again where a new one would be the same, which saves
        the time to fit it; the result does not depend on it.
    """
    of_clips = verdicts_per_clip(material.clips, verdicts)
    given, is_labelled = _labels_so_far(material, of_clips)
    is_skipped = np.array([_is_skipped(own, reviewer) for own in of_clips], dtype=bool) & ~is_labelled
    labels = tuple(sorted({*material.labels, *(label for own in given for label in own)}))
    fitted, until_refit = _fitted_verdicts(material, verdicts)
    head_given, head_rows = given, is_labelled
    if len(fitted) < len(verdicts):
        head_given, head_rows = _labels_so_far(material, verdicts_per_clip(material.clips, fitted))
    head_labels, scores, figure, key = _head(material, head_given, np.flatnonzero(head_rows), previous)
    offers = order_offers(material, is_labelled, is_skipped, scores, head_labels)
    return LabellingState(
        material, labels, tuple(given), is_labelled, is_skipped, offers, head_labels, scores, figure, until_refit, key
    )


def _labels_so_far(
    material: LabellingMaterial, of_clips: Sequence[Sequence[Verdict]]
) -> tuple[list[tuple[str, ...]], np.ndarray]:
    tables = material.clips["labels"].tolist()
    given = [corrected_labels(labels, own) for labels, own in zip(tables, of_clips, strict=True)]
    known = [is_decided(labels, own) for labels, own in zip(tables, of_clips, strict=True)]
    return given, np.array(known, dtype=bool)


def _is_skipped(verdicts: Sequence[Verdict], reviewer: str) -> bool:
    own = [verdict for verdict in verdicts if verdict.reviewer == reviewer]
    return bool(own) and own[-1].answer in ("skip", "unsure")


def _fitted_verdicts(material: LabellingMaterial, verdicts: Sequence[Verdict]) -> tuple[list[Verdict], int]:
    """The verdicts that the head is fitted on, and how many clips are to be labelled until it is fitted again."""
    names = set(zip(material.clips["subset"], material.clips["clip"], strict=True))
    done, end, count = set[tuple[str, str]](), 0, 0
    for place, verdict in enumerate(verdicts):
        name = (verdict.subset, verdict.clip)
        if name in names and verdict.answer not in ("skip", "unsure"):
            done.add(name)
        is_last = place + 1 == len(verdicts) or verdicts[place + 1].action != verdict.action or not verdict.action
        if is_last and len(done) - count >= REFIT_EVERY:
            end, count = place + 1, len(done)
    return list(verdicts[:end]), REFIT_EVERY - (len(done) - count)


def _head(
    material: LabellingMaterial,
    given: Sequence[tuple[str, ...]],
    rows: np.ndarray,
    previous: LabellingState | None,
) -> tuple[tuple[str, ...], np.ndarray | None, HeadFigure, str]:
    """The head's labels, its scores of all clips, its figure, and what stands for the labels that it was fitted on."""
    names = list(zip(material.clips["subset"], material.clips["clip"], strict=True))
    rows = np.array(sorted(rows.tolist(), key=names.__getitem__), dtype=int)
    key = hashlib.sha256(repr([(names[row], sorted(given[row])) for row in rows]).encode(errors="replace")).hexdigest()
    if previous is not None and previous.material is material and previous.head_key == key:
        return previous.head_labels, previous.scores, previous.figure, key
    labels = tuple(sorted({label for row in rows for label in given[row]}))
    targets = multi_hot([given[row] for row in rows], labels)
    head: Head | None = fit_head(material.features[rows], targets)
    scores = None if head is None else head.scores(material.features).astype(np.float32)
    counts = represented_clips(material.features, rows)
    figure = head_figure(material.features[rows], targets, material.sources[rows], counts, labels)
    return labels, scores, figure, key
