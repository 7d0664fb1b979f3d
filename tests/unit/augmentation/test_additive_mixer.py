"""The additive mixer is the 2019 winner's, or the sixth place's with the other bounds."""

import numpy as np
import pytest
from scipy import stats

from audiotag.augmentation.additive_mixer import AdditiveMixer
from audiotag.augmentation.mixup import MixUpParams

from .published_numbers import reference


def test_additive_mixer_gives_the_winners_numbers() -> None:
    published = reference("add_mixer")
    pair = np.stack([np.ones((1, 2, 8)), np.arange(16.0).reshape(1, 2, 8)])
    params = MixUpParams(np.array([1, 0]), np.array([1 - published["alpha"], 1.0]))
    np.testing.assert_allclose(AdditiveMixer().apply(pair, params)[0, 0], published["image"], atol=1e-12)
    targets = AdditiveMixer().mix_targets(np.array([[1.0, 1, 0], [0, 1, 1]]), params)
    np.testing.assert_allclose(targets[0], published["target"], atol=1e-12)


@pytest.mark.parametrize(("lowest", "highest"), [(0.5, 1.0), (0.0, 0.5)])
def test_own_weights_are_uniformly_distributed_between_their_bounds(lowest: float, highest: float) -> None:
    mixer = AdditiveMixer(min_weight=lowest, max_weight=highest)
    weight = mixer.sample(np.random.default_rng(0), (10_000, 1, 2, 2)).weight
    assert stats.kstest(weight, stats.uniform(lowest, highest - lowest).cdf).pvalue > 0.001
    mostly_unmixed = AdditiveMixer(min_weight=lowest, max_weight=highest, p=0.2)
    unmixed = mostly_unmixed.sample(np.random.default_rng(0), (10_000, 1, 2, 2)).weight == 1
    assert unmixed.mean() == pytest.approx(0.8, abs=0.02)
