"""A gain moves the level by as many decibels."""

import numpy as np
from scipy import stats

from audiotag.augmentation.gain import Gain, GainParams


def decibels(waveform: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.mean(np.square(waveform, dtype=np.float64), axis=-1))


def test_gain_moves_the_level_by_as_many_decibels(waveforms: np.ndarray) -> None:
    batch = waveforms
    params = GainParams(np.array([-40.0, -6.0, 0.0, 0.5, 6.0, 20.0]))
    np.testing.assert_allclose(decibels(Gain().apply(batch, params)) - decibels(batch), params.gain_db, atol=1e-4)


def test_gains_are_uniform_in_decibels() -> None:
    gain_db = Gain(min_db=-12, max_db=3).sample(np.random.default_rng(0), (10_000, 1)).gain_db
    assert stats.kstest(gain_db, stats.uniform(-12, 15).cdf).pvalue > 0.001
