"""A resized crop is torchvision's, within its bounds."""

import numpy as np
import pytest
import torch
from PIL import Image

from audiotag.augmentation.resized_crop import RandomResizedCrop, ResizedCropParams

from .published_numbers import reference


def test_resized_crop_equals_torchvisions() -> None:
    from torchvision.transforms.functional import resized_crop

    batch = np.random.default_rng(8).uniform(-1, 1, (12, 1, 128, 256)).astype(np.float32)
    augmentation = RandomResizedCrop(p=1.0)
    params = augmentation.sample(np.random.default_rng(0), batch.shape)
    boxes = np.stack([params.top, params.left, params.height, params.width], 1).tolist()
    expected = [
        resized_crop(torch.from_numpy(image), *box, size=[128, 256], antialias=False)
        for image, box in zip(batch, boxes, strict=True)
    ]
    np.testing.assert_allclose(augmentation.apply(batch, params), torch.stack(expected).numpy(), rtol=0, atol=5e-5)


def test_resized_crops_are_inside_the_spectrogram_and_within_their_bounds() -> None:
    augmentation = RandomResizedCrop(p=1.0)
    params = augmentation.sample(np.random.default_rng(0), (10_000, 1, 128, 256))
    assert (params.top >= 0).all()
    assert (params.left >= 0).all()
    assert (params.top + params.height).max() == 128
    assert (params.left + params.width).max() == 256
    # Whole bands and frames are up to half of one away from what was sampled.
    area = params.height * params.width / (128 * 256)
    ratio = params.width / params.height
    assert 0.79 < area.min() < 0.81
    assert area.max() <= 1
    assert 1.68 < ratio.min() < 1.75
    assert 2.25 < ratio.max() < 2.32


def test_resized_crop_gives_the_winners_numbers() -> None:
    expected = reference("random_resized_crop")["resize of rows 1..3, columns 1..6 of 0..31 (4x8) to 4x8"]
    box = ResizedCropParams(np.array([1]), np.array([1]), np.array([3]), np.array([6]))
    batch = np.arange(32.0).reshape(1, 1, 4, 8)
    np.testing.assert_allclose(RandomResizedCrop().apply(batch, box)[0, 0], expected, rtol=0, atol=1e-12)


def test_resized_crop_equals_pillows_antialiased_resize() -> None:
    # The winner's code resizes with Pillow. A part is never larger than the whole, so its filter averages nothing.
    image = np.random.default_rng(8).uniform(-80, 0, (128, 256)).astype(np.float32)
    box = ResizedCropParams(np.array([7]), np.array([20]), np.array([115]), np.array([229]))
    part = Image.fromarray(image[7:122, 20:249])
    expected = np.asarray(part.resize((256, 128), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(RandomResizedCrop().apply(image[None, None], box)[0, 0], expected, rtol=0, atol=5e-4)


def test_resized_crops_are_distributed_as_the_winners() -> None:
    published = reference("random_resized_crop")["of 20000 draws"]
    params = RandomResizedCrop(p=1.0).sample(np.random.default_rng(0), (20_000, 1, 128, 256))
    height, width = params.height, params.width
    assert (height.min(), height.max()) == (published["h min"], published["h max"])
    assert (width.min(), width.max()) == (published["w min"], published["w max"])
    # Standard deviations of the means are 0.03 bands, 0.07 frames and 0.0004 of the area.
    assert height.mean() == pytest.approx(published["h mean"], abs=0.15)
    assert width.mean() == pytest.approx(published["w mean"], abs=0.3)
    assert (height * width / (128 * 256)).mean() == pytest.approx(published["area mean"], abs=0.002)
    assert ((height == 128) & (width == 256)).mean() == pytest.approx(published["whole picture"], abs=0.001)


def test_part_that_never_fits_leaves_the_whole_spectrogram(log_mels: np.ndarray) -> None:
    augmentation = RandomResizedCrop(min_scale=1, max_scale=1, min_ratio=1.15, p=1.0)
    batch = log_mels
    params = augmentation.sample(np.random.default_rng(0), batch.shape)
    assert params.width.tolist() == [48] * 6
    assert np.array_equal(augmentation.apply(batch, params), batch)


def test_resized_crop_shows_the_part_and_no_more() -> None:
    batch = np.zeros((1, 1, 8, 8), dtype=np.float32)
    batch[0, 0, 2:6, 4:8] = np.arange(16).reshape(4, 4) + 1
    box = ResizedCropParams(np.array([2]), np.array([4]), np.array([4]), np.array([4]))
    done = RandomResizedCrop().apply(batch, box)
    assert done.min() == 1
    assert done[0, 0, 0, 0] == 1
    assert done[0, 0, -1, -1] == 16
