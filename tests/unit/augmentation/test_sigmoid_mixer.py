"""The sigmoid mixer fades from the partner into the clip, as the 2019 winner's does."""

import numpy as np
import pytest
import torch
from scipy import stats

from audiotag.augmentation.sigmoid_mixer import SigmoidMixer, SigmoidParams

from .published_numbers import reference


@pytest.mark.parametrize("radius", [3, 7, 12])
def test_sigmoid_fade_equals_the_winners(radius: int, network_inputs: np.ndarray) -> None:
    batch = network_inputs[:2]
    params = SigmoidParams(np.array([1, 0]), np.array([radius, radius]), np.array([True, True]))
    own = torch.sigmoid(torch.arange(-radius, radius, 2 * radius / 48, dtype=torch.float64)[:48]).numpy()
    expected = own * batch + (1 - own) * batch[::-1]
    np.testing.assert_allclose(SigmoidMixer().apply(batch, params), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("radius", [3, 12])
def test_sigmoid_weights_are_the_winners_numbers(radius: int) -> None:
    published = reference(f"sigmoid_mask_radius_{radius}")
    params = SigmoidParams(np.array([1, 0]), np.array([radius, radius]), np.array([True, True]))
    for frames in (8, 256):
        batch = np.stack([np.ones((1, 1, frames)), np.zeros((1, 1, frames))])
        weights = SigmoidMixer().apply(batch, params)[0, 0, 0]
        if frames == 256:
            weights = weights[[0, 1, 2, 64, 127, 128, 129, 192, 254, 255]]
        expected = next(values for name, values in published.items() if name.startswith(f"{frames} frames"))
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-6)


def test_sigmoid_mixer_gives_the_winners_numbers() -> None:
    published = reference("sigmoid_concat_mixer")
    pair = np.stack([np.ones((1, 2, 8)), np.arange(16.0).reshape(1, 2, 8)])
    params = SigmoidParams(np.array([1, 0]), np.full(2, published["radius"]), np.array([True, True]))
    np.testing.assert_allclose(SigmoidMixer().apply(pair, params)[0, 0], published["image"], rtol=0, atol=2e-6)
    targets = SigmoidMixer().mix_targets(np.array([[1.0, 1, 0], [0, 1, 1]]), params)
    assert targets[0].tolist() == published["target"]


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
