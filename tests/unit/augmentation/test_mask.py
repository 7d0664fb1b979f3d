"""Masks cover what they should, are filled with the mean as fastaudio fills them, and may be anywhere."""

import types
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from audiotag.augmentation.mask import Mask, MaskParams
from audiotag.errors import AudiotagError
from audiotag.training.backend.fastaudio_compat import import_fastaudio


@pytest.mark.parametrize(("axis", "across"), [("time", 2), ("mel", 3)])
def test_mask_fills_exactly_its_lines_with_the_channels_mean(axis: Any, across: int, log_mels: np.ndarray) -> None:
    start = np.array([[0], [1], [10], [20], [23], [24]])
    done = Mask(axis, 8).apply(log_mels, MaskParams(start, np.full((6, 1), 8)))
    for before, after, first in zip(log_mels, done, start[:, 0], strict=True):
        lines = np.arange(log_mels.shape[5 - across])
        inside = (lines >= first) & (lines < first + 8)
        masked, unmasked = after.compress(inside, 4 - across), after.compress(~inside, 4 - across)
        mean = before.mean((1, 2), keepdims=True, dtype=np.float64)
        np.testing.assert_allclose(masked, np.broadcast_to(mean, masked.shape), rtol=1e-5)
        assert np.array_equal(unmasked, before.compress(~inside, 4 - across))


def test_several_masks_are_filled_with_the_unmasked_mean_and_a_width_of_0_masks_nothing(log_mels: np.ndarray) -> None:
    batch = log_mels[:2]
    params = MaskParams(np.array([[0, 3], [5, 40]]), np.array([[4, 4], [0, 0]]))
    done = Mask("time", 4, count=2).apply(batch, params)
    mean = batch[0].mean((1, 2), keepdims=True)
    np.testing.assert_allclose(done[0, :, :, :7], np.broadcast_to(mean, (2, 32, 7)), rtol=1e-5)
    assert np.array_equal(done[0, :, :, 7:], batch[0, :, :, 7:])
    assert np.array_equal(done[1], batch[1])


@pytest.mark.parametrize("fill", ["minimum", "zero"])
def test_masks_may_be_filled_with_the_channels_minimum_or_with_0(fill: Any, log_mels: np.ndarray) -> None:
    done = Mask("time", 8, fill=fill).apply(log_mels, MaskParams(np.full((6, 1), 5), np.full((6, 1), 8)))
    value = log_mels.min((2, 3), keepdims=True) if fill == "minimum" else np.zeros((6, 2, 1, 1))
    assert np.array_equal(done[..., 5:13], np.broadcast_to(value, (6, 2, 32, 8)))
    assert np.array_equal(done[..., 13:], log_mels[..., 13:])


@pytest.mark.parametrize(("axis", "size"), [("time", 48), ("mel", 32)])
def test_all_places_and_widths_of_a_mask_are_equally_likely_and_inside_the_spectrogram(axis: Any, size: int) -> None:
    exact = Mask(axis, 8).sample(np.random.default_rng(0), (20_000, 1, 32, 48))
    assert np.unique(exact.width).tolist() == [8]
    assert np.unique(exact.start).tolist() == list(range(size - 8 + 1))
    assert stats.chisquare(np.bincount(exact.start[:, 0])).pvalue > 0.001
    wide = Mask(axis, 12, exact=False, count=2).sample(np.random.default_rng(0), (10_000, 1, 32, 48))
    assert np.unique(wide.width).tolist() == list(range(13))
    assert stats.chisquare(np.bincount(wide.width.ravel())).pvalue > 0.001
    assert (wide.start >= 0).all()
    assert (wide.start + wide.width).max() == size


def test_mask_may_be_as_wide_as_the_spectrogram_but_not_wider() -> None:
    params = Mask("mel", 32).sample(np.random.default_rng(0), (3, 1, 32, 48))
    assert params.start.tolist() == [[0], [0], [0]]
    with pytest.raises(AudiotagError, match=r"the width in bands must be at most the spectrogram's 32, got 33"):
        Mask("mel", 33).sample(np.random.default_rng(0), (3, 1, 32, 48))


@pytest.fixture(scope="module")
def fastaudio() -> types.ModuleType:
    return import_fastaudio()


@pytest.mark.parametrize(("axis", "twin"), [("time", "MaskTime"), ("mel", "MaskFreq")])
@pytest.mark.parametrize("start", [0, 17, 120])
def test_mask_equals_fastaudios(fastaudio: types.ModuleType, axis: Any, twin: str, start: int) -> None:
    picture = np.random.default_rng(3).normal(-30, 15, (2, 128, 128)).astype(np.float32)
    theirs = getattr(fastaudio, twin)(size=8, start=start)(fastaudio.AudioSpectrogram(torch.from_numpy(picture.copy())))
    ours = Mask(axis, 8).apply(picture[None], MaskParams(np.array([[start]]), np.array([[8]])))[0]
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=0, atol=2e-5)
