"""Resizing equals torch's bilinear interpolation."""

import numpy as np
import pytest
import torch

from audiotag.arrays import resize
from audiotag.errors import AudiotagError


@pytest.mark.parametrize("size", [(256, 256), (128, 64), (40, 200), (1, 1), (128, 128)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_resize_equals_torchs_bilinear_interpolation(size: tuple[int, int], dtype: torch.dtype) -> None:
    batch = torch.from_numpy(np.random.default_rng(7).uniform(-1, 1, (3, 2, 128, 128))).to(dtype)
    expected = torch.nn.functional.interpolate(batch, size=size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(resize(batch, *size), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(resize(batch.numpy(), *size), expected.numpy(), rtol=0, atol=1e-5)


def test_resize_to_its_own_size_changes_nothing_and_keeps_a_constant() -> None:
    batch = np.random.default_rng(1).normal(-20, 10, (6, 2, 32, 48)).astype(np.float32)
    assert np.array_equal(resize(batch, 32, 48), batch)
    assert np.array_equal(resize(np.full((1, 1, 5, 7), -3.25), 11, 2), np.full((1, 1, 11, 2), -3.25))


@pytest.mark.parametrize("height", [0, -1, 2.5, 10_001])
def test_a_size_out_of_range_is_refused(height: float) -> None:
    with pytest.raises(AudiotagError, match=f"height must be a whole number from 1 to 10000, got {height}"):
        resize(np.zeros((1, 1, 2, 2)), height, 4)  # type: ignore[arg-type]
