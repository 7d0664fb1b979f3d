"""From what each fold says of each window to what the ensemble says of the clip.

Windows become a clip's score fold by fold, by their mean or maximum, where a silent one scores 0; with test-time
augmentation a fold's score is 0.25 of the plain pass and 0.75 of the mean of the augmented ones, as fastai's
``Learner.tta`` has it; then the folds are combined:

- ``mean``: their arithmetic mean, as the published method has it;
- ``geometric``: their geometric mean, which one fold that says no can pull down;
- ``weighted``: the mean of their logits, each scaled and shifted by what its own held-out clips say that a logit
  of this fold is worth (`fitted_weights`).
"""

from __future__ import annotations

import numpy as np

from audiotag.tagging.result import Evidence, Tag, Tags
from audiotag.tagging.settings import Combine, Windows

PLAIN_SHARE = 0.25  # fastai's beta
SMALLEST = 1e-7  # of a score that a logarithm is taken of


def clip_tags(
    evidence: Evidence,
    labels: tuple[str, ...],
    thresholds: tuple[float, ...],
    windows: Windows,
    combine: Combine = "mean",
    weights: np.ndarray | None = None,
) -> Tags:
    """The tags of a clip.

    Parameters
    ----------
    evidence : Evidence
    labels, thresholds : tuple
        One threshold for each label.
    windows : "mean" or "max"
    combine : "mean", "geometric" or "weighted"
    weights : numpy.ndarray, shape=(folds, 2), optional
        What `fitted_weights` gives; needed for "weighted" alone.

    Returns
    -------
    Tags
        A fold agrees with a label where its own score reaches the threshold.
    """
    audible = evidence.audible[:, None]
    per_window = np.where(audible, evidence.scores, 0)
    per_fold = fuse_windows(per_window, windows)
    if evidence.augmented is not None:
        passes = fuse_windows(np.where(audible, evidence.augmented, 0), windows).mean(axis=0)
        per_fold = PLAIN_SHARE * per_fold + (1 - PLAIN_SHARE) * passes
    scores = fuse_folds(per_fold, combine, weights)
    least = np.array(thresholds)
    agreeing = ((per_fold >= least) & (per_fold > 0)).sum(axis=0)
    ranking = tuple(
        Tag(labels[i], float(scores[i]), float(least[i]), int(agreeing[i])) for i in np.argsort(-scores, kind="stable")
    )
    return Tags(
        name=evidence.name,
        duration_s=evidence.duration_s,
        ranking=ranking,
        folds=len(per_fold),
        scores=scores,
        timeline=fuse_folds(per_window, combine, weights),
        starts_s=evidence.starts_s,
        window_s=evidence.window_s,
        notes=evidence.notes,
    )


def fuse_windows(scores: np.ndarray, windows: Windows) -> np.ndarray:
    """``(…, windows, labels)`` → ``(…, labels)``."""
    return scores.max(axis=-2) if windows == "max" else scores.mean(axis=-2)


def fuse_folds(scores: np.ndarray, combine: Combine, weights: np.ndarray | None = None) -> np.ndarray:
    """Scores of the folds, ``(folds, …, labels)``, as one, ``(…, labels)``; what all folds score 0 stays 0.

    >>> fuse_folds(np.array([[0.9], [0.4]]), "geometric").round(3)
    array([0.6])
    """
    if combine == "mean":
        return scores.mean(axis=0)
    silent = (scores == 0).all(axis=0)
    if combine == "geometric":
        return np.where(silent, 0, np.exp(np.log(np.maximum(scores, SMALLEST)).mean(axis=0)))
    if weights is None or len(weights) != len(scores):
        raise ValueError(
            f"weights must be (folds, 2) for {len(scores)} folds, got {None if weights is None else weights.shape}"
        )
    scale, shift = (weights[:, column].reshape(-1, *[1] * (scores.ndim - 1)) for column in (0, 1))
    return np.where(silent, 0, _sigmoid((scale * _logits(scores) + shift).mean(axis=0)))


def fitted_weights(scores: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """For each fold, in ascending order, the scale and shift of its logits that fit its held-out clips best.

    Parameters
    ----------
    scores, targets : numpy.ndarray, shape=(clips, labels)
        Out of fold: each clip's scores are of the fold that never saw it.
    folds : numpy.ndarray, shape=(clips,)
        Which fold that is.

    Returns
    -------
    numpy.ndarray, shape=(folds, 2)
        Scale (at least 0.05) and shift.

    Notes
    -----
    Platt's logistic calibration (1999), by Newton's method, with a weak prior at scale 1 and shift 0: a fold that is
    surer than its clips bear out gets a scale below 1 and so a smaller say.
    """
    return np.array([_platt(scores[folds == fold], targets[folds == fold]) for fold in np.unique(folds)])


def _platt(scores: np.ndarray, targets: np.ndarray, prior: float = 1.0) -> tuple[float, float]:
    logits, wanted = _logits(scores).ravel(), np.asarray(targets, dtype=np.float64).ravel()
    inputs = np.stack([logits, np.ones_like(logits)], axis=1)
    start = np.array([1.0, 0.0])

    def loss(values: np.ndarray) -> float:
        at = inputs @ values
        return float(np.sum(np.logaddexp(0, at) - wanted * at) + prior / 2 * np.sum((values - start) ** 2))

    found, now = start, loss(start)
    for _ in range(50):
        probabilities = _sigmoid(inputs @ found)
        slope = inputs.T @ (probabilities - wanted) + prior * (found - start)
        curvature = (inputs * (probabilities * (1 - probabilities))[:, None]).T @ inputs + prior * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        while loss(found - step) > now and np.abs(step).max() > 1e-9:
            step /= 2  # a full step of Newton's may overshoot far from the minimum
        found, before, now = found - step, now, loss(found - step)
        if before - now < 1e-9 * (1 + abs(now)):
            break
    return max(float(found[0]), 0.05), float(found[1])


def _logits(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(np.asarray(scores, dtype=np.float64), SMALLEST, 1 - SMALLEST)
    return np.log(clipped) - np.log1p(-clipped)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))
