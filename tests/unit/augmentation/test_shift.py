"""A shift wraps around along time and repeats the outermost band along mel."""

import numpy as np

from audiotag.augmentation.shift import Shift, ShiftParams


def test_shift_wraps_around_along_time_and_repeats_the_outermost_band_along_mel() -> None:
    batch = np.arange(2 * 6 * 8, dtype=np.float32).reshape(2, 1, 6, 8)
    later = Shift("time").apply(batch, ShiftParams(np.array([3, -2])))
    assert np.array_equal(later[0], np.roll(batch[0], 3, axis=2))
    assert np.array_equal(later[1], np.roll(batch[1], -2, axis=2))
    higher = Shift("mel", 2).apply(batch, ShiftParams(np.array([2, -1])))
    assert np.array_equal(higher[0, 0], batch[0, 0][[0, 0, 0, 1, 2, 3]])
    assert np.array_equal(higher[1, 0], batch[1, 0][[1, 2, 3, 4, 5, 5]])


def test_all_shifts_are_equally_likely_and_smaller_than_the_spectrogram() -> None:
    lines = Shift("mel", 4).sample(np.random.default_rng(0), (9000, 1, 32, 48)).lines
    assert np.array_equal(np.unique(lines), np.arange(-4, 5))
    assert np.bincount(lines + 4).min() > 850  # of 1,000 expected, five deviations of 30
    assert np.abs(Shift("time").sample(np.random.default_rng(0), (9000, 1, 32, 48)).lines).max() == 47
