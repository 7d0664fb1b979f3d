"""Zoom is fastai 1's: a part of the network input, at any place, with corner pixels on corner pixels."""

import numpy as np
import torch
from scipy import stats

from audiotag.augmentation.zoom import Zoom, ZoomParams


def test_zoom_equals_an_affine_transform_with_aligned_corners(network_inputs: np.ndarray) -> None:
    zoom = Zoom(max_factor=1.5, p=1.0)
    params = zoom.sample(np.random.default_rng(0), network_inputs.shape)
    size = 1 - 1 / params.factor  # fastai 1: row_c = s · (2 · row_pct − 1)
    rows = [
        [[1 / factor, 0, s * (2 * left - 1)], [0, 1 / factor, s * (2 * top - 1)]]
        for factor, s, top, left in zip(params.factor, size, params.top, params.left, strict=True)
    ]
    grid = torch.nn.functional.affine_grid(torch.tensor(rows), network_inputs.shape, align_corners=True)
    expected = torch.nn.functional.grid_sample(
        torch.from_numpy(network_inputs).double(), grid, padding_mode="reflection", align_corners=True
    )
    np.testing.assert_allclose(zoom.apply(network_inputs, params), expected.numpy(), rtol=0, atol=1e-4)


def test_factors_and_places_are_uniformly_distributed() -> None:
    params = Zoom(p=1.0).sample(np.random.default_rng(0), (10_000, 1, 8, 8))
    for values, highest in ((params.factor - 1, 0.05), (params.top, 1), (params.left, 1)):
        assert stats.kstest(values, stats.uniform(0, highest).cdf).pvalue > 0.001
    assert abs(np.corrcoef(params.top, params.left)[0, 1]) < 0.04


def test_a_factor_of_2_shows_half_and_one_of_1_all() -> None:
    batch = np.arange(15.0).reshape(1, 1, 3, 5).repeat(2, 0)
    corner = ZoomParams(np.array([2.0, 1.0]), np.array([1.0, 0.5]), np.array([0.0, 0.5]))
    zoomed, whole = Zoom().apply(batch, corner)
    np.testing.assert_allclose(zoomed[0], [[5, 5.5, 6, 6.5, 7], [7.5, 8, 8.5, 9, 9.5], [10, 10.5, 11, 11.5, 12]])
    assert np.array_equal(whole, batch[0])
