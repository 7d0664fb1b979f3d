"""Compute what labelled scores say once, and keep it in memory for all sessions; get such scores for each page."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from audiotag.metrics import multi_hot
from audiotag.trust.findings import Findings
from audiotag.trust.labelled_scores import HELD_OUT, LabelledScores

if TYPE_CHECKING:
    from audiotag.scoring import Score
    from audiotag.tagging.card import Card
    from audiotag.training.runs import Run


def findings_of(labelled: LabelledScores, temperature: float | None = None) -> Findings:
    """What labelled scores say; the same object for the same scores."""
    digest = hashlib.blake2b(digest_size=16)
    for values in (labelled.scores, labelled.targets, labelled.folds):
        digest.update(np.ascontiguousarray(values).tobytes() if values is not None else b"-")
    others = (labelled.labels, labelled.origin, labelled.thresholds, temperature)
    return _findings(digest.hexdigest() + repr(others), labelled, temperature)


def scores_of_run(run: Run) -> LabelledScores:
    """The out-of-fold scores of a run's finished folds, with the thresholds that publishing it would give.

    Raises
    ------
    AudiotagError
        If no fold is finished, or a file is damaged.
    """
    return _scores_of_run(run.folder, tuple(run.finished_folds()), run)


def scores_of_submission(found: Score, card: Card | None = None) -> LabelledScores:
    """The scores of a submission with the true labels; with the thresholds of the ensemble that made it, if known."""
    labels = tuple(found.scores.columns)
    truth = multi_hot(list(found.per_clip.loc[found.scores.index, "labels"]), labels)
    thresholds = None
    if card is not None:
        known = dict(zip(card.labels, card.thresholds, strict=True))
        thresholds = tuple(known.get(label, 1.0) for label in labels)
    return LabelledScores(labels, found.scores.to_numpy(dtype=np.float64), truth, HELD_OUT, None, thresholds)


@st.cache_resource(max_entries=8, show_spinner="Comparing scores with labels …")
def _findings(key: str, _labelled: LabelledScores, temperature: float | None) -> Findings:
    return Findings(_labelled, temperature)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={type(Path()): os.fsencode})
def _scores_of_run(folder: Path, folds: tuple[int, ...], _run: Run) -> LabelledScores:
    from audiotag.training.held_out import labelled_scores

    return labelled_scores(_run)
