"""A resized crop is torchvision's, within its bounds."""

import numpy as np
import torch

from audiotag.augmentation.resized_crop import RandomResizedCrop, ResizedCropParams


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
