"""Lines are taken, and batches resized, as torch does it."""

import numpy as np
import pytest
import torch

from audiotag.arrays import AXIS_NUMBERS, Axis, lines_at, resize
from audiotag.errors import AudiotagError

PLACES = {  # of 9 lines of each of 4 spectrograms, out of 12
    "crop": np.array([[0], [3], [2], [1]]) + np.arange(9),
    "shift in time": (np.array([[0], [5], [-3], [11]]) + np.arange(9)) % 12,
    "shift of bands": (np.array([[0], [5], [-3], [12]]) + np.arange(9)).clip(0, 11),
    "any": np.random.default_rng(0).integers(0, 12, (4, 9)),
    "none": np.empty((4, 0), np.int64),
}


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("axis", ["mel", "time"])
def test_lines_are_those_of_torch_whether_they_are_copied_in_runs_or_one_by_one(kind: str, axis: Axis) -> None:
    batch, places = np.random.default_rng(1).normal(size=(4, 2, 12, 12)).astype(np.float32), PLACES[kind]
    taken = lines_at(batch, axis, places)
    assert np.array_equal(taken, lines_at(torch.from_numpy(batch), axis, torch.from_numpy(places)).numpy())
    assert taken.shape[AXIS_NUMBERS[axis]] == places.shape[1]


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
