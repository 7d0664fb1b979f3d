"""What holds for every augmentation: params repeat, NumPy and torch agree, dtypes stay, and faults are named."""

import copy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from audiotag.augmentation.additive_mixer import AdditiveMixer
from audiotag.augmentation.base import (
    AUGMENTATIONS,
    Augmentation,
    Mixer,
    augmentation_from_dict,
    register_augmentation,
)
from audiotag.augmentation.chain import apply_all
from audiotag.augmentation.equaliser import Equaliser
from audiotag.augmentation.flip_labels import FlipLabels
from audiotag.augmentation.freq_mixstyle import FreqMixStyle
from audiotag.augmentation.gain import Gain
from audiotag.augmentation.lighting import Lighting
from audiotag.augmentation.mask import Mask
from audiotag.augmentation.mask_pairs import MaskPairs
from audiotag.augmentation.mixup import MixUp
from audiotag.augmentation.noise import Noise
from audiotag.augmentation.one_of import OneOfMixers
from audiotag.augmentation.overlay import Overlay
from audiotag.augmentation.resized_crop import RandomResizedCrop
from audiotag.augmentation.shift import Shift
from audiotag.augmentation.sigmoid_mixer import SigmoidMixer
from audiotag.augmentation.specmix import SpecMix
from audiotag.augmentation.time_crop import TimeCrop
from audiotag.augmentation.zoom import Zoom
from audiotag.errors import AudiotagError

SINGLE: dict[str, Augmentation] = {
    "exact time mask": Mask("time", 8),
    "exact mel mask": Mask("mel", 8),
    "time masks of SpecAugment": Mask("time", 20, exact=False, count=3),
    "mel masks of SpecAugment": Mask("mel", 12, exact=False, count=2, p=0.5),
    "time mask filled with the minimum": Mask("time", 8, fill="minimum"),
    "mask pairs": MaskPairs(min_pairs=2, p=1.0),
    "mask pairs at any place": MaskPairs(place="anywhere", fill="zero", domain="network-input", p=1.0),
    "lighting": Lighting(),
    "lighting of logits": Lighting(scale="logit"),
    "lighting of logits, normalised": Lighting(scale="logit", low=-2.0, high=3.0),
    "flips as labels": FlipLabels(),
    "zoom": Zoom(max_factor=1.5, p=1.0),
    "resized crop": RandomResizedCrop(p=1.0),
    "shift along time": Shift("time"),
    "shift along mel": Shift("mel", 5),
    "equaliser": Equaliser(),
    "crop in time": TimeCrop(20),
    "gain": Gain(),
    "white noise": Noise(p=1.0),
    "pink noise": Noise(colour="pink", p=1.0),
}
MIXERS: dict[str, Mixer] = {
    "mixup of network inputs": MixUp(),
    "mixup of waveforms": MixUp(alpha=1.0, domain="waveform"),
    "additive": AdditiveMixer(),
    "additive of waveforms": AdditiveMixer(min_weight=0.0, max_weight=0.5, domain="waveform"),
    "one of two mixers": OneOfMixers(weights=(0.6, 0.4), p=0.8),
    "one of two mixers of waveforms": OneOfMixers((SigmoidMixer(domain="waveform"), MixUp(domain="waveform"))),
    "one mixer of log-mels": OneOfMixers((Overlay(),), p=0.5),
    "freq-mixstyle": FreqMixStyle(p=1.0),
    "overlay": Overlay(),
    "overlay with the labels of both": Overlay(labels="both"),
    "specmix": SpecMix(time_width=20, mel_width=12),
    "specmix by shares": SpecMix(time_width=20, mel_width=12, whole_lines=False),
    "sigmoid of network inputs": SigmoidMixer(),
    "sigmoid of waveforms": SigmoidMixer(domain="waveform"),
}
ALL = SINGLE | MIXERS
EachAugmentation = pytest.mark.parametrize("name", ALL)
EachMixer = pytest.mark.parametrize("name", MIXERS)


