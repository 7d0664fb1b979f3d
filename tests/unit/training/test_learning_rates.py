"""The suggested learning rate is where the loss falls steepest over the logarithm of the rate."""

import numpy as np
import pytest

from audiotag.training.learning_rates import steepest_rate

RATES = np.logspace(-6, 0, 100)


@pytest.mark.parametrize("steepest", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("noise", [0.0, 0.004])
def test_suggestion_is_the_steepest_place_of_a_sigmoid(steepest: float, noise: float) -> None:
    exponents = np.log10(RATES)
    losses = 0.7 - 0.4 / (1 + np.exp(-4 * (exponents - np.log10(steepest))))
    losses = losses + np.random.default_rng(0).normal(scale=noise, size=len(losses))
    suggested = steepest_rate(list(RATES), list(losses))
    assert suggested in RATES
    assert abs(np.log10(suggested / steepest)) < 0.3


def test_rise_behind_the_fall_and_one_noisy_batch_do_not_decide() -> None:
    losses = np.interp(np.log10(RATES), [-6, -4, -2, -1, 0], [0.7, 0.69, 0.3, 0.3, 5.0])
    losses[10] += 0.05
    assert 1e-4 < steepest_rate(list(RATES), list(losses)) < 1e-2


def test_loss_that_never_falls_or_too_few_rates_give_no_suggestion() -> None:
    assert steepest_rate(list(RATES), list(np.linspace(0.5, 0.9, 100))) is None
    assert steepest_rate([1e-3, 1e-2], [0.7, 0.2]) is None
    assert steepest_rate([], []) is None
