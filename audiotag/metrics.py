"""How good scores are: lwlrap, overall and per class, multi-label accuracy, and thresholds.

Conventions: ``truth`` is multi-hot and ``scores`` any real numbers, both of shape ``(clips, labels)``; clips without a
label are left out of every mean, as the Freesound Audio Tagging 2019 competition does.
"""

from __future__ import annotations

import numpy as np


def lwlrap_per_class(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label-weighted label-ranking average precision of each class.

    Parameters
    ----------
    truth : numpy.ndarray, shape=(clips, labels)
        1 where the clip has the label, else 0.
    scores : numpy.ndarray, shape=(clips, labels)
        Higher is likelier; equal scores rank below each other as scikit-learn has it (the worst rank counts).

    Returns
    -------
    per_class : numpy.ndarray, shape=(labels,)
        Mean, over that class's positives, of the precision at their rank; NaN where there is no positive.
    weights : numpy.ndarray, shape=(labels,)
        Share of each class in all positives; ``nansum(per_class * weights)`` is `lwlrap`.

    Notes
    -----
    Fonseca et al., "Audio tagging with noisy labels and minimal supervision", DCASE 2019.
    """
    truth, scores = _checked(truth, scores)
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked_scores = np.take_along_axis(scores, order, axis=1)
    hits = np.take_along_axis(truth, order, axis=1)
    # Ties share the rank of the last of them, so that no order among equals can help.
    later_equal = ranked_scores[:, :-1] == ranked_scores[:, 1:]
    rank = np.tile(np.arange(1, truth.shape[1] + 1), (len(truth), 1))
    hits_to_rank = np.cumsum(hits, axis=1)
    for column in range(truth.shape[1] - 2, -1, -1):
        tied = later_equal[:, column]
        rank[tied, column] = rank[tied, column + 1]
        hits_to_rank[tied, column] = hits_to_rank[tied, column + 1]
    precision = np.empty_like(scores)
    np.put_along_axis(precision, order, hits_to_rank / rank, axis=1)
    positives = truth.sum(axis=0)
    with np.errstate(invalid="ignore"):
        per_class = np.where(positives > 0, (precision * truth).sum(axis=0) / positives, np.nan)
    return per_class, positives / max(positives.sum(), 1)


def lwlrap(truth: np.ndarray, scores: np.ndarray) -> float:
    """Label-weighted label-ranking average precision over all clips at once, 0 to 1; NaN without any positive.

    >>> lwlrap(np.array([[1, 0, 0], [0, 1, 1]]), np.array([[0.9, 0.5, 0.1], [0.6, 0.8, 0.2]]))
    0.8888888888888888
    """
    per_class, weights = lwlrap_per_class(truth, scores)
    return float(np.nansum(per_class * weights)) if weights.any() else float("nan")


def accuracy(truth: np.ndarray, scores: np.ndarray) -> float:
    """Multi-label accuracy: share of all true labels that are among their clip's top k, k its number of labels.

    With one label a clip this is plain top-1 accuracy.
    """
    truth, scores = _checked(truth, scores)
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = np.take_along_axis(truth, order, axis=1)
    among_top = np.arange(truth.shape[1]) < truth.sum(axis=1, keepdims=True)
    return float((hits * among_top).sum() / max(truth.sum(), 1))


def best_f1_thresholds(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """For each label the threshold of best F1, shape ``(labels,)``; half-way between the two scores it parts.

    A label without positives gets 1.0: nothing is known of when it should be given.
    """
    truth, scores = _checked(truth, scores)
    thresholds = np.ones(truth.shape[1])
    for label in range(truth.shape[1]):
        positives = truth[:, label].sum()
        if not positives:
            continue
        order = np.argsort(-scores[:, label], kind="stable")
        ranked = scores[order, label]
        hits = np.cumsum(truth[order, label])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + positives)
        f1[:-1][ranked[:-1] == ranked[1:]] = -1  # no threshold parts equal scores
        best = int(np.argmax(f1))
        below = ranked[best + 1] if best + 1 < len(ranked) else min(0.0, ranked[best])
        thresholds[label] = (ranked[best] + below) / 2
    return thresholds


def multi_hot(label_lists: list[tuple[str, ...]], vocabulary: tuple[str, ...]) -> np.ndarray:
    """Rows of 0 and 1, shape ``(clips, labels)``, float32.

    >>> multi_hot([("b",), ("a", "b")], ("a", "b"))
    array([[0., 1.],
           [1., 1.]], dtype=float32)
    """
    column = {label: position for position, label in enumerate(vocabulary)}
    truth = np.zeros((len(label_lists), len(vocabulary)), dtype=np.float32)
    for row, labels in enumerate(label_lists):
        truth[row, [column[label] for label in labels]] = 1
    return truth


def _checked(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, scores = np.asarray(truth, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != scores.shape:
        raise ValueError(f"truth and scores must both be (clips, labels), got {truth.shape} and {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError(f"scores must be numbers, got {int(np.isnan(scores).sum())} NaN; did the training diverge?")
    labelled = truth.sum(axis=1) > 0
    return truth[labelled], scores[labelled]
