"""The sigmoid mixer fades from the partner into the clip, as the 2019 winner's does."""

import numpy as np
import pytest
import torch
from scipy import stats

from audiotag.augmentation.sigmoid_mixer import SigmoidMixer, SigmoidParams


@pytest.mark.parametrize("radius", [3, 7, 12])
def test_sigmoid_fade_equals_the_winners(radius: int, network_inputs: np.ndarray) -> None:
    batch = network_inputs[:2]
    params = SigmoidParams(np.array([1, 0]), np.array([radius, radius]), np.array([True, True]))
    own = torch.sigmoid(torch.arange(-radius, radius, 2 * radius / 48, dtype=torch.float64)[:48]).numpy()
    expected = own * batch + (1 - own) * batch[::-1]
    np.testing.assert_allclose(SigmoidMixer().apply(batch, params), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("mixer", "shape"), [(SigmoidMixer(), (2, 2, 32, 48)), (SigmoidMixer(domain="waveform"), (2, 4001))]
)
def test_sigmoid_fades_from_the_partner_into_the_clip(mixer: SigmoidMixer, shape: tuple[int, ...]) -> None:
    batch = np.zeros(shape)
    batch[0] = 1
    params = SigmoidParams(np.array([1, 0]), np.array([12, 3]), np.array([True, True]))
    own, others = mixer.apply(batch, params)
    assert (np.diff(own, axis=-1) >= 0).all()
    assert (np.diff(others, axis=-1) <= 0).all()
    assert own[..., 0].max() < 1e-5
    assert own[..., -1].min() > 1 - 5e-5
    assert own[..., shape[-1] // 2] == pytest.approx(0.5, abs=0.01)
    assert others[..., 0] == pytest.approx(1 - 1 / (1 + np.exp(3)), abs=1e-6)


def test_sigmoid_targets_are_the_labels_of_both() -> None:
    labels = np.array([[1, 0, 0, 0.6], [1, 1, 0, 0.6], [0, 0, 1, 0]])
    params = SigmoidParams(np.array([1, 0, 2]), np.array([3, 3, 3]), np.array([True, False, False]))
    assert SigmoidMixer().mix_targets(labels, params).tolist() == [[1, 1, 0, 1], [1, 1, 0, 0.6], [0, 0, 1, 0]]


def test_sigmoid_radii_are_whole_numbers_within_their_bounds() -> None:
    params = SigmoidMixer().sample(np.random.default_rng(0), (10_000, 1, 2, 2))
    assert np.unique(params.radius).tolist() == list(range(3, 13))
    assert stats.chisquare(np.bincount(params.radius)[3:]).pvalue > 0.001