def batch_for(name: str) -> np.ndarray:
    rng, items = np.random.default_rng(1), 8 if name in MIXERS else 6
    if ALL[name].domain == "waveform":
        return rng.normal(0, 0.1, (items, 4001)).astype(np.float32)
    if name == "lighting of logits":
        return rng.uniform(0, 1, (items, 2, 32, 48)).astype(np.float32)
    mean, deviation = (0, 1) if name in MIXERS else (-20, 10)
    return rng.normal(mean, deviation, (items, 2, 32, 48)).astype(np.float32)


def params_for(name: str, seed: int = 0) -> Any:
    return ALL[name].sample(np.random.default_rng(seed), batch_for(name).shape)


def array_fields(params: Any) -> list[np.ndarray]:
    """All arrays of sampled params, and of the params of mixers inside a mixer."""
    values = [getattr(params, field.name) for field in fields(params)]
    return [array for value in values for array in (_arrays_inside(value) if type(value) is tuple else [value])]


def _arrays_inside(parts: tuple[Any, ...]) -> list[np.ndarray]:
    return [array for part in parts for array in array_fields(part)]


def test_every_registered_augmentation_is_tested_here() -> None:
    assert {type(item) for item in ALL.values()} == {kind for _, kind in AUGMENTATIONS.items()}


@EachAugmentation
def test_equal_params_give_equal_batches_and_the_input_is_unchanged(name: str) -> None:
    batch, params = batch_for(name), params_for(name)
    frozen = copy.deepcopy(params)
    first = ALL[name].apply(batch, params)
    assert np.array_equal(first, ALL[name].apply(batch, frozen))
    assert np.array_equal(batch, batch_for(name))
    assert not np.shares_memory(first, batch)
    tensor = torch.from_numpy(batch_for(name))
    ALL[name].apply(tensor, params)
    assert np.array_equal(tensor.numpy(), batch)


@EachAugmentation
def test_params_are_arrays_of_one_entry_per_item_and_follow_the_seed(name: str) -> None:
    arrays = [array_fields(params_for(name, seed)) for seed in (0, 0, 1)]
    assert all(type(array) is np.ndarray and len(array) == len(batch_for(name)) for array in arrays[0])
    assert all(np.array_equal(one, same) for one, same in zip(arrays[0], arrays[1], strict=True))
    assert not all(np.array_equal(one, other) for one, other in zip(arrays[0], arrays[2], strict=True))


@EachAugmentation
def test_numpy_and_torch_agree(name: str) -> None:
    batch, params = batch_for(name), params_for(name)
    in_numpy, in_torch = ALL[name].apply(batch, params), ALL[name].apply(torch.from_numpy(batch), params)
    assert in_numpy.dtype == np.float32
    if name in MIXERS:
        np.testing.assert_allclose(in_torch.numpy(), in_numpy, rtol=0, atol=2e-6)
    else:
        np.testing.assert_allclose(in_torch.numpy(), in_numpy, rtol=1e-5, atol=1e-5 * np.abs(batch).max())


@EachAugmentation
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_torch_keeps_its_dtype(name: str, dtype: torch.dtype) -> None:
    batch, params = torch.from_numpy(batch_for(name)), params_for(name)
    result = ALL[name].apply(batch.to(dtype), params)
    assert result.dtype == dtype
    # A few of its own roundings away from what float32 gives.
    scale = 1 if name in MIXERS else float(batch.abs().max())
    close = 8 * max(torch.finfo(dtype).eps, 1e-6) * scale
    torch.testing.assert_close(result.float(), ALL[name].apply(batch, params), rtol=0, atol=close)


@EachAugmentation
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_numpy_keeps_its_dtype(name: str, dtype: type) -> None:
    assert ALL[name].apply(batch_for(name).astype(dtype), params_for(name)).dtype == dtype


