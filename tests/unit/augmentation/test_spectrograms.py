"""Augmentations of one clip do what their names say, repeat a frozen draw, and are the same in NumPy and in torch."""

import copy
import math
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from scipy import signal, stats

from audiotag.arrays import resize
from audiotag.augmentation.equaliser import Equaliser, EqualiserParams
from audiotag.augmentation.gain import Gain, GainParams
from audiotag.augmentation.lighting import Lighting, LightingParams
from audiotag.augmentation.mask import Mask, MaskParams
from audiotag.augmentation.noise import Noise, NoiseParams
from audiotag.augmentation.resized_crop import RandomResizedCrop, ResizedCropParams
from audiotag.augmentation.shift import Shift, ShiftParams
from audiotag.augmentation.time_crop import TimeCrop, TimeCropParams
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import fit_length
from audiotag.training.backend.fastaudio_compat import import_fastaudio

SHORT = SpectrogramSettings(
    sample_rate=8000, clip_s=0.2, n_fft=256, win_length=256, hop_length=128, n_mels=16, f_max=4000
)
PICTURES = {
    "exact time mask": Mask("time", 8),
    "exact mel mask": Mask("mel", 8),
    "time masks of SpecAugment": Mask("time", 20, exact=False, count=3),
    "mel masks of SpecAugment": Mask("mel", 12, exact=False, count=2, p=0.5),
    "lighting": Lighting(),
    "resized crop": RandomResizedCrop(p=1.0),
    "shift along time": Shift("time"),
    "shift along mel": Shift("mel", 5),
    "equaliser": Equaliser(),
    "crop in time": TimeCrop(20),
}
WAVEFORMS = {
    "gain": Gain(),
    "white noise": Noise(p=1.0),
    "pink noise": Noise(colour="pink", p=1.0),
    "crop": RandomCrop(SHORT),
}
ALL = PICTURES | WAVEFORMS
Named = pytest.mark.parametrize("name", ALL)


def batch_for(name: str, items: int = 6) -> np.ndarray:
    rng = np.random.default_rng(1)
    if name in PICTURES:
        return rng.normal(-20, 10, (items, 2, 32, 48)).astype(np.float32)
    return rng.normal(0, 0.1, (items, 4001)).astype(np.float32)


def draw_for(name: str, batch: Any, seed: int = 0) -> Any:
    return ALL[name].sample(np.random.default_rng(seed), tuple(batch.shape))


def decibels(waveform: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.mean(np.square(waveform, dtype=np.float64), axis=-1))


@Named
def test_frozen_draw_repeats_and_the_batch_stays_as_it_was(name: str) -> None:
    batch = batch_for(name)
    before, params = batch.copy(), draw_for(name, batch)
    frozen = copy.deepcopy(params)
    first = ALL[name].apply(batch, params)
    assert np.array_equal(first, ALL[name].apply(batch, frozen))
    assert np.array_equal(batch, before)
    assert not np.shares_memory(first, batch)
    tensor = torch.from_numpy(before.copy())
    ALL[name].apply(tensor, params)
    assert np.array_equal(tensor.numpy(), before)


@Named
def test_draws_hold_arrays_of_one_entry_an_item_and_follow_the_seed(name: str) -> None:
    batch = batch_for(name)
    all_params = [draw_for(name, batch, seed) for seed in (0, 0, 1)]
    arrays = [[getattr(params, field.name) for field in fields(params)] for params in all_params]
    assert all(type(array) is np.ndarray and len(array) == len(batch) for array in arrays[0])
    assert all(np.array_equal(one, same) for one, same in zip(arrays[0], arrays[1], strict=True))
    assert not all(np.array_equal(one, other) for one, other in zip(arrays[0], arrays[2], strict=True))


@Named
def test_numpy_and_torch_agree(name: str) -> None:
    batch = batch_for(name)
    params = draw_for(name, batch)
    in_numpy, in_torch = ALL[name].apply(batch, params), ALL[name].apply(torch.from_numpy(batch), params)
    assert in_numpy.dtype == np.float32
    np.testing.assert_allclose(in_torch.numpy(), in_numpy, rtol=1e-5, atol=1e-5 * np.abs(batch).max())


