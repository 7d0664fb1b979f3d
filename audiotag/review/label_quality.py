"""Measure how likely each label of each clip, and each absence of one, is right: from out-of-fold scores.

Conventions: ``given`` is multi-hot, the labels in the dataset's tables; ``scores`` are out-of-fold scores from 0 to 1;
both have the shape ``(clips, labels)``.

References
----------
Northcutt, Jiang & Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 70, 2021.
Thyagarajan, Snorrason, Northcutt & Mueller, "Identifying incorrect annotations in multi-label classification data",
ICLR 2023 workshop on trustworthy machine learning.
"""

from __future__ import annotations

import threading
import warnings

import numpy as np

from audiotag.metrics import label_precisions

_filter_lock = threading.Lock()  # cleanlab's filter hands its data on in global variables


def label_quality(given: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How likely each label, or its absence, is right: cleanlab's multi-label quality of each label of each clip.

    Scores are compared with the mean scores of clips with and without the label (``adjust_pred_probs``), because a
    label that is rare or hard to hear has low scores even where it is right.

    Returns
    -------
    numpy.ndarray, shape=(clips, labels), float64
        0 to 1; low where the label is probably wrong or missing.
    """
    from cleanlab.multilabel_classification.rank import get_label_quality_scores_per_class

    scores = np.clip(np.asarray(scores, np.float64), 0, 1)
    if not given.any():  # nothing to compare with
        return 1 - scores
    labels = [np.flatnonzero(row).tolist() for row in given]
    return np.asarray(get_label_quality_scores_per_class(labels, scores, adjust_pred_probs=True))


def mean_scores(given: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean score of each label over the clips that have it, and over those that do not; NaN where there are none."""
    count = given.sum(axis=0)
    with np.errstate(invalid="ignore"):
        present = np.where(given > 0, scores, 0).sum(axis=0, dtype=np.float64) / count
        absent = np.where(given > 0, 0, scores).sum(axis=0, dtype=np.float64) / (len(given) - count)
    return present, absent


def is_doubtful(given: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Whether each label of each clip is probably wrong or missing: cleanlab's default filter, confident learning.

    It estimates how many clips with a label should not have it, and how many without it should, from the clips whose
    score is at least the mean of the other kind; so many, those with the least certain scores, are doubtful. A given
    label that is scored above 0.5 never is, nor is one that is not given and scored below.

    Returns
    -------
    numpy.ndarray, shape=(clips, labels), bool
    """
    from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class

    doubtful = np.zeros(given.shape, dtype=bool)
    count = given.sum(axis=0)
    columns = np.flatnonzero((count > 0) & (count < len(given)))  # else there is nothing to compare with
    if len(columns):
        probabilities = np.clip(np.asarray(scores[:, columns], np.float64), 0, 1)
        labels = [np.flatnonzero(row).tolist() for row in given[:, columns]]
        with _filter_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that few clips have a label
            doubtful[:, columns] = find_multilabel_issues_per_class(labels, probabilities, n_jobs=1)
    return doubtful


def clip_lwlrap(given: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The label-weighted label-ranking average precision of each clip alone; NaN for a clip without labels.

    Examples
    --------
    >>> clip_lwlrap(np.array([[1, 0, 0], [0, 1, 0]]), np.array([[0.9, 0.5, 0.1], [0.6, 0.5, 0.2]])).tolist()
    [1.0, 0.5]
    """
    precision = (label_precisions(given, scores) * given).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return precision / given.sum(axis=1)