@EachAugmentation
def test_no_values_of_a_batch_are_read_back_from_its_device(name: str) -> None:
    # A meta tensor has no values: code that asks for one, as waiting for a GPU would, fails on it.
    batch, params = batch_for(name), params_for(name)
    result = ALL[name].apply(torch.empty(batch.shape, device="meta"), params)
    assert result.device.type == "meta"
    assert result.shape == ALL[name].apply(batch, params).shape


@EachAugmentation
def test_frames_after_is_the_width_of_the_result(name: str) -> None:
    batch = batch_for(name)
    assert ALL[name].apply(batch, params_for(name)).shape[-1] == ALL[name].frames_after(batch.shape[-1])


@pytest.mark.parametrize("name", SINGLE)
def test_items_do_not_affect_each_other(name: str) -> None:
    batch, params = batch_for(name), params_for(name)
    one = type(params)(**{field.name: getattr(params, field.name)[2:3] for field in fields(params)})
    np.testing.assert_allclose(ALL[name].apply(batch[2:3], one)[0], ALL[name].apply(batch, params)[2], rtol=1e-6)


@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Mask, {"axis": "time", "width": 8}),
        (Lighting, {}),
        (Lighting, {"scale": "logit"}),
        (MaskPairs, {"min_time_share": 0.1}),
        (Zoom, {"min_factor": 1.1, "max_factor": 1.2}),
        (RandomResizedCrop, {"max_scale": 0.9}),
        (Equaliser, {}),
        (Gain, {"min_db": 1.0}),
        (Noise, {}),
        (Noise, {"colour": "pink"}),
    ],
)
def test_p_of_0_changes_nothing_and_p_of_1_every_item(kind: Any, settings: dict[str, Any], p: float) -> None:
    augmentation = kind(**settings, p=p)
    shape = (20, 500) if augmentation.domain == "waveform" else (20, 1, 32, 48)
    batch = np.random.default_rng(2).normal(0, 0.1, shape).astype(np.float32)
    result = augmentation.apply(batch, augmentation.sample(np.random.default_rng(0), shape))
    changed = (result != batch).reshape(20, -1).any(1)
    assert changed.tolist() == [p == 1.0] * 20


def test_p_is_the_share_of_items_that_change() -> None:
    all_params = {
        "mask": Mask("time", 4, p=0.3).sample(np.random.default_rng(0), (10_000, 1, 8, 8)).width[:, 0] > 0,
        "mask pairs": MaskPairs(min_mel_share=0.1, max_mel_share=0.1, p=0.3)
        .sample(np.random.default_rng(0), (10_000, 1, 80, 80))
        .mel_width[:, 0]
        > 0,
        "zoom": Zoom(p=0.3).sample(np.random.default_rng(0), (10_000, 1, 8, 8)).factor != 1,
        "gain": Gain(p=0.3).sample(np.random.default_rng(0), (10_000, 100)).gain_db != 0,
        "noise": np.isfinite(Noise(p=0.3).sample(np.random.default_rng(0), (10_000, 100)).snr_db),
        "brightness": Lighting(p=0.3).sample(np.random.default_rng(0), (10_000, 1, 8, 8)).brightness != 0.5,
        "contrast": Lighting(p=0.3).sample(np.random.default_rng(0), (10_000, 1, 8, 8)).contrast != 1,
        "equaliser": Equaliser(p=0.3).sample(np.random.default_rng(0), (10_000, 1, 8, 8)).gain_db[:, 0] != 0,
        "shift": Shift("time", p=0.3).sample(np.random.default_rng(0), (10_000, 1, 8, 800)).lines != 0,
    }
    # Within four standard deviations of a binomial share.
    assert {name: abs(float(changed.mean()) - 0.3) < 0.02 for name, changed in all_params.items()} == dict.fromkeys(
        all_params, True
    )


# Mixers and their targets


@EachMixer
def test_every_item_is_the_partner_of_one(name: str) -> None:
    params = params_for(name)
    for part in getattr(params, "parts", (params,)):
        assert sorted(part.partner.tolist()) == list(range(len(batch_for(name))))