@Named
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_torch_keeps_its_dtype(name: str, dtype: torch.dtype) -> None:
    batch = torch.from_numpy(batch_for(name))
    params = draw_for(name, batch)
    done = ALL[name].apply(batch.to(dtype), params)
    assert done.dtype == dtype
    # A few of its own roundings away from what float32 gives.
    close = 8 * max(torch.finfo(dtype).eps, 1e-6) * float(batch.abs().max())
    torch.testing.assert_close(done.float(), ALL[name].apply(batch, params), rtol=0, atol=close)


@Named
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_numpy_keeps_its_dtype(name: str, dtype: type) -> None:
    batch = batch_for(name).astype(dtype)
    assert ALL[name].apply(batch, draw_for(name, batch)).dtype == dtype


@Named
def test_nothing_of_a_batch_is_read_back_from_its_device(name: str) -> None:
    # A meta tensor has no values: whatever asked for one, as a wait for a GPU would, fails on it.
    batch = batch_for(name)
    params = draw_for(name, batch)
    done = ALL[name].apply(torch.empty(batch.shape, device="meta"), params)
    assert done.device.type == "meta"
    assert done.shape == ALL[name].apply(batch, params).shape


@Named
def test_items_do_not_touch_each_other(name: str) -> None:
    batch = batch_for(name)
    params = draw_for(name, batch)
    one = type(params)(**{field.name: getattr(params, field.name)[2:3] for field in fields(params)})
    np.testing.assert_allclose(ALL[name].apply(batch[2:3], one)[0], ALL[name].apply(batch, params)[2], rtol=1e-6)


@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Mask, {"axis": "time", "width": 8}),
        (Lighting, {}),
        (RandomResizedCrop, {"max_scale": 0.9}),
        (Equaliser, {}),
        (Gain, {"min_db": 1.0}),
        (Noise, {}),
        (Noise, {"colour": "pink"}),
    ],
)
def test_p_of_0_changes_nothing_and_p_of_1_every_item(kind: Any, settings: dict[str, Any], p: float) -> None:
    augmentation = kind(**settings, p=p)
    shape = (20, 1, 32, 48) if augmentation.domain == "picture" else (20, 500)
    batch = np.random.default_rng(2).normal(0, 0.1, shape).astype(np.float32)
    done = augmentation.apply(batch, augmentation.sample(np.random.default_rng(0), shape))
    changed = (done != batch).reshape(20, -1).any(1)
    assert changed.tolist() == [p == 1.0] * 20


def test_p_is_the_share_of_items_that_change() -> None:
    all_params = {
        "mask": Mask("time", 4, p=0.3).sample(np.random.default_rng(0), (10_000, 1, 8, 8)).width[:, 0] > 0,
        "gain": Gain(p=0.3).sample(np.random.default_rng(0), (10_000, 100)).gain_db != 0,
        "noise": np.isfinite(Noise(p=0.3).sample(np.random.default_rng(0), (10_000, 100)).snr_db),
        "brightness": Lighting(p=0.3).sample(np.random.default_rng(0), (10_000, 1, 8, 8)).brightness != 0.5,
        "contrast": Lighting(p=0.3).sample(np.random.default_rng(0), (10_000, 1, 8, 8)).contrast != 1,
        "equaliser": Equaliser(p=0.3).sample(np.random.default_rng(0), (10_000, 1, 8, 8)).gain_db[:, 0] != 0,
        "shift": Shift("time", p=0.3).sample(np.random.default_rng(0), (10_000, 1, 8, 800)).lines != 0,
    }
    # Within four deviations of a binomial share.
    assert {name: abs(float(changed.mean()) - 0.3) < 0.02 for name, changed in all_params.items()} == dict.fromkeys(
        all_params, True
    )


# Masks


@pytest.mark.parametrize(("axis", "across"), [("time", 2), ("mel", 3)])
def test_mask_covers_exactly_what_it_says_with_the_channels_mean(axis: Any, across: int) -> None:
    batch = batch_for("exact time mask")
    start = np.array([[0], [1], [10], [20], [23], [24]])
    done = Mask(axis, 8).apply(batch, MaskParams(start, np.full((6, 1), 8)))
    for before, after, first in zip(batch, done, start[:, 0], strict=True):
        lines = np.arange(batch.shape[5 - across])
        inside = (lines >= first) & (lines < first + 8)
        masked, kept = after.compress(inside, 4 - across), after.compress(~inside, 4 - across)
        mean = before.mean((1, 2), keepdims=True, dtype=np.float64)
        np.testing.assert_allclose(masked, np.broadcast_to(mean, masked.shape), rtol=1e-5)
        assert np.array_equal(kept, before.compress(~inside, 4 - across))


