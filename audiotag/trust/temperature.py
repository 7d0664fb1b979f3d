"""Temperature scaling: one number that turns the scores of an ensemble into probabilities.

A score s becomes sigmoid(logit(s) / T). T above 1 takes confidence away, T below 1 adds some. The order of the scores
stays as it is, and a threshold is changed in the same way, so the tags stay the same too. T is fitted to scores out of
fold; what it gains is measured on clips of folds that it was not fitted to.

Guo et al., "On calibration of modern neural networks", ICML 2017, here for labels that are each a yes or no.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from audiotag.checks import Within, check
from audiotag.trust.labelled_scores import LabelledScores
from audiotag.trust.reliability import highest_scores, reliability

LOWEST, HIGHEST = 0.05, 20.0
MIN_SCORE = 1e-7  # scores are clipped to it, and to 1 minus it, before a logarithm of the loss
SMALLEST = float(np.finfo(np.float64).tiny)  # a score above 0 stays above 0
PARTS = 5  # of the clips, where there are not two folds to fit the temperature across

Share = Annotated[float, Within(0, 1), "publish the ensemble again"]
Loss = Annotated[float, Within(0), "publish the ensemble again"]


@dataclass(frozen=True)
class Calibration:
    """The temperature of an ensemble, and what it gains on its out-of-fold scores.

    Attributes
    ----------
    temperature : float
        Fitted to all of them.
    clips : int
        Number of clips.
    ece, calibrated_ece : float
        Expected calibration error over all (clip, label) pairs, see `audiotag.trust.reliability`. All figures named
        ``calibrated`` are cross-fitted: each fold's clips get the temperature of the other folds' clips.
    highest_ece, calibrated_highest_ece : float
        The same of each clip's highest score alone.
    brier, calibrated_brier : float
        Brier score.
    log_loss, calibrated_log_loss : float
        Mean negative log-likelihood per pair.
    """

    temperature: Annotated[float, Within(LOWEST, HIGHEST), "publish the ensemble again"]
    clips: Annotated[int, Within(0), "publish the ensemble again"]
    ece: Share
    calibrated_ece: Share
    highest_ece: Share
    calibrated_highest_ece: Share
    brier: Share
    calibrated_brier: Share
    log_loss: Loss
    calibrated_log_loss: Loss

    def __post_init__(self) -> None:
        check(self)


def scale(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logits of scores by a temperature.

    Parameters
    ----------
    scores : numpy.ndarray
        0 to 1; 0 and 1 stay as they are, and a score above 0 stays above 0.
    temperature : float
        Above 0; 1 changes nothing.

    Returns
    -------
    numpy.ndarray, float64

    Examples
    --------
    >>> scale(np.array([0.0, 0.2, 0.5, 0.8]), 2.0).round(3)
    array([0.   , 0.333, 0.5  , 0.667])
    """
    from scipy.special import expit, logit

    scores = np.asarray(scores, dtype=np.float64)
    return np.where(scores > 0, np.maximum(expit(logit(scores) / temperature), SMALLEST), 0.0)


def scale_with_thresholds(
    scores: np.ndarray, thresholds: np.ndarray, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and thresholds divided by a temperature, so that exactly the same scores reach their threshold as before.

    `scale` keeps the order, but two numbers that are almost equal may become equal when they are rounded; a score below
    its threshold is then set just below it.

    Parameters
    ----------
    scores : numpy.ndarray, shape=(…, labels)
    thresholds : numpy.ndarray, shape=(labels,)
    temperature : float
    """
    scores, thresholds = np.asarray(scores, dtype=np.float64), np.asarray(thresholds, dtype=np.float64)
    new_scores, new_thresholds = scale(scores, temperature), scale(thresholds, temperature)
    below = np.minimum(new_scores, np.nextafter(new_thresholds, 0))
    return np.where(scores >= thresholds, np.maximum(new_scores, new_thresholds), below), new_thresholds


def fit_temperature(scores: np.ndarray, targets: np.ndarray) -> float:
    """Find the temperature with the lowest mean negative log-likelihood.

    Parameters
    ----------
    scores, targets : numpy.ndarray, shape=(clips, labels)
        0 to 1, and multi-hot.

    Returns
    -------
    float
        0.05 to 20; 1 without a clip.
    """
    from scipy.optimize import minimize_scalar

    if not np.size(scores):
        return 1.0
    logits, truth = _logits(scores), np.asarray(targets) > 0
    found = minimize_scalar(
        lambda log_temperature: _log_loss(logits / np.exp(log_temperature), truth),
        bounds=(np.log(LOWEST), np.log(HIGHEST)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.clip(np.exp(found.x), LOWEST, HIGHEST))


def log_loss(scores: np.ndarray, targets: np.ndarray) -> float:
    """Mean negative log-likelihood per (clip, label) pair; scores are clipped to 1e-7 and 1 − 1e-7."""
    return _log_loss(_logits(scores), np.asarray(targets) > 0)


def cross_fitted(labelled: LabelledScores) -> np.ndarray:
    """The scores, those of each fold's clips divided by the temperature of the other folds' clips.

    With fewer than two folds, the clips are divided into five parts instead.
    """
    parts = labelled.folds
    if parts is None or len(np.unique(parts)) < 2:
        parts = np.arange(len(labelled.scores)) % PARTS
    calibrated = np.empty(labelled.scores.shape)
    for part in np.unique(parts):
        inside = parts == part
        temperature = fit_temperature(labelled.scores[~inside], labelled.targets[~inside])
        calibrated[inside] = scale(labelled.scores[inside], temperature)
    return calibrated


def fit_calibration(labelled: LabelledScores, calibrated: np.ndarray | None = None) -> Calibration:
    """Fit the temperature, and measure what it gains on clips of other folds; ``calibrated`` is from `cross_fitted`."""
    figures: dict[str, float] = {}
    calibrated = cross_fitted(labelled) if calibrated is None else calibrated
    for name, scores in (("", labelled.scores), ("calibrated_", calibrated)):
        every = reliability(labelled.targets, scores)
        highest = reliability(*highest_scores(labelled.with_scores(scores)))
        figures |= {
            f"{name}ece": every.ece,
            f"{name}highest_ece": highest.ece,
            f"{name}brier": every.brier,
            f"{name}log_loss": log_loss(scores, labelled.targets),
        }
    return Calibration(
        temperature=round(fit_temperature(labelled.scores, labelled.targets), 4),
        clips=len(labelled.scores),
        **{name: round(value, 5) for name, value in figures.items()},
    )


def _logits(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(np.asarray(scores, dtype=np.float64), MIN_SCORE, 1 - MIN_SCORE)
    return np.log(clipped) - np.log1p(-clipped)


def _log_loss(logits: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0, logits) - truth * logits))
