"""Combine the scores of windows, test-time augmentation and folds into the scores and tags of a clip.

First the windows are combined for each fold, by their mean or maximum; silent windows score 0, and of windows that
overlap by more than half, those half a window apart count. With test-time
augmentation a fold's score is then 0.25 of the plain pass and 0.75 of the mean of the augmented passes, as in fastai's
``Learner.tta``. Last, the folds are combined:

- ``mean``: the arithmetic mean of their scores, as in the published method;
- ``geometric``: the geometric mean, which a single low score pulls down;
- ``weighted``: the mean of their logits, after each fold's logits are scaled and shifted to fit its held-out clips
  (`fit_weights`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audiotag.tagging.evidence import Evidence
from audiotag.tagging.result import Tag, Tags
from audiotag.tagging.settings import DEFAULT_OVERLAP, Combine, Windows
from audiotag.trust.temperature import scale, scale_with_thresholds

PLAIN_PASS_WEIGHT = 0.25  # fastai's beta
MIN_SCORE = 1e-7  # scores are clipped to it before a logarithm
MIN_SCALE = 0.05  # of a fold's logits
MAX_NEWTON_STEPS = 50
TOLERANCE = 1e-9


class FusedScores(NamedTuple):
    """Scores of a clip, before and after its folds are combined.

    Attributes
    ----------
    per_fold : numpy.ndarray, shape=(folds, labels)
    clip : numpy.ndarray, shape=(labels,)
    timeline : numpy.ndarray, shape=(windows, labels)
    """

    per_fold: np.ndarray
    clip: np.ndarray
    timeline: np.ndarray


def clip_tags(
    evidence: Evidence,
    labels: tuple[str, ...],
    thresholds: tuple[float, ...],
    windows: Windows,
    combine: Combine = "mean",
    weights: np.ndarray | None = None,
    temperature: float = 1.0,
    overlap: float = DEFAULT_OVERLAP,
) -> Tags:
    """Compute the tags of a clip.

    Parameters
    ----------
    evidence : Evidence
        Scores of each fold for each window.
    labels, thresholds : tuple
        One threshold per label, 0 to 1.
    windows : "mean" or "max"
        How windows are combined.
    combine : "mean", "geometric" or "weighted"
        How folds are combined.
    weights : numpy.ndarray, shape=(folds, 2), optional
        From `fit_weights`; needed only for "weighted".
    temperature : float
        Of `audiotag.trust.temperature`, by which the logits of combined scores and of thresholds are divided last.
    overlap : float
        Of neighbouring windows, as it was asked for, 0 to 0.95.

    Returns
    -------
    Tags
        A fold agrees with a label if its own score reaches the threshold.
    """
    audible = evidence.audible[:, None]
    per_window = np.where(audible, evidence.scores, 0)
    counted = windows_that_count(evidence.starts_s, evidence.window_s, overlap)
    per_fold = fuse_windows(per_window[:, counted], windows)
    if evidence.augmented is not None:
        augmented = np.where(audible, evidence.augmented, 0)[:, :, counted]
        passes = fuse_windows(augmented, windows).mean(axis=0)
        per_fold = PLAIN_PASS_WEIGHT * per_fold + (1 - PLAIN_PASS_WEIGHT) * passes
    fused = FusedScores(per_fold, fuse_folds(per_fold, combine, weights), fuse_folds(per_window, combine, weights))
    return ranked_tags(evidence, labels, thresholds, fused, temperature)


def ranked_tags(
    evidence: Evidence,
    labels: tuple[str, ...],
    thresholds: tuple[float, ...],
    fused: FusedScores,
    temperature: float = 1.0,
) -> Tags:
    """The tags of a clip whose scores are combined; the parameters are those of `clip_tags`."""
    per_fold, scores, timeline = fused
    agreeing = ((per_fold >= np.array(thresholds)) & (per_fold > 0)).sum(axis=0)
    order = np.argsort(-scores, kind="stable")
    if temperature != 1:
        timeline = scale(timeline, temperature)
        scores, limits = scale_with_thresholds(scores, np.array(thresholds), temperature)
    else:
        limits = np.array(thresholds)
    ranking = tuple(Tag(labels[i], float(scores[i]), float(limits[i]), int(agreeing[i])) for i in order)
    return Tags(
        name=evidence.name,
        duration_s=evidence.duration_s,
        ranking=ranking,
        folds=len(per_fold),
        scores=scores,
        timeline=timeline,
        starts_s=evidence.starts_s,
        window_s=evidence.window_s,
        notes=evidence.notes,
    )


def windows_that_count(starts_s: np.ndarray, window_s: float, overlap: float) -> np.ndarray:
    """Which windows the score of a clip comes from, ascending numbers: all, or where they overlap by more than half,
    those that are half a window apart, and the last one.

    So a higher overlap makes the timeline finer and does not move the score, whose thresholds were measured without it:
    the highest of 20 times as many windows would be higher.

    The overlap that was asked for decides, not the starts alone: in spectrograms the step is a whole number of frames,
    and windows that are spread evenly are closer together than a step.

    Examples
    --------
    >>> windows_that_count(np.arange(0, 2.1, 0.25), 1.0, 0.75).tolist()
    [0, 2, 4, 6, 8]
    >>> windows_that_count(np.arange(4) * 0.49, 1.0, 0.5).tolist()
    [0, 1, 2, 3]
    """
    hop_s = float(np.diff(starts_s).max()) if len(starts_s) > 2 else window_s
    if overlap <= DEFAULT_OVERLAP or hop_s >= 0.499 * window_s:
        return np.arange(len(starts_s))
    grid_s = np.arange(starts_s[0], starts_s[-1], window_s / 2)
    return np.unique([*np.rint((grid_s - starts_s[0]) / hop_s).astype(np.int64), len(starts_s) - 1])


def fuse_windows(scores: np.ndarray, windows: Windows) -> np.ndarray:
    """Combine scores over windows, by their "mean" or "max": ``(…, windows, labels)`` → ``(…, labels)``."""
    return scores.max(axis=-2) if windows == "max" else scores.mean(axis=-2)


def fuse_folds(scores: np.ndarray, combine: Combine, weights: np.ndarray | None = None) -> np.ndarray:
    """Combine scores over folds; what all folds score 0 stays 0.

    Parameters
    ----------
    scores : numpy.ndarray, shape=(folds, …, labels)
        0 to 1.
    combine : "mean", "geometric" or "weighted"
    weights : numpy.ndarray, shape=(folds, 2), optional
        From `fit_weights`; needed only for "weighted".

    Returns
    -------
    numpy.ndarray, shape=(…, labels)
        0 to 1.

    Raises
    ------
    ValueError
        If weights are needed and are not one row per fold.

    Examples
    --------
    >>> fuse_folds(np.array([[0.9], [0.4]]), "geometric").round(3)
    array([0.6])
    """
    if combine == "mean":
        return scores.mean(axis=0)
    silent = (scores == 0).all(axis=0)
    if combine == "geometric":
        return np.where(silent, 0, np.exp(np.log(np.maximum(scores, MIN_SCORE)).mean(axis=0)))
    if weights is None or len(weights) != len(scores):
        raise ValueError(
            f"weights must be (folds, 2) for {len(scores)} folds, got {None if weights is None else weights.shape}"
        )
    scale, shift = (weights[:, column].reshape(-1, *[1] * (scores.ndim - 1)) for column in (0, 1))
    return np.where(silent, 0, _sigmoid((scale * _logits(scores) + shift).mean(axis=0)))


def fit_weights(scores: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Fit a scale and a shift of each fold's logits to its held-out clips.

    Parameters
    ----------
    scores, targets : numpy.ndarray, shape=(clips, labels)
        Out-of-fold scores, 0 to 1: each clip is scored by the fold that it was held out of. Multi-hot targets.
    folds : numpy.ndarray, shape=(clips,)
        Number of that fold.

    Returns
    -------
    numpy.ndarray, shape=(folds, 2)
        Scale (at least 0.05) and shift of each fold, in ascending order of their numbers.

    Notes
    -----
    Platt's logistic calibration (1999), by Newton's method, with a weak prior at scale 1 and shift 0. A fold that is
    overconfident gets a scale below 1, so its logits count less.
    """
    return np.array([_fit_platt(scores[folds == fold], targets[folds == fold]) for fold in np.unique(folds)])