@EachMixer
def test_partners_are_of_the_same_pool_where_there_are_pools(name: str) -> None:
    shape, pools = (600, *batch_for(name).shape[1:]), np.random.default_rng(4).integers(0, 3, 600)
    partner = MIXERS[name].sample(np.random.default_rng(0), shape, pools).partner
    assert np.array_equal(pools[partner], pools)
    assert (partner != np.arange(600)).mean() > 0.95 * getattr(MIXERS[name], "p", 1.0) - 0.1


@EachMixer
def test_one_pool_is_the_same_as_no_pools(name: str) -> None:
    mixer, shape = MIXERS[name], batch_for(name).shape
    drawn = [
        array_fields(mixer.sample(np.random.default_rng(0), shape, pools))
        for pools in (None, np.zeros(shape[0], np.int8), np.full(shape[0], 2))
    ]
    for other in drawn[1:]:
        assert all(np.array_equal(one, same) for one, same in zip(drawn[0], other, strict=True))


def test_draws_without_pools_are_those_of_earlier_versions() -> None:
    # Runs that go on, and reproductions, depend on the order in which a mixer draws its random numbers.
    rng, old = np.random.default_rng(5), np.random.default_rng(5)
    params = SigmoidMixer(p=0.5).sample(rng, (50, 1, 4, 4))
    assert np.array_equal(params.radius, old.integers(3, 13, 50))
    is_mixed, partner = old.random(50) < 0.5, old.permutation(50)
    assert np.array_equal(params.partner, partner)
    assert np.array_equal(params.mixed, is_mixed & (partner != np.arange(50)))
    assert rng.bit_generator.state == old.bit_generator.state


def test_augmentations_and_mixers_without_pools_are_applied_where_pools_are_given(targets: np.ndarray) -> None:
    rng, pools = np.random.default_rng(0), np.array([0, 1] * 4)
    batch = rng.normal(0, 1, (8, 1, 32, 48))
    alone = np.eye(8)
    _, mixed = apply_all((Lighting(), MixUp(), SigmoidMixer()), batch, alone, rng, pools)
    assert not mixed[::2, 1::2].any()
    assert not mixed[1::2, ::2].any()
    assert (mixed > 0).sum() > 12
    with pytest.raises(AudiotagError, match=r"pools must have one entry per item of the batch \(8\), got 3"):
        apply_all((MixUp(),), batch, targets, rng, pools[:3])


@EachMixer
def test_targets_repeat_and_keep_their_dtype_in_numpy_and_torch(name: str, targets: np.ndarray) -> None:
    params, before = params_for(name), targets.copy()
    mixed = MIXERS[name].mix_targets(targets, params)
    assert np.array_equal(mixed, MIXERS[name].mix_targets(targets, copy.deepcopy(params)))
    assert np.array_equal(targets, before)
    in_torch = MIXERS[name].mix_targets(torch.from_numpy(targets), params)
    np.testing.assert_allclose(in_torch.numpy(), mixed, rtol=0, atol=1e-6)
    for dtype in (torch.float16, torch.bfloat16):
        rounded = MIXERS[name].mix_targets(torch.from_numpy(targets).to(dtype), params)
        assert rounded.dtype == dtype
        torch.testing.assert_close(rounded.float(), in_torch, rtol=0, atol=8 * torch.finfo(dtype).eps)
    assert MIXERS[name].mix_targets(torch.empty(targets.shape, device="meta"), params).shape == targets.shape


@pytest.mark.parametrize("kind", [MixUp, AdditiveMixer, FreqMixStyle, OneOfMixers, Overlay, SpecMix, SigmoidMixer])
def test_p_of_a_mixer_is_the_share_of_items_that_it_mixes(kind: Any) -> None:
    rng = np.random.default_rng(0)
    batch, labels = rng.normal(0, 1, (1000, 1, 32, 32)), np.eye(1000)
    never, half, always = (kind(p=p).sample(rng, batch.shape) for p in (0.0, 0.5, 1.0))
    assert np.array_equal(kind().apply(batch, never), batch)
    assert np.array_equal(kind().mix_targets(labels, never), labels)
    changed = (kind().apply(batch, half) != batch).any((1, 2, 3))
    assert changed.mean() == pytest.approx(0.5, abs=0.06)
    # An item that is its own partner, or whose stretches have a width of 0, stays what it is.
    assert (kind().apply(batch, always) != batch).any((1, 2, 3)).mean() > 0.98


