"""Measure how good scores are: lwlrap, overall and per label, multi-label accuracy, and thresholds.

Conventions: ``truth`` is multi-hot and ``scores`` are real numbers, both of shape ``(clips, labels)``. Clips without a
label are left out of every mean, as in the Freesound Audio Tagging 2019 competition. All functions but `multi_hot`
raise ValueError if the shapes differ or a score is NaN.
"""

from __future__ import annotations

import numpy as np


def lwlrap_per_class(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the label-weighted label-ranking average precision of each label.

    Parameters
    ----------
    truth : numpy.ndarray, shape=(clips, labels)
        1 where the clip has the label, else 0.
    scores : numpy.ndarray, shape=(clips, labels)
        A higher score is a higher rank. Equal scores all get the worst of their ranks, as in scikit-learn.

    Returns
    -------
    per_class : numpy.ndarray, shape=(labels,)
        Mean precision at the rank of the label, over the clips that have it; NaN if no clip has it.
    weights : numpy.ndarray, shape=(labels,)
        Fraction of all positives that belong to each label; ``nansum(per_class * weights)`` is `lwlrap`.

    Notes
    -----
    Fonseca et al., "Audio tagging with noisy labels and minimal supervision", DCASE 2019.
    """
    truth, scores = _drop_unlabelled(*_validate(truth, scores))
    precision = label_precisions(truth, scores)
    positives = truth.sum(axis=0)
    with np.errstate(invalid="ignore"):
        per_class = np.where(positives > 0, (precision * truth).sum(axis=0) / positives, np.nan)
    return per_class, positives / max(positives.sum(), 1)


def label_precisions(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Compute the precision at the rank of each label of each clip; the mean over all true labels is `lwlrap`.

    Parameters
    ----------
    truth, scores
        As `lwlrap_per_class`.

    Returns
    -------
    numpy.ndarray, shape=(clips, labels)
        Of the labels with a score at least as high, the fraction that is true; 0 for a clip without a label.

    >>> label_precisions(np.array([[1, 0, 1]]), np.array([[0.9, 0.5, 0.1]]))
    array([[1.        , 0.5       , 0.66666667]])
    """
    truth, scores = _validate(truth, scores)
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked_scores = np.take_along_axis(scores, order, axis=1)
    hits = np.take_along_axis(truth, order, axis=1)
    # Equal scores share the last of their ranks, so that their order cannot improve the result.
    later_equal = ranked_scores[:, :-1] == ranked_scores[:, 1:]
    rank = np.tile(np.arange(1, truth.shape[1] + 1), (len(truth), 1))
    hits_to_rank = np.cumsum(hits, axis=1)
    for column in range(truth.shape[1] - 2, -1, -1):
        tied = later_equal[:, column]
        rank[tied, column] = rank[tied, column + 1]
        hits_to_rank[tied, column] = hits_to_rank[tied, column + 1]
    precision = np.empty_like(scores)
    np.put_along_axis(precision, order, hits_to_rank / rank, axis=1)
    return precision


def average_precision_per_class(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Compute the average precision of each label: the area under its precision-recall curve, as in scikit-learn.

    Here clips are ranked by the score of one label; in lwlrap the labels of one clip are ranked. Clips without a label
    count, too, because a label that is given to them is wrong.

    Parameters
    ----------
    truth, scores
        As `lwlrap_per_class`.

    Returns
    -------
    numpy.ndarray, shape=(labels,)
        0 to 1; NaN where no clip has the label.

    >>> average_precision_per_class(np.array([[1], [0], [1]]), np.array([[0.9], [0.8], [0.1]])).round(3)
    array([0.833])
    """
    truth, scores = _validate(truth, scores)
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked, hits = (np.take_along_axis(values, order, axis=0) for values in (scores, truth))
    found = np.cumsum(hits, axis=0)
    # Equal scores share the last of their ranks: no threshold can separate them.
    place = np.tile(np.arange(len(truth))[:, None], (1, truth.shape[1]))
    for row in range(len(truth) - 2, -1, -1):
        tied = ranked[row] == ranked[row + 1]
        place[row, tied] = place[row + 1, tied]
    precision = np.take_along_axis(found, place, axis=0) / (place + 1)
    positives = truth.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(positives > 0, (precision * hits).sum(axis=0) / positives, np.nan)


def lwlrap(truth: np.ndarray, scores: np.ndarray) -> float:
    """Compute the label-weighted label-ranking average precision over all clips, 0 to 1; NaN without any positive.

    >>> lwlrap(np.array([[1, 0, 0], [0, 1, 1]]), np.array([[0.9, 0.5, 0.1], [0.6, 0.8, 0.2]]))
    0.8888888888888888
    """
    per_class, weights = lwlrap_per_class(truth, scores)
    return float(np.nansum(per_class * weights)) if weights.any() else float("nan")


def accuracy(truth: np.ndarray, scores: np.ndarray) -> float:
    """Compute the multi-label accuracy: the fraction of true labels among the k best scores of their clip.

    k is the number of labels of the clip. With one label per clip this is plain top-1 accuracy.

    >>> accuracy(np.array([[1, 1, 0], [0, 0, 1]]), np.array([[0.9, 0.1, 0.5], [0.1, 0.2, 0.3]]))
    0.6666666666666666
    """
    truth, scores = _drop_unlabelled(*_validate(truth, scores))
    return float((truth * labels_among_best(truth, scores)).sum() / max(truth.sum(), 1))


def labels_among_best(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Find the k best scores of each clip, where k is the clip's number of labels; shape ``(clips, labels)``, bool.

    >>> labels_among_best(np.array([[1, 1, 0], [0, 0, 1]]), np.array([[0.9, 0.1, 0.5], [0.1, 0.2, 0.3]])).tolist()
    [[True, False, True], [False, False, True]]
    """
    truth, scores = _validate(truth, scores)
    order = np.argsort(-scores, axis=1, kind="stable")
    among_best = np.empty(scores.shape, dtype=bool)
    np.put_along_axis(among_best, order, np.arange(truth.shape[1]) < truth.sum(axis=1, keepdims=True), axis=1)
    return among_best


def best_f1_thresholds(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Find the threshold with the best F1 for each label, shape ``(labels,)``.

    A threshold lies half-way between the two scores that it separates. A label without positives gets 1.0, because
    nothing is known about its scores.
    """
    truth, scores = _drop_unlabelled(*_validate(truth, scores))
    thresholds = np.ones(truth.shape[1])
    for label in range(truth.shape[1]):
        positives = truth[:, label].sum()
        if not positives:
            continue
        order = np.argsort(-scores[:, label], kind="stable")
        ranked = scores[order, label]
        hits = np.cumsum(truth[order, label])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + positives)
        f1[:-1][ranked[:-1] == ranked[1:]] = -1  # no threshold separates equal scores
        best = int(np.argmax(f1))
        below = ranked[best + 1] if best + 1 < len(ranked) else min(0.0, ranked[best])
        thresholds[label] = (ranked[best] + below) / 2
    return thresholds


def multi_hot(label_lists: list[tuple[str, ...]], vocabulary: tuple[str, ...]) -> np.ndarray:
    """Encode the labels of each clip as a row of 0 and 1, shape ``(clips, labels)``, float32.

    Raises KeyError for a label that is not in the vocabulary.

    >>> multi_hot([("b",), ("a", "b")], ("a", "b"))
    array([[0., 1.],
           [1., 1.]], dtype=float32)
    """
    column = {label: position for position, label in enumerate(vocabulary)}
    truth = np.zeros((len(label_lists), len(vocabulary)), dtype=np.float32)
    for row, labels in enumerate(label_lists):
        truth[row, [column[label] for label in labels]] = 1
    return truth


def _validate(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores in float64."""
    truth, scores = np.asarray(truth, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != scores.shape:
        raise ValueError(f"truth and scores must both be (clips, labels), got {truth.shape} and {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError(f"scores must be numbers, got {int(np.isnan(scores).sum())} NaN; did the training diverge?")
    return truth, scores


def _drop_unlabelled(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Only the clips that have a label."""
    labelled = truth.sum(axis=1) > 0
    return truth[labelled], scores[labelled]
