"""Suggest a learning rate from the losses of the learning-rate finder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MIN_RATES = 5  # fewer have no slope that can be told from noise


def steepest_rate(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """The learning rate at which the loss falls steepest over the logarithm of the rate.

    The slope at a rate is that of a straight line through the losses around it, over a tenth of the rates or more, so
    that one noisy batch does not decide. The first and the last rates are left out where the line would reach beyond.

    Parameters
    ----------
    rates : sequence of float
        Ascending.
    losses : sequence of float
        One per rate; smoothed.

    Returns
    -------
    float or None
        One of the rates; None if the loss falls nowhere.

    >>> rates = [10.0 ** exponent for exponent in range(-7, 1)]
    >>> steepest_rate(rates, [1.0, 1.0, 0.99, 0.9, 0.5, 0.2, 0.19, 3.0])
    0.001
    """
    if len(rates) < MIN_RATES:
        return None
    half = max(1, len(rates) // 20)
    exponents, values = np.log10(rates), np.asarray(losses, dtype=float)
    slopes = {
        at: float(np.polyfit(exponents[at - half : at + half + 1], values[at - half : at + half + 1], 1)[0])
        for at in range(half, len(rates) - half)
    }
    best = min(slopes, key=slopes.__getitem__)
    return float(rates[best]) if slopes[best] < 0 else None