@EachMixer
def test_an_item_that_is_its_own_partner_is_unchanged(name: str, targets: np.ndarray) -> None:
    mixer, batch, labels = MIXERS[name], batch_for(name)[:1], targets[:1]
    params = mixer.sample(np.random.default_rng(0), batch.shape)
    np.testing.assert_allclose(mixer.apply(batch, params), batch, rtol=0, atol=1e-6)
    np.testing.assert_allclose(mixer.mix_targets(labels, params), labels, rtol=0, atol=1e-6)
    assert np.array_equal(params.partner, [0])


# The registry


@pytest.mark.parametrize(("name", "kind"), AUGMENTATIONS.items())
def test_registered_augmentation_has_its_name_and_a_description(name: str, kind: type[Augmentation]) -> None:
    assert kind.kind == name
    assert kind.description().endswith(".")
    assert len(kind.description()) > 10


def test_domains_are_those_that_trained_ensembles_were_trained_with() -> None:
    assert {name: kind().domain if name == "one-of" else kind.domain for name, kind in AUGMENTATIONS.items()} == {
        "gain": "waveform",
        "noise": "waveform",
        "shift": "log-mel",
        "crop": "log-mel",
        "equaliser": "log-mel",
        "freq-mixstyle": "log-mel",
        "resized-crop": "log-mel",
        "overlay": "log-mel",
        "mask": "log-mel",
        "mask-pairs": "log-mel",
        "zoom": "network-input",
        "flip-labels": "network-input",
        "lighting": "network-input",
        "additive": "network-input",
        "one-of": "network-input",
        "specmix": "network-input",
        "sigmoid": "network-input",
        "mixup": "network-input",
    }


@pytest.mark.parametrize(("attributes", "value"), [({}, "none"), ({"domain": "picture"}, "'picture'")])
def test_augmentation_without_a_valid_domain_is_refused(attributes: dict[str, Any], value: str) -> None:
    domains = "'waveform', 'log-mel', 'network-input'"
    with pytest.raises(
        AudiotagError, match=f"the domain of the augmentation reverse must be one of {domains}, got {value}; give"
    ):
        register_augmentation("reverse")(type("Reverse", (Augmentation,), attributes))
    assert "reverse" not in AUGMENTATIONS.names()


@pytest.mark.parametrize("name", ALL)
def test_plain_values_bring_back_the_same_augmentation(name: str) -> None:
    assert augmentation_from_dict(ALL[name].to_dict()) == ALL[name]


def test_rules_of_a_new_augmentation_are_checked_without_further_code() -> None:
    @dataclass(frozen=True)
    class Tilt(Augmentation):
        axis: Any = "time"
        steep: bool = False
        domain: ClassVar[Any] = "log-mel"

    assert Tilt().frames_after(128) == 128
    with pytest.raises(AudiotagError, match="steep must be true or false, got 'yes'"):
        Tilt(steep="yes")  # type: ignore[arg-type]