def test_several_masks_are_filled_with_the_unmasked_mean_and_none_is_as_good_as_no_mask() -> None:
    batch = batch_for("exact time mask", items=2)
    params = MaskParams(np.array([[0, 3], [5, 40]]), np.array([[4, 4], [0, 0]]))
    done = Mask("time", 4, count=2).apply(batch, params)
    mean = batch[0].mean((1, 2), keepdims=True)
    np.testing.assert_allclose(done[0, :, :, :7], np.broadcast_to(mean, (2, 32, 7)), rtol=1e-5)
    assert np.array_equal(done[0, :, :, 7:], batch[0, :, :, 7:])
    assert np.array_equal(done[1], batch[1])


@pytest.mark.parametrize(("axis", "size"), [("time", 48), ("mel", 32)])
def test_masks_are_drawn_everywhere_evenly_and_never_out_of_the_picture(axis: Any, size: int) -> None:
    exact = Mask(axis, 8).sample(np.random.default_rng(0), (20_000, 1, 32, 48))
    assert np.unique(exact.width).tolist() == [8]
    assert np.unique(exact.start).tolist() == list(range(size - 8 + 1))
    assert stats.chisquare(np.bincount(exact.start[:, 0])).pvalue > 0.001
    wide = Mask(axis, 12, exact=False, count=2).sample(np.random.default_rng(0), (10_000, 1, 32, 48))
    assert np.unique(wide.width).tolist() == list(range(13))
    assert stats.chisquare(np.bincount(wide.width.ravel())).pvalue > 0.001
    assert (wide.start >= 0).all()
    assert (wide.start + wide.width).max() == size


def test_mask_may_be_as_wide_as_the_picture_but_no_wider() -> None:
    params = Mask("mel", 32).sample(np.random.default_rng(0), (3, 1, 32, 48))
    assert params.start.tolist() == [[0], [0], [0]]
    with pytest.raises(AudiotagError, match=r"the width in bands must be at most the picture's 32, got 33"):
        Mask("mel", 33).sample(np.random.default_rng(0), (3, 1, 32, 48))


@pytest.fixture(scope="module")
def fastaudio() -> types.ModuleType:
    return import_fastaudio()


@pytest.mark.parametrize(("axis", "twin"), [("time", "MaskTime"), ("mel", "MaskFreq")])
@pytest.mark.parametrize("start", [0, 17, 120])
def test_mask_is_fastaudios(fastaudio: types.ModuleType, axis: Any, twin: str, start: int) -> None:
    picture = np.random.default_rng(3).normal(-30, 15, (2, 128, 128)).astype(np.float32)
    theirs = getattr(fastaudio, twin)(size=8, start=start)(fastaudio.AudioSpectrogram(torch.from_numpy(picture.copy())))
    ours = Mask(axis, 8).apply(picture[None], MaskParams(np.array([[start]]), np.array([[8]])))[0]
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=0, atol=2e-5)


# Crops


@pytest.mark.parametrize("padding", ["zeros", "zeros-after", "repeat"])
@pytest.mark.parametrize("samples", [700, 1600, 5000])
def test_crop_of_a_batch_is_fit_length_of_each_clip(padding: Any, samples: int) -> None:
    settings = SHORT.changed(padding=padding)
    batch = np.random.default_rng(4).normal(0, 0.1, (5, samples)).astype(np.float32)
    params = RandomCrop(settings).sample(np.random.default_rng(0), batch.shape)
    expected = np.stack([fit_length(clip, settings, at) for clip, at in zip(batch, params.at.tolist(), strict=True)])
    assert np.array_equal(RandomCrop(settings).apply(batch, params), expected)
    assert np.array_equal(RandomCrop(settings).apply(torch.from_numpy(batch), params).numpy(), expected)


