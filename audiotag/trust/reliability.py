"""How often labels with a certain score are right, and how far that is from the score.

A score is calibrated if it is a probability: of all (clip, label) pairs that score about 0.8, the clip has the label in
80 %. The pairs are counted in ten bins of equal width, as in ``sklearn.calibration.calibration_curve``. Bins with equal
counts would be of no use here: with many labels, nine of ten pairs score near 0, and all bins would lie there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from audiotag.trust.intervals import wilson_interval
from audiotag.trust.labelled_scores import LabelledScores

BINS = 10


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often scores are right.

    Attributes
    ----------
    bins : pandas.DataFrame
        One row per bin that has a pair: ``low`` and ``high``, its bounds; ``pairs``, their number; ``score``, their
        mean score; ``right``, how many of them are true; ``share`` = right / pairs, with its 95 % interval
        ``share_low`` to ``share_high`` (Wilson).
    pairs : int
        Number of (clip, label) pairs.
    ece : float
        Expected calibration error: the mean over all pairs of abs(share − score) of their bin. 0 is perfect.
    chance_ece : float
        The expected calibration error that perfectly calibrated scores would have on so few pairs; an `ece` of about
        this size says nothing against the scores.
    brier : float
        Brier score: the mean of (score − truth)², where truth is 1 or 0.
    score, share : float
        Mean score of all pairs, and how many of them are true; a higher score means too much confidence.
    """

    bins: pd.DataFrame
    pairs: int
    ece: float
    chance_ece: float
    brier: float
    score: float
    share: float


def reliability(targets: np.ndarray, scores: np.ndarray, bins: int = BINS) -> Reliability:
    """Count how often scores are right.

    Parameters
    ----------
    targets : numpy.ndarray, any shape
        Above 0 where the label is true.
    scores : numpy.ndarray, same shape
        0 to 1.
    bins : int
        Number of bins of equal width. A score on a bound belongs to the bin below it.

    Raises
    ------
    ValueError
        If the shapes differ, there is no pair, or a score is not within 0 to 1.

    Notes
    -----
    Expected calibration error: Naeini et al., AAAI 2015, with the positive class alone, as every label is a yes or no.
    Under perfect calibration the sum of a bin's truths has the variance Σ s(1 − s), and the mean absolute value of a
    normal variable is √(2/π) of its standard deviation; `chance_ece` is that, taken over the bins.
    """
    right, flat = (np.asarray(targets) > 0).ravel(), np.asarray(scores, dtype=np.float64).ravel()
    if np.shape(targets) != np.shape(scores) or not flat.size:
        raise ValueError(
            f"targets and scores must be of one shape and not empty: {np.shape(targets)}, {np.shape(scores)}"
        )
    if not ((flat >= 0) & (flat <= 1)).all():
        raise ValueError(f"scores must be 0 to 1, got {flat.min()} to {flat.max()}")
    bounds = np.linspace(0, 1, bins + 1)
    places = np.searchsorted(bounds[1:-1], flat)
    counts, hits, sums, variances = (
        np.bincount(places, weights=weights, minlength=bins)
        for weights in (np.ones_like(flat), right, flat, flat * (1 - flat))
    )
    filled = counts > 0
    low, high = wilson_interval(hits[filled], counts[filled])
    table = pd.DataFrame(
        {
            "low": bounds[:-1][filled],
            "high": bounds[1:][filled],
            "pairs": counts[filled].astype(int),
            "score": sums[filled] / counts[filled],
            "right": hits[filled].astype(int),
            "share": hits[filled] / counts[filled],
            "share_low": low,
            "share_high": high,
        }
    )
    return Reliability(
        bins=table,
        pairs=flat.size,
        ece=float(np.abs(hits - sums).sum() / flat.size),
        chance_ece=float(np.sqrt(2 / np.pi * variances).sum() / flat.size),
        brier=float(np.mean((flat - right) ** 2)),
        score=float(flat.mean()),
        share=float(right.mean()),
    )


def highest_scores(labelled: LabelledScores) -> tuple[np.ndarray, np.ndarray]:
    """Whether the label with the highest score of each clip is true, and that score; ``(clips,)`` each."""
    best = labelled.scores.argmax(axis=1)[:, None]
    hits, scores = (np.take_along_axis(values, best, axis=1)[:, 0] for values in (labelled.targets, labelled.scores))
    return hits, scores


def reliability_per_label(labelled: LabelledScores) -> pd.DataFrame:
    """Calibration of each label.

    Returns
    -------
    pandas.DataFrame
        One row per label, in the order of the vocabulary: ``label``, ``positives`` (clips that have it), ``score`` and
        ``share`` (mean score, and the share of clips that have it), ``ece``, ``chance_ece`` and ``brier``.
    """
    rows = []
    for column, label in enumerate(labelled.labels):
        targets = labelled.targets[:, column]
        found = reliability(targets, labelled.scores[:, column])
        rows.append(
            {
                "label": label,
                "positives": int((targets > 0).sum()),
                "score": found.score,
                "share": found.share,
                "ece": found.ece,
                "chance_ece": found.chance_ece,
                "brier": found.brier,
            }
        )
    return pd.DataFrame(rows)


def label_weighted_ece(per_label: pd.DataFrame) -> float:
    """The mean of the labels' expected calibration errors, each weighted by its number of clips; NaN without any.

    Unlike the error over all pairs, in which the many pairs near 0 weigh most, this one is larger if common labels are
    badly calibrated (classwise ECE: Kull et al., NeurIPS 2019).
    """
    weights = per_label["positives"].to_numpy(dtype=np.float64)
    return float((per_label["ece"] * weights).sum() / weights.sum()) if weights.any() else float("nan")
