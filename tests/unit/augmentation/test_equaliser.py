"""An equaliser adds one curve to all frames and nothing to the floor."""

import numpy as np
import pytest

from audiotag.augmentation.equaliser import Equaliser, EqualiserParams


def test_equaliser_adds_its_curve_to_every_frame_and_nothing_to_the_floor() -> None:
    batch = np.random.default_rng(0).normal(-20, 3, (1, 1, 11, 40))
    batch[..., :5] = -80
    done = Equaliser(points=3).apply(batch, EqualiserParams(np.array([[6.0, 0.0, -10.0]])))
    added = (done - batch)[0, 0]
    assert np.array_equal(done[..., :5], batch[..., :5])
    curve = [6, 4.8, 3.6, 2.4, 1.2, 0, -2, -4, -6, -8, -10]
    np.testing.assert_allclose(added[:, 5:], np.tile(np.array(curve)[:, None], 35), atol=1e-9)


def test_gains_at_different_points_are_independent_with_the_given_deviation() -> None:
    params = Equaliser(deviation_db=5).sample(np.random.default_rng(0), (5000, 1, 16, 16)).gain_db
    assert params.std(axis=0) == pytest.approx([5] * 6, rel=0.05)
    assert abs(np.corrcoef(params.T)[0, 1]) < 0.06