# Faults


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mask("frequency", 8), r"axis must be one of 'time', 'mel', got 'frequency'; check its spelling"),  # type: ignore[arg-type]
        (lambda: Mask("time", 0), r"width must be a whole number from 1 to 10000, got 0; the unit is frames or bands"),
        (lambda: Mask("time", 8.5), r"width must be a whole number"),  # type: ignore[arg-type]
        (lambda: Mask("time", 8, exact=1), r"exact must be true or false, got 1"),  # type: ignore[arg-type]
        (lambda: Mask("time", 8, count=0), r"count must be a whole number from 1 to 100, got 0"),
        (lambda: Mask("time", 8, p=75), r"p must be a number from 0 to 1, got 75; a probability; write 0.2 for 20 %"),
        (lambda: Lighting(p="0.5"), r"p must be a number from 0 to 1, got '0.5'"),  # type: ignore[arg-type]
        (lambda: Lighting(max_lighting=1.0), r"max_lighting must be a number from 0 to 0.99, got 1.0"),
        (lambda: Gain(min_db=3, max_db=-3), r"min_db must be at most max_db \(-3\), got 3; swap the two values"),
        (lambda: Gain(max_db=float("nan")), r"max_db must be a number from -120 to 60 dB, got nan"),
        (lambda: Noise(colour="brown"), r"colour must be one of 'white', 'pink', got 'brown'"),  # type: ignore[arg-type]
        (lambda: Noise(min_snr_db=-100), r"min_snr_db must be a number from -60 to 120 dB, got -100"),
        (lambda: Noise(min_snr_db=20, max_snr_db=10), r"min_snr_db must be at most max_snr_db \(10\), got 20"),
        (
            lambda: Shift("time", 0),
            r"most must be a whole number from 1 to 10000, got 0; .* to switch the shift off, remove it",
        ),
        (
            lambda: TimeCrop(0),
            r"frames must be a whole number from 1 to 10000, got 0; to switch the crop off, remove it",
        ),
        (
            lambda: TimeCrop(49).sample(np.random.default_rng(0), (1, 1, 8, 48)),
            r"frames must be at most the spectrogram's 48",
        ),
        (lambda: Equaliser(points=1), r"points must be a whole number from 2 to 100, got 1; 6 are common"),
        (
            lambda: RandomResizedCrop(max_scale=80),
            r"max_scale must be a number from 0.01 to 1, got 80; .* write 0.2 for 20 %",
        ),
        (lambda: RandomResizedCrop(min_scale=0.9, max_scale=0.5), r"min_scale must be at most max_scale \(0.5\)"),
        (lambda: RandomResizedCrop(min_ratio=2), r"min_ratio must be at most max_ratio \(1.15\), got 2"),
        (
            lambda: MixUp(alpha=0),
            r"alpha must be a number from 0.01 to 10, got 0; 0.4 is common; to switch the mixer off, remove it",
        ),
        (lambda: MixUp(domain="log-mel"), r"domain must be one of 'waveform', 'network-input', got 'log-mel'"),  # type: ignore[arg-type]
        (lambda: Mask("time", 8, fill="median"), r"fill must be one of 'mean', 'minimum', 'zero', got 'median'"),  # type: ignore[arg-type]
        (lambda: MaskPairs(min_pairs=3), r"min_pairs must be at most max_pairs \(2\), got 3; swap the two values"),
        (
            lambda: MaskPairs(max_mel_share=15),
            r"max_mel_share must be a number from 0 to 1, got 15; .* write 0.2 for 20 %",
        ),
        (lambda: MaskPairs(min_time_share=0.3), r"min_time_share must be at most max_time_share \(0.2\), got 0.3"),
        (lambda: Zoom(max_factor=0.9), r"max_factor must be a number from 1 to 10, got 0.9; 1 leaves the network"),
        (lambda: Zoom(min_factor=1.2), r"min_factor must be at most max_factor \(1.05\), got 1.2"),
        (lambda: Lighting(scale="dB"), r"scale must be one of 'values', 'logit', got 'dB'"),  # type: ignore[arg-type]
        (lambda: Lighting(low=1), r"low must be below high \(1\), got 1; swap the two values"),
        (lambda: AdditiveMixer(max_weight=2), r"max_weight must be a number from 0 to 1, got 2; the share of the clip"),
        (lambda: AdditiveMixer(max_weight=0.4), r"min_weight must be at most max_weight \(0.4\), got 0.5"),
        (lambda: OneOfMixers(()), r"mixers must hold at least one mixer, got none; add { kind = "),
        (lambda: OneOfMixers((Gain(),)), r"mixers must hold mixers only, got gain; give it an \[\[augment\]\] of"),  # type: ignore[arg-type]
        (
            lambda: OneOfMixers((SigmoidMixer(), Overlay())),
            r"mixers must all have the same domain, got log-mel and network-input; set domain of each mixer",
        ),
        (
            lambda: OneOfMixers(weights=(1.0,)),
            r"weights must be one number per mixer \(2\), got 1 of them; or leave weights out",
        ),
        (lambda: OneOfMixers(weights=(1.0, 0.0)), r"weights must be numbers above 0 and at most 1000, got"),
        (lambda: OneOfMixers(p=7), r"p must be a number from 0 to 1, got 7"),
        (
            lambda: SpecMix(time_width=20, whole_lines=False).sample(np.random.default_rng(0), (2, 1, 32, 16)),
            r"the width in frames must be at most the spectrogram's 16, got 20; narrow it",
        ),
        (lambda: SpecMix(mel_width=-1), r"mel_width must be a whole number from 0 to 10000, got -1; the unit is bands"),
        (lambda: SigmoidMixer(min_radius=12, max_radius=3), r"min_radius must be at most max_radius \(3\), got 12"),
        (lambda: SigmoidMixer(max_radius=3.5), r"max_radius must be a whole number from 1 to 80, got 3.5"),  # type: ignore[arg-type]
        (lambda: SigmoidMixer(p=2), r"p must be a number from 0 to 1, got 2"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(AudiotagError, match=f"^{message}"):
        make()


def test_batches_that_do_not_fit_are_refused(waveforms: np.ndarray, targets: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(AudiotagError, match=r"the shape of a log-mel batch must be \(batch, 1, n_mels, frames\)"):
        Mask("time", 8).sample(rng, (6, 32, 48))
    with pytest.raises(AudiotagError, match=r"the shape of a waveform batch must be \(batch, samples\), got \(100,\)"):
        Gain().sample(rng, (100,))
    params = Gain().sample(rng, waveforms.shape)
    with pytest.raises(AudiotagError, match=r"the params must have as many items as the batch \(5\), got 6"):
        Gain().apply(waveforms[:5], params)
    for whole in (waveforms.astype(np.int16), torch.from_numpy(waveforms).short()):
        with pytest.raises(AudiotagError, match=r"a batch must hold floating-point numbers, got .*int16; convert it"):
            Gain().apply(whole, params)
    mask = Mask("time", 8).sample(rng, (6, 1, 32, 48))
    with pytest.raises(AudiotagError, match=r"a batch must hold floating-point numbers, got int64"):
        Mask("time", 8).apply(np.zeros((6, 1, 32, 48), np.int64), mask)
    with pytest.raises(AudiotagError, match=r"a batch must be a NumPy array or a torch tensor, got list; stack it"):
        Gain().apply(list(waveforms), params)
    mixed = MixUp().sample(rng, (8, 1, 4, 4))
    with pytest.raises(AudiotagError, match=r"the params must have as many items as the batch \(7\), got 8"):
        MixUp().mix_targets(targets[:7], mixed)
    with pytest.raises(AudiotagError, match=r"a batch must hold floating-point numbers, got int64"):
        MixUp().mix_targets(targets.astype(int), mixed)


def test_numpy_batches_never_import_torch() -> None:
    code = """
import sys
import numpy as np
from audiotag.arrays import resize
from audiotag.augmentation.base import AUGMENTATIONS
needed = {"mask": {"axis": "time", "width": 8}, "shift": {"axis": "mel"}, "crop": {"frames": 8}}
for name, kind in AUGMENTATIONS.items():
    augmentation = kind(**needed.get(name, {}))
    batch = np.ones((2, 99) if augmentation.domain == "waveform" else (2, 1, 32, 32), dtype=np.float32)
    augmentation.apply(batch, augmentation.sample(np.random.default_rng(0), batch.shape))
resize(np.ones((1, 1, 4, 4)), 8, 8)
assert not {"torch", "fastai", "streamlit", "pandas"} & {name.split(".")[0] for name in sys.modules}
"""
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert completed.returncode == 0, completed.stderr
