"""Intervals of proportions are those of SciPy."""

import numpy as np
import pytest
from scipy.stats import binomtest

from audiotag.trust.intervals import wilson_interval


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_intervals_are_those_of_scipy(level: float) -> None:
    rng = np.random.default_rng(1)
    trials = np.array([1, 1, 2, 7, 7, *rng.integers(1, 5000, 20)])
    successes = np.array([0, 1, 1, 0, 7, *(rng.integers(0, count + 1) for count in trials[5:])])
    low, high = wilson_interval(successes, trials, level)
    for at, (right, of) in enumerate(zip(successes.tolist(), trials.tolist(), strict=True)):
        wanted = binomtest(right, of).proportion_ci(level, method="wilson")
        assert (low[at], high[at]) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_interval_of_nothing_is_unknown() -> None:
    low, high = wilson_interval([0, 1], [0, 2])
    assert np.isnan(low[0])
    assert np.isnan(high[0])
    assert 0 < low[1] < 0.5 < high[1] < 1