def test_crops_of_clips_of_any_length_become_one_batch() -> None:
    clips = [np.full(samples, 0.5, dtype=np.float32) for samples in (0, 1, 1599, 1600, 1601, 9000)]
    params = RandomCrop(SHORT).sample(np.random.default_rng(0), (len(clips),))
    done = RandomCrop(SHORT).apply(clips, params)
    assert done.shape == (6, SHORT.clip_samples)
    assert done.dtype == np.float32
    assert (done != 0).sum(1).tolist() == [0, 1, 1599, 1600, 1600, 1600]


def test_crops_are_drawn_over_the_whole_clip() -> None:
    at = RandomCrop(SHORT).sample(np.random.default_rng(0), (10_000,)).at
    assert stats.kstest(at, "uniform").pvalue > 0.001


# Lighting


def test_lighting_of_a_logit_is_fastais_lighting_of_the_picture() -> None:
    from fastai.vision.augment import TensorImage

    image = np.random.default_rng(5).uniform(0.01, 0.99, (8, 1, 16, 16))
    params = Lighting(p=1.0).sample(np.random.default_rng(0), image.shape)
    theirs = TensorImage(torch.from_numpy(image))
    theirs = theirs.brightness(draw=params.brightness.tolist(), p=1.0).contrast(draw=params.contrast.tolist(), p=1.0)
    ours = 1 / (1 + np.exp(-Lighting().apply(np.log(image / (1 - image)), params)))
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=2e-6)  # theirs are float32


def test_lighting_is_drawn_as_fastai_draws_it() -> None:
    params = Lighting(max_lighting=0.2, p=1.0).sample(np.random.default_rng(0), (10_000, 1, 2, 2))
    assert stats.kstest(params.brightness, stats.uniform(0.4, 0.2).cdf).pvalue > 0.001
    assert stats.kstest(params.contrast, stats.loguniform(0.8, 1.25).cdf).pvalue > 0.001


def test_lighting_shifts_the_mean_and_scales_the_deviation() -> None:
    batch = np.random.default_rng(6).normal(0, 1, (2, 1, 64, 64))
    done = Lighting().apply(batch, LightingParams(np.array([0.6, 0.5]), np.array([1.0, 1.25])))
    assert (done - batch)[0] == pytest.approx(math.log(0.6 / 0.4))
    assert done[1].std() == pytest.approx(1.25 * batch[1].std())


# Gain and noise


def test_gain_moves_the_level_by_as_many_decibels() -> None:
    batch = batch_for("gain")
    params = GainParams(np.array([-40.0, -6.0, 0.0, 0.5, 6.0, 20.0]))
    np.testing.assert_allclose(decibels(Gain().apply(batch, params)) - decibels(batch), params.gain_db, atol=1e-4)


def test_gains_and_ratios_are_drawn_evenly_in_decibels() -> None:
    gain_db = Gain(min_db=-12, max_db=3).sample(np.random.default_rng(0), (10_000, 1)).gain_db
    assert stats.kstest(gain_db, stats.uniform(-12, 15).cdf).pvalue > 0.001
    snr_db = Noise(min_snr_db=5, max_snr_db=30, p=1.0).sample(np.random.default_rng(0), (10_000, 1)).snr_db
    assert stats.kstest(snr_db, stats.uniform(5, 25).cdf).pvalue > 0.001


@pytest.mark.parametrize("colour", ["white", "pink"])
def test_noise_has_the_drawn_signal_to_noise_ratio(colour: Any, tone: Callable[..., np.ndarray]) -> None:
    clips = np.stack([tone(1000, 2.0, level) for level in (0.9, 0.1, 0.01, 1e-4)])
    params = NoiseParams(np.array([0.0, 10.0, 30.0, -10.0]), np.arange(8, dtype=np.int32).reshape(4, 2))
    done = Noise(colour=colour).apply(clips.astype(np.float64), params)
    np.testing.assert_allclose(decibels(clips) - decibels(done - clips), params.snr_db, atol=0.1)


def test_silence_stays_silence_beside_clips_that_do_not() -> None:
    batch = batch_for("gain")
    batch[1] = 0
    for colour in ("white", "pink"):
        noise = Noise(colour=colour, p=1.0)  # type: ignore[arg-type]
        done = noise.apply(batch, noise.sample(np.random.default_rng(0), batch.shape))
        assert not done[1].any()
        assert (done[0] != batch[0]).all()


