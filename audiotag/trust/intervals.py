"""The interval of a proportion that was counted."""

from __future__ import annotations

from typing import Any

import numpy as np

LEVEL = 0.95
RESAMPLES = 2000


def wilson_interval(successes: Any, trials: Any, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Compute Wilson's score interval of proportions; it stays within 0 to 1, also for none or all of few trials.

    Parameters
    ----------
    successes, trials : array_like, same shape
        Counts; the successes are at most the trials.
    level : float
        Confidence, between 0 and 1.

    Returns
    -------
    low, high : numpy.ndarray
        Both NaN where there are no trials.

    Notes
    -----
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927. The same as
    ``scipy.stats.binomtest(...).proportion_ci(method="wilson")``, which takes one proportion at a time.

    Examples
    --------
    >>> low, high = wilson_interval([0, 9], [60, 10])
    >>> low.round(3), high.round(3)
    (array([0.   , 0.596]), array([0.06 , 0.982]))
    """
    from scipy.special import ndtri

    successes, trials = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    squared = ndtri((1 + level) / 2) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (successes + squared / 2) / (trials + squared)
        variance = successes * (trials - successes) / trials + squared / 4
        half = np.sqrt(squared * variance) / (trials + squared)
        low = np.where(successes == 0, 0.0, np.clip(middle - half, 0, 1))
        high = np.where(successes == trials, 1.0, np.clip(middle + half, 0, 1))
    no_trials = trials == 0
    return np.where(no_trials, np.nan, low), np.where(no_trials, np.nan, high)


def bootstrap_ratio(
    numerators: np.ndarray, denominators: np.ndarray, level: float = LEVEL, seed: int = 0
) -> tuple[float, float]:
    """Compute the bootstrap interval of a ratio of two sums over clips, such as lwlrap: percentiles of resampled clips.

    Clips count as independent. Where several are of one recording, the interval is too narrow.

    Parameters
    ----------
    numerators, denominators : numpy.ndarray, shape=(clips,)
    level : float
        Confidence, between 0 and 1.
    seed : int

    Returns
    -------
    tuple[float, float]
        Both NaN if all denominators are 0, or there are no clips.

    Examples
    --------
    >>> low, high = bootstrap_ratio(np.repeat([1.0, 0.0], 50), np.ones(100))
    >>> round(low, 1), round(high, 1)
    (0.4, 0.6)
    """
    if not np.any(denominators):
        return float("nan"), float("nan")
    rng, ratios = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        chosen = rng.integers(len(numerators), size=len(numerators))
        if total := denominators[chosen].sum():
            ratios.append(numerators[chosen].sum() / total)
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