def _fit_platt(scores: np.ndarray, targets: np.ndarray, prior: float = 1.0) -> tuple[float, float]:
    """Scale and shift with the lowest logistic loss, by Newton's method."""
    logits, flat_targets = _logits(scores).ravel(), np.asarray(targets, dtype=np.float64).ravel()
    inputs = np.stack([logits, np.ones_like(logits)], axis=1)
    start = np.array([1.0, 0.0])

    def loss_of(weights: np.ndarray) -> float:
        fitted = inputs @ weights
        data_loss = np.sum(np.logaddexp(0, fitted) - flat_targets * fitted)
        return float(data_loss + prior / 2 * np.sum((weights - start) ** 2))

    weights, loss = start, loss_of(start)
    for _ in range(MAX_NEWTON_STEPS):
        probabilities = _sigmoid(inputs @ weights)
        gradient = inputs.T @ (probabilities - flat_targets) + prior * (weights - start)
        hessian = (inputs * (probabilities * (1 - probabilities))[:, None]).T @ inputs + prior * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        while loss_of(weights - step) > loss and np.abs(step).max() > TOLERANCE:
            step /= 2  # far from the minimum a full step may go beyond it
        weights, last_loss, loss = weights - step, loss, loss_of(weights - step)
        if last_loss - loss < TOLERANCE * (1 + abs(loss)):
            break
    return max(float(weights[0]), MIN_SCALE), float(weights[1])


def _logits(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(np.asarray(scores, dtype=np.float64), MIN_SCORE, 1 - MIN_SCORE)
    return np.log(clipped) - np.log1p(-clipped)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))