def slope_db_an_octave(noise: np.ndarray) -> float:
    frequency_hz, density = signal.welch(noise, 44_100, nperseg=8192)
    inside = (frequency_hz > 50) & (frequency_hz < 20_000)
    return float(np.polyfit(np.log2(frequency_hz[inside]), 10 * np.log10(density[inside]), 1)[0])


@pytest.mark.parametrize(("colour", "slope"), [("white", 0.0), ("pink", -10 * math.log10(2))])
def test_pink_noise_falls_by_3_db_an_octave_and_white_noise_is_flat(colour: Any, slope: float) -> None:
    clip = np.full((1, 2_000_000), 0.1)
    noise = Noise(min_snr_db=0, max_snr_db=0, colour=colour, p=1.0)
    added = noise.apply(clip, noise.sample(np.random.default_rng(0), clip.shape)) - clip
    assert slope_db_an_octave(added[0]) == pytest.approx(slope, abs=0.05)


def test_noise_is_normal_and_every_clips_own() -> None:
    clips = np.ones((8, 100_001))
    noise = Noise(min_snr_db=0, max_snr_db=0, p=1.0)
    added = noise.apply(clips, noise.sample(np.random.default_rng(0), clips.shape)) - clips
    assert all(stats.kstest(row, "norm").pvalue > 0.001 for row in added)
    assert np.abs(added).max() < 6
    between = np.corrcoef(added) - np.eye(8)
    assert np.abs(between).max() < 5 / math.sqrt(100_001)
    # Nor does a clip's noise repeat itself: at every shift it is as far from itself as chance has it.
    spectrum = np.abs(np.fft.rfft(added, 2 * 100_001)) ** 2
    self_likeness = np.fft.irfft(spectrum)[:, 1:100_001] / 100_001
    assert np.abs(self_likeness).max() < 6 / math.sqrt(100_001)


# Resized crops


@pytest.mark.parametrize("size", [(256, 256), (128, 64), (40, 200), (1, 1), (128, 128)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_resize_is_torchs_bilinear_interpolation(size: tuple[int, int], dtype: torch.dtype) -> None:
    batch = torch.from_numpy(np.random.default_rng(7).uniform(-1, 1, (3, 2, 128, 128))).to(dtype)
    expected = torch.nn.functional.interpolate(batch, size=size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(resize(batch, *size), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(resize(batch.numpy(), *size), expected.numpy(), rtol=0, atol=1e-5)


def test_resize_to_its_own_size_changes_nothing_and_keeps_a_constant() -> None:
    batch = batch_for("lighting")
    assert np.array_equal(resize(batch, 32, 48), batch)
    assert np.array_equal(resize(np.full((1, 1, 5, 7), -3.25), 11, 2), np.full((1, 1, 11, 2), -3.25))


def test_resized_crop_is_torchvisions() -> None:
    from torchvision.transforms.functional import resized_crop

    batch = np.random.default_rng(8).uniform(-1, 1, (12, 1, 128, 256)).astype(np.float32)
    augmentation = RandomResizedCrop(p=1.0)
    params = augmentation.sample(np.random.default_rng(0), batch.shape)
    boxes = np.stack([params.top, params.left, params.height, params.width], 1).tolist()
    expected = [
        resized_crop(torch.from_numpy(picture), *box, size=[128, 256], antialias=False)
        for picture, box in zip(batch, boxes, strict=True)
    ]
    np.testing.assert_allclose(augmentation.apply(batch, params), torch.stack(expected).numpy(), rtol=0, atol=5e-5)


def test_resized_crops_are_inside_the_picture_and_within_their_bounds() -> None:
    augmentation = RandomResizedCrop(p=1.0)
    params = augmentation.sample(np.random.default_rng(0), (10_000, 1, 128, 256))
    assert (params.top >= 0).all()
    assert (params.left >= 0).all()
    assert (params.top + params.height).max() == 128
    assert (params.left + params.width).max() == 256
    # Whole bands and frames are up to half of one away from what was drawn.
    area = params.height * params.width / (128 * 256)
    ratio = params.width / params.height
    assert 0.79 < area.min() < 0.81
    assert area.max() <= 1
    assert 1.68 < ratio.min() < 1.75
    assert 2.25 < ratio.max() < 2.32


def test_part_that_never_fits_leaves_the_whole_picture() -> None:
    augmentation = RandomResizedCrop(min_scale=1, max_scale=1, min_ratio=1.15, p=1.0)
    batch = batch_for("resized crop")
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


# Shifts and the equaliser


def test_shift_along_time_goes_round_and_along_mel_holds_the_outermost_band() -> None:
    batch = np.arange(2 * 6 * 8, dtype=np.float32).reshape(2, 1, 6, 8)
    later = Shift("time").apply(batch, ShiftParams(np.array([3, -2])))
    assert np.array_equal(later[0], np.roll(batch[0], 3, axis=2))
    assert np.array_equal(later[1], np.roll(batch[1], -2, axis=2))
    higher = Shift("mel", 2).apply(batch, ShiftParams(np.array([2, -1])))
    assert np.array_equal(higher[0, 0], batch[0, 0][[0, 0, 0, 1, 2, 3]])
    assert np.array_equal(higher[1, 0], batch[1, 0][[1, 2, 3, 4, 5, 5]])


def test_shifts_are_drawn_evenly_and_never_by_more_than_there_is() -> None:
    lines = Shift("mel", 4).sample(np.random.default_rng(0), (9000, 1, 32, 48)).lines
    assert np.array_equal(np.unique(lines), np.arange(-4, 5))
    assert np.bincount(lines + 4).min() > 850  # of 1,000 expected, five deviations of 30
    assert np.abs(Shift("time").sample(np.random.default_rng(0), (9000, 1, 32, 48)).lines).max() == 47


def test_time_crop_is_a_stretch_of_the_frames_at_the_first_place_that_is_not_silent() -> None:
    batch = np.random.default_rng(0).normal(-80, 1, (3, 1, 16, 60))
    batch[:, :, 3, 10:14] = -20.0
    batch[2] = -90.0  # silence through and through is a place like any other
    places = np.array([[30, 40, 5, 12], [0, 40, 30, 20], [7, 0, 1, 2]]).repeat(3, axis=1)[:, :10]
    crops = TimeCrop(20).apply(batch, TimeCropParams(places))
    for item, start in enumerate((5, 0, 7)):
        assert np.array_equal(crops[item], batch[item, ..., start : start + 20])
    nowhere = TimeCrop(8).apply(batch, TimeCropParams(np.full((3, 10), 30)))
    assert np.array_equal(nowhere, batch[..., 30:38])


def test_time_crops_are_drawn_evenly_over_the_picture() -> None:
    start = TimeCrop(20).sample(np.random.default_rng(0), (2000, 1, 16, 30)).start
    assert np.array_equal(np.unique(start), np.arange(11))
    assert np.bincount(start.ravel()).min() > 1600  # of 1,818 expected, five deviations of 41


def test_equaliser_adds_its_curve_to_every_frame_and_nothing_to_the_floor() -> None:
    batch = np.random.default_rng(0).normal(-20, 3, (1, 1, 11, 40))
    batch[..., :5] = -80
    done = Equaliser(points=3).apply(batch, EqualiserParams(np.array([[6.0, 0.0, -10.0]])))
    added = (done - batch)[0, 0]
    assert np.array_equal(done[..., :5], batch[..., :5])
    curve = [6, 4.8, 3.6, 2.4, 1.2, 0, -2, -4, -6, -8, -10]
    np.testing.assert_allclose(added[:, 5:], np.tile(np.array(curve)[:, None], 35), atol=1e-9)


def test_equalisers_deviate_as_they_say() -> None:
    params = Equaliser(deviation_db=5).sample(np.random.default_rng(0), (5000, 1, 16, 16)).gain_db
    assert params.std(axis=0) == pytest.approx([5] * 6, rel=0.05)
    assert abs(np.corrcoef(params.T)[0, 1]) < 0.06


# What is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mask("frequency", 8), r"axis must be one of 'time', 'mel', got 'frequency'; check its spelling"),  # type: ignore[arg-type]
        (lambda: Mask("time", 0), r"width must be a whole number of 1 to 10000, got 0; in frames or bands"),
        (lambda: Mask("time", 8.5), r"width must be a whole number"),  # type: ignore[arg-type]
        (lambda: Mask("time", 8, exact=1), r"exact must be one of True, False, got 1"),  # type: ignore[arg-type]
        (lambda: Mask("time", 8, count=0), r"count must be a whole number of 1 to 100, got 0"),
        (lambda: Mask("time", 8, p=75), r"p must be a number of 0 to 1, got 75; a probability; in per cent\?"),
        (lambda: Lighting(p="0.5"), r"p must be a number of 0 to 1, got 0.5"),  # type: ignore[arg-type]
        (lambda: Lighting(max_lighting=1.0), r"max_lighting must be a number of 0 to 0.99, got 1.0"),
        (lambda: Gain(min_db=3, max_db=-3), r"min_db must be at most max_db \(-3\), got 3; swapped\?"),
        (lambda: Gain(max_db=float("nan")), r"max_db must be a number of -120 to 60, got nan"),
        (lambda: Noise(colour="brown"), r"colour must be one of 'white', 'pink', got 'brown'"),  # type: ignore[arg-type]
        (lambda: Noise(min_snr_db=-100), r"min_snr_db must be a number of -60 to 120, got -100"),
        (lambda: Shift("time", 0), r"most must be a whole number of 1 to 10000, got 0; .* leave the shift out"),
        (lambda: TimeCrop(0), r"frames must be a whole number of 1 to 10000, got 0; leave the crop out"),
        (
            lambda: TimeCrop(49).sample(np.random.default_rng(0), (1, 1, 8, 48)),
            r"frames must be at most the picture's 48",
        ),
        (lambda: Equaliser(points=1), r"points must be a whole number of 2 to 100, got 1; 6 are common"),
        (lambda: RandomResizedCrop(max_scale=80), r"max_scale must be a number of 0.01 to 1, got 80; .* in per cent\?"),
        (lambda: RandomResizedCrop(min_ratio=2), r"min_ratio must be at most max_ratio \(1.15\), got 2"),
        (lambda: resize(np.zeros((1, 1, 2, 2)), 0, 4), r"height must be a whole number of 1 to 10000, got 0"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(AudiotagError, match=f"^{message}"):
        make()


def test_batches_that_do_not_fit_are_refused_with_the_way_out() -> None:
    rng, batch = np.random.default_rng(0), batch_for("gain")
    with pytest.raises(
        AudiotagError, match=r"the shape of a picture batch must be \(batch, channels, n_mels, frames\)"
    ):
        Mask("time", 8).sample(rng, (6, 32, 48))
    with pytest.raises(AudiotagError, match=r"the shape of a waveform batch must be \(batch, samples\), got \(100,\)"):
        Gain().sample(rng, (100,))
    params = Gain().sample(rng, batch.shape)
    with pytest.raises(AudiotagError, match=r"the draw must be of as many items as the batch \(5\), got 6"):
        Gain().apply(batch[:5], params)
    for whole in (batch.astype(np.int16), torch.from_numpy(batch).short()):
        with pytest.raises(AudiotagError, match=r"a batch must hold floating-point numbers, got .*int16; convert it"):
            Gain().apply(whole, params)
    with pytest.raises(AudiotagError, match=r"a batch must be a NumPy array or a torch tensor, got list; stack it"):
        Gain().apply(list(batch), params)


def test_numpy_batches_never_import_torch() -> None:
    code = """
import sys
import numpy as np
from audiotag.augmentation.lighting import Lighting
from audiotag.augmentation.mask import Mask
from audiotag.augmentation.resized_crop import RandomResizedCrop
from audiotag.arrays import resize
from audiotag.augmentation.gain import Gain
from audiotag.augmentation.noise import Noise
from audiotag.augmentation.mixup import MixUp
from audiotag.augmentation.sigmoid_mixer import SigmoidMixer
from audiotag.augmentation.specmix import SpecMix
single = (Mask("time", 8), Lighting(), RandomResizedCrop(), Gain(), Noise())
for augmentation in (*single, MixUp(), SpecMix(), SigmoidMixer()):
    batch = np.ones((2, 1, 32, 32) if augmentation.domain == "picture" else (2, 99), dtype=np.float32)
    augmentation.apply(batch, augmentation.sample(np.random.default_rng(0), batch.shape))
resize(np.ones((1, 1, 4, 4)), 8, 8)
assert not {"torch", "fastai", "streamlit", "pandas"} & {name.split(".")[0] for name in sys.modules}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
