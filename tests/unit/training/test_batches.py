"""Batches are the same however they are loaded, and are augmented exactly as the recipe says."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from audiotag.augmentation.additive_mixer import AdditiveMixer
from audiotag.augmentation.base import Augmentation
from audiotag.augmentation.chain import Chain, apply_all
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
from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.torch_log_mel import LogMel, NetworkInput
from audiotag.features.trimming import fit_length
from audiotag.training.batches import MAX_WORKERS, Batch, Batches, workers_for
from audiotag.training.clips import KINDS, Clip, LabelledClips
from audiotag.training.recipe import Recipe
from audiotag.training.stage import Stage

ClipOf = Callable[..., Clip]
RATE = 8000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=128, n_mels=16, f_max=4000.0
)
FIRST = Stage("curated", 1, 1e-3)
RECIPE = Recipe("tiny", "Tiny", "For tests.", (FIRST,), batch_size=4, spectrogram=SETTINGS)
AUGMENTATIONS: dict[str, tuple[Augmentation, ...]] = {
    "none": (),
    "gain": (Gain(),),
    "noise": (Noise(p=1.0),),
    "pink noise": (Noise(p=1.0, colour="pink"),),
    "time mask": (Mask("time", 3),),
    "mel masks": (Mask("mel", 4, exact=False, count=2),),
    "resized crop": (RandomResizedCrop(p=1.0),),
    "lighting": (Lighting(p=1.0),),
    "specmix": (SpecMix(6, 6),),
    "sigmoid": (SigmoidMixer(),),
    "sigmoid of waveforms": (SigmoidMixer(domain="waveform"),),
    "zoom": (Zoom(p=1.0, max_factor=1.5),),
    "winner's masks and mixers": (
        RandomResizedCrop(), MaskPairs(), OneOfMixers((SigmoidMixer(), AdditiveMixer()), (0.6, 0.4), p=0.8),
    ),
    "all of them": (
        Lighting(), Gain(), Mask("mel", 4), SigmoidMixer(p=0.5), Noise(), RandomResizedCrop(), Mask("time", 4),
        SpecMix(4, 4),
    ),
}  # fmt: skip


def sounds() -> list[np.ndarray]:
    """Eleven clips of 0.1 to 0.9 s, each a noise with its own colour and level."""
    made = []
    for number in range(11):
        rng = np.random.default_rng(number)
        waveform = rng.normal(0, 0.02 + 0.02 * number, rng.integers(800, 7200))
        made.append(np.convolve(waveform, np.ones(1 + number), "same").clip(-1, 1).astype(np.float32))
    return made


@pytest.fixture
def part(clip_of: ClipOf) -> LabelledClips:
    """Each clip has its own label: targets show which clips are mixed, and with which weights."""
    clips = [clip_of(f"{number}.wav", waveform, RATE) for number, waveform in enumerate(sounds())]
    return LabelledClips(clips, np.eye(len(clips), dtype=np.float32))


def batches_of(
    part: LabelledClips, recipe: Recipe = RECIPE, seed: int = 7, training: bool = True, **stage: Any
) -> Batches:
    return Batches(part, recipe, replace(recipe.stages[0], **stage), seed, training)


def same(one: Batch, other: Batch) -> bool:
    arrays = [(one.values, other.values), (one.targets, other.targets), (one.items, other.items)]
    equal = all(np.array_equal(mine, theirs) and mine.dtype == theirs.dtype for mine, theirs in arrays)
    return equal and one.rng.bit_generator.state == other.rng.bit_generator.state


# Which clips, and in which order


def test_epoch_takes_every_clip_at_most_once_and_leaves_an_incomplete_batch_out(part: LabelledClips) -> None:
    batches = batches_of(part)
    for epoch in range(5):
        made = list(batches.epoch(epoch))
        assert len(made) == len(batches) == 2
        items = np.concatenate([batch.items for batch in made])
        assert len(items) == len(set(items.tolist())) == 8
        for batch in made:
            np.testing.assert_array_equal(batch.targets, part.targets[batch.items])
            assert batch.values.shape == (4, 1, SETTINGS.n_mels, SETTINGS.frames)
            assert batch.values.dtype == batch.targets.dtype == np.float32


@pytest.mark.parametrize(("min_clips", "clips"), [(8, 10), (11, 10), (12, 12), (22, 22), (40, 40)])
def test_epoch_of_at_least_so_many_clips_passes_over_few_several_times(
    part: LabelledClips, min_clips: int, clips: int
) -> None:
    batches = batches_of(part, replace(RECIPE, batch_size=2), min_clips=min_clips)
    for epoch in range(3):
        items = np.concatenate([batch.items for batch in batches.epoch(epoch, as_inputs=False)])
        assert len(items) == 2 * len(batches) == clips
        for start in range(0, clips, 11):  # a clip comes again only after all others
            assert len(set(items[start : start + 11].tolist())) == min(11, clips - start)


def test_a_share_of_the_clips_is_also_one_of_the_least_number() -> None:
    stage = replace(FIRST, min_clips=3200)
    for clips, fraction, expected in [(320, 1.0, 3200), (32, 0.1, 320), (4000, 1.0, 4000), (400, 0.1, 400)]:
        recipe = replace(RECIPE, fraction=fraction)
        assert recipe.clips_per_epoch(stage, clips) == expected
        assert recipe.batches_per_epoch(stage, clips) == expected // recipe.batch_size


@pytest.mark.parametrize("as_inputs", [True, False])
def test_batch_knows_the_kind_of_each_clip(part: LabelledClips, as_inputs: bool) -> None:
    kinds = np.arange(11) % len(KINDS)
    for batch in batches_of(replace(part, kinds=kinds)).epoch(0, as_inputs):
        assert batch.kinds.tolist() == kinds[batch.items].tolist()
        assert batch.kinds.dtype == np.int8


def test_clips_whose_kind_is_not_given_are_curated(part: LabelledClips) -> None:
    noisy = replace(part, kinds=np.full(11, KINDS.index("noisy")))
    assert (part.rows([3, 1]) + noisy.rows([2])).kinds.tolist() == [0, 0, 2]


def test_no_clip_is_always_the_one_that_is_left_out(part: LabelledClips) -> None:
    batches = batches_of(part)
    seen = [set(np.concatenate([b.items for b in batches.epoch(e, as_inputs=False)]).tolist()) for e in range(12)]
    assert set.union(*seen) == set(range(11))
    assert len({frozenset(items) for items in seen}) > 5


def test_batch_size_above_the_number_of_clips_gives_one_batch_of_all(part: LabelledClips) -> None:
    batches = batches_of(part, replace(RECIPE, batch_size=64))
    (batch,) = batches.epoch(0)
    assert sorted(batch.items) == list(range(11))
    assert len(batches) == 1


@pytest.mark.parametrize("name", ["none", "all of them"])
@pytest.mark.parametrize("training", [True, False])
def test_epoch_is_the_same_for_any_number_of_workers_and_a_batch_when_made_alone(
    name: str, training: bool, part: LabelledClips
) -> None:
    recipe = replace(RECIPE, augment=AUGMENTATIONS[name], batch_size=2)
    batches = batches_of(part, recipe, training=training, mixup=0.4)
    for epoch in (0, 3):
        numbers = (len(batches) - 1, 0, 1)
        alone = [batches_of(part, recipe, training=training, mixup=0.4).input_batch(epoch, n) for n in numbers]
        for workers in (1, 2, 5):
            made = list(batches.epoch(epoch, workers=workers))
            assert all(same(made[n], batch) for n, batch in zip(numbers, alone, strict=True))


def test_epochs_and_seeds_differ_in_order_crops_and_masks(part: LabelledClips) -> None:
    recipe = replace(RECIPE, augment=(Mask("time", 3),))
    first = next(batches_of(part, recipe).epoch(0))
    for other in (next(batches_of(part, recipe).epoch(1)), next(batches_of(part, recipe, seed=8).epoch(0))):
        assert not np.array_equal(first.items, other.items)
        assert not np.array_equal(first.values, other.values)
    assert same(first, next(batches_of(part, recipe).epoch(0)))


def test_draws_of_a_batch_are_not_those_of_the_order_or_of_another_batch(part: LabelledClips) -> None:
    """NumPy gives one stream for the seeds (7, 0) and (7, 0, 0)."""
    batches = batches_of(part)
    order = np.random.default_rng((7, 0)).random(4)
    drawn = [batch.rng.random(4) for batch in batches.epoch(0, as_inputs=False)]
    fresh = [batches._draw_crops(0, number, np.arange(8))[1] for number in (0, 1)]
    every = np.concatenate([order, *drawn, *fresh])
    assert len(set(every.tolist())) == len(every)


def test_inputs_are_log_mels_of_the_drawn_crops(part: LabelledClips) -> None:
    for whole_frames in (True, False):
        batches = batches_of(part, replace(RECIPE, whole_frames=whole_frames))
        waveforms = list(batches.epoch(2, as_inputs=False))
        for batch, wanted in zip(batches.epoch(2), waveforms, strict=True):
            np.testing.assert_array_equal(batch.items, wanted.items)
            for spectrogram, waveform in zip(batch.values, wanted.values, strict=True):
                np.testing.assert_allclose(spectrogram[0], log_mel(waveform, SETTINGS), rtol=0, atol=1e-3)


def test_crops_are_drawn_over_the_whole_of_a_clip(clip_of: ClipOf) -> None:
    ramp = np.linspace(0, 1, 6000, dtype=np.float32)
    part = LabelledClips([clip_of("ramp.wav", ramp, RATE)] * 200, np.ones((200, 1), np.float32))
    for whole_frames, places in ((True, 1 + 4000 // 128), (False, 100)):
        recipe = replace(RECIPE, whole_frames=whole_frames, batch_size=200)
        (batch,) = batches_of(part, recipe).epoch(0, as_inputs=False)
        starts = np.rint(batch.values[:, 0] * 5999).astype(int)
        assert starts.min() < 200
        assert starts.max() > 3800
        assert len(set(starts.tolist())) > 0.9 * places
        assert (starts % 128 == 0).all() == whole_frames


# Balance


@pytest.mark.parametrize(("balance", "share"), [(0.0, 0.1), (1.0, 0.5), (2.0, 0.9)])
def test_balance_draws_rare_labels_more_often(balance: float, share: float) -> None:
    """Of 200 clips 20 have the rare label; drawn by their number to the power of −balance."""
    targets = np.repeat(np.eye(2, dtype=np.float32), (180, 20), axis=0)
    part = LabelledClips([Clip("a", None, 0, 1, True)] * 200, targets)  # type: ignore[arg-type]
    batches = Batches(part, replace(RECIPE, balance=balance), RECIPE.stages[0], 1, training=True)
    orders = np.stack([batches._order(epoch) for epoch in range(50)])
    assert orders.shape == (50, 200)
    rare = (orders >= 180).mean()
    assert rare == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / orders.size))  # four deviations
    assert all(len(set(order.tolist())) == 200 for order in orders) == (balance == 0)
    held_out = Batches(part, replace(RECIPE, balance=balance), RECIPE.stages[0], 1, training=False)
    assert held_out._order(0).tolist() == list(range(200))


def test_a_clip_counts_by_its_rarest_label_and_one_without_labels_as_the_commonest() -> None:
    targets = np.zeros((100, 3), dtype=np.float32)
    targets[:80, 0] = 1
    targets[70:80, 1] = 1  # these ten are drawn as often as each of ten
    part = LabelledClips([Clip("a", None, 0, 1, True)] * 100, targets)  # type: ignore[arg-type]
    probabilities = Batches(part, replace(RECIPE, balance=1.0), RECIPE.stages[0], 1, training=True)._probabilities
    assert probabilities is not None
    assert probabilities.sum() == pytest.approx(1)
    np.testing.assert_allclose(probabilities[70:80] / probabilities[0], 8, rtol=1e-5)
    np.testing.assert_allclose(probabilities[80:] / probabilities[0], 1, rtol=1e-5)


# Held-out clips

EVERYTHING = replace(RECIPE, augment=AUGMENTATIONS["all of them"], balance=1.0)


def test_held_out_clips_come_in_order_without_augmentation_and_the_same_in_every_epoch(part: LabelledClips) -> None:
    batches = batches_of(part, EVERYTHING, training=False, mixup=0.4)
    assert len(batches) == 2  # of eight and of three
    for epoch in (0, 1, 9):
        made = list(batches.epoch(epoch, workers=2))
        assert np.concatenate([batch.items for batch in made]).tolist() == list(range(11))
        np.testing.assert_array_equal(np.concatenate([batch.targets for batch in made]), part.targets)
        inputs = np.concatenate([batch.values for batch in made])[:, 0]
        for spectrogram, waveform in zip(inputs, sounds(), strict=True):
            np.testing.assert_array_equal(spectrogram, log_mel(fit_length(waveform, SETTINGS), SETTINGS))
        waveforms = np.concatenate([batch.values for batch in batches.epoch(epoch, as_inputs=False)])
        np.testing.assert_array_equal(waveforms, [fit_length(waveform, SETTINGS) for waveform in sounds()])


def test_held_out_clips_of_a_recipe_that_augments_them_are_cropped_and_masked_but_not_mixed_or_lit(
    part: LabelledClips,
) -> None:
    batches = batches_of(part, replace(EVERYTHING, augment_held_out=True), training=False, mixup=0.4)
    masks = tuple(item for item in EVERYTHING.augment if isinstance(item, Mask | RandomResizedCrop))
    only = batches_of(part, replace(RECIPE, augment=masks, augment_held_out=True), training=False)
    for epoch in (0, 1):
        for batch, wanted in zip(batches.epoch(epoch), only.epoch(epoch), strict=True):
            assert same(batch, wanted)
            np.testing.assert_array_equal(batch.targets, part.targets[batch.items])
    first, second = (np.concatenate([batch.values for batch in batches.epoch(epoch)]) for epoch in (0, 1))
    assert not np.array_equal(first, second)  # drawn anew, as fastaudio does


def test_masks_of_held_out_clips_are_of_the_recipes_width(clip_of: ClipOf) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, SETTINGS.clip_samples).astype(np.float32)
    part = LabelledClips(
        [clip_of("exact.wav", noise, RATE)], np.ones((1, 1), np.float32)
    )  # as long as a crop: only one
    plain = log_mel(noise, SETTINGS)
    batches = batches_of(part, replace(RECIPE, augment=(Mask("time", 5),), augment_held_out=True), training=False)
    starts = set()
    for epoch in range(12):
        (batch,) = batches.epoch(epoch)
        masked = batch.values[0, 0]
        strip = np.flatnonzero((masked != plain).all(axis=0))
        starts.add(int(strip[0]))
        assert strip.tolist() == list(range(strip[0], strip[0] + 5))
        np.testing.assert_allclose(masked[:, strip], plain.mean(), rtol=1e-5)
        np.testing.assert_array_equal(np.delete(masked, strip, axis=1), np.delete(plain, strip, axis=1))
    assert len(starts) > 3


# Augmentation


def test_augmentations_go_to_their_places_in_the_order_of_the_recipe() -> None:
    chain = Chain.of(AUGMENTATIONS["all of them"], mixup=0.4)
    assert chain.on_waveforms == (Gain(), Noise())
    assert chain.on_log_mels == (Mask("mel", 4), RandomResizedCrop(), Mask("time", 4))
    assert chain.on_network_inputs == (Lighting(), SigmoidMixer(p=0.5), SpecMix(4, 4), MixUp(0.4))
    assert Chain.of((), mixup=0.0) == Chain()
    assert Chain.of((SigmoidMixer(domain="waveform"),), 0.0).on_waveforms == (SigmoidMixer(domain="waveform"),)
    assert Chain.of((Mask("time", 2), Mask("time", 2)), 0.0).on_log_mels == (Mask("time", 2),) * 2
    assert chain.held_out() == Chain(on_log_mels=chain.on_log_mels)
    assert Chain.of((Shift("time"), Overlay(), Mask("mel", 4)), 0.4).held_out() == Chain(
        on_log_mels=(Shift("time"), Mask("mel", 4))
    )


def test_stage_may_leave_out_augmentations_of_the_recipe(part: LabelledClips) -> None:
    light = Stage("curated", 1, 1e-3, without=("overlay", "mask"))
    recipe = replace(RECIPE, augment=(Gain(p=1.0), Overlay(p=1.0), Mask("mel", 4)), stages=(FIRST, light))
    assert [[each.kind for each in recipe.augment_of(stage)] for stage in recipe.stages] == [
        ["gain", "overlay", "mask"],
        ["gain"],
    ]
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert ["without" in values for values in recipe.to_dict()["stages"]] == [False, True]
    plain = replace(RECIPE, augment=(Gain(p=1.0),))
    found, wanted = (Batches(part, each, each.stages[-1], 7, True).input_batch(0, 0) for each in (recipe, plain))
    np.testing.assert_array_equal(found.values, wanted.values)
    np.testing.assert_array_equal(found.targets, wanted.targets)
    whole = Batches(part, recipe, FIRST, 7, True).input_batch(0, 0)
    assert not np.array_equal(whole.targets, found.targets)


def test_width_of_a_stages_inputs_is_that_of_its_own_augmentations() -> None:
    whole = Stage("curated", 1, 1e-3, without=("crop",))
    recipe = replace(RECIPE, augment=(TimeCrop(9),), stages=(FIRST, whole))
    assert [recipe.frames_of(stage) for stage in recipe.stages] == [9, SETTINGS.frames]


def test_mixup_mixes_inputs_and_targets_with_the_same_weights(part: LabelledClips) -> None:
    plain, mixed = batches_of(part), batches_of(part, mixup=0.4)
    mixtures = 0
    for epoch in range(4):
        for batch, before in zip(mixed.epoch(epoch), plain.epoch(epoch), strict=True):
            np.testing.assert_array_equal(batch.items, before.items)
            weights = batch.targets[:, batch.items]  # row: how much of each clip of the batch
            np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-6)
            assert (weights.diagonal() >= 0.5).all()  # its own is the louder
            np.testing.assert_allclose(batch.values, np.tensordot(weights, before.values, 1), rtol=1e-4, atol=1e-3)
            mixtures += np.count_nonzero((weights > 0.01).sum(1) == 2)
    assert mixtures > 10


def test_no_mixup_leaves_targets_alone(part: LabelledClips) -> None:
    for batch in batches_of(part, replace(RECIPE, augment=(Mask("mel", 4), Lighting())), mixup=0.0).epoch(0):
        np.testing.assert_array_equal(batch.targets, part.targets[batch.items])


def test_gain_changes_the_whole_log_mel_by_the_same_level(part: LabelledClips) -> None:
    louder = batches_of(part, replace(RECIPE, augment=(Gain(6.0, 6.0), Mask("time", 3))))
    plain = batches_of(part, replace(RECIPE, augment=(Gain(0.0, 0.0), Mask("time", 3))))
    for batch, before in zip(louder.epoch(0), plain.epoch(0), strict=True):
        np.testing.assert_allclose(batch.values, before.values + 6, rtol=0, atol=2e-3)


def test_noise_is_added_before_the_log_mel_and_fills_what_silence_leaves(clip_of: ClipOf) -> None:
    short = LabelledClips([clip_of("short.wav", sounds()[5][:600], RATE)] * 4, np.ones((4, 1), np.float32))
    (plain,) = batches_of(short, replace(RECIPE, augment=(Gain(0, 0),))).epoch(0)
    (noisy,) = batches_of(short, replace(RECIPE, augment=(Noise(20, 20, p=1.0),))).epoch(0)
    silent = plain.values < plain.values.max((1, 2, 3), keepdims=True) - SETTINGS.top_db + 0.01
    assert silent.mean() > 0.2
    assert (noisy.values[silent] > plain.values[silent] + 10).all()
    loud = plain.values > plain.values.max() - 10
    np.testing.assert_allclose(noisy.values[loud], plain.values[loud], rtol=0, atol=6)


def test_normalising_by_the_batch_comes_after_masks_and_before_lighting_and_mixup(part: LabelledClips) -> None:
    recipe = replace(RECIPE, spectrogram=SETTINGS.with_changes(normalise="batch"), augment=(Mask("time", 3),))
    for batch in batches_of(part, recipe).epoch(0):
        assert batch.values.mean() == pytest.approx(0, abs=1e-3)
        assert batch.values.std() == pytest.approx(1, abs=1e-3)
    (lit, *_) = batches_of(part, replace(recipe, augment=(*recipe.augment, Lighting(0.5, p=1.0)))).epoch(0)
    assert abs(lit.values.mean()) > 0.02
    assert abs(lit.values.std() - 1) > 0.02


def test_stage_size_resizes_inputs_of_training_and_held_out_clips(part: LabelledClips) -> None:
    for training in (True, False):
        for batch in batches_of(part, training=training, size=40).epoch(0):
            assert batch.values.shape[1:] == (1, 40, 40)
    settings = SETTINGS.with_changes(resize=40)
    (first, *_) = batches_of(part, training=False, size=40).epoch(0)
    wanted = network_input(log_mel(fit_length(sounds()[0], SETTINGS), SETTINGS), settings)
    np.testing.assert_allclose(first.values[0], wanted, rtol=0, atol=1e-5)


# The device's path


def on_device(batches: Batches, epoch: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Inputs and targets as `audiotag.training.backend.callbacks` computes them from waveforms with torch."""
    settings, chain = batches.settings, batches.chain
    to_log_mel, finish = LogMel(settings), NetworkInput(settings)
    made = []
    for batch in batches.epoch(epoch, as_inputs=False):
        values, targets, rng = torch.from_numpy(batch.values), torch.from_numpy(batch.targets), batch.rng
        values, targets = apply_all(chain.on_waveforms, values, targets, rng)
        log_mels, targets = apply_all(chain.on_log_mels, to_log_mel(values)[:, None], targets, rng)
        inputs, targets = apply_all(chain.on_network_inputs, finish(log_mels[:, 0]), targets, rng)
        made.append((inputs.numpy(), targets.numpy()))
    return made


@pytest.mark.parametrize("normalise", ["none", "batch", "clip"])
@pytest.mark.parametrize(("name", "training"), [*((name, True) for name in AUGMENTATIONS), ("all of them", False)])
def test_device_and_cpu_give_the_same_inputs_and_targets(
    name: str, normalise: Any, training: bool, part: LabelledClips
) -> None:
    settings = SETTINGS.with_changes(normalise=normalise, deltas=1, resize=24)
    recipe = replace(RECIPE, augment=AUGMENTATIONS[name], spectrogram=settings, augment_held_out=True)
    batches = batches_of(part, recipe, training=training, mixup=0.3)
    for epoch in (0, 1):
        there = on_device(batches, epoch)
        for batch, (inputs, targets) in zip(batches.epoch(epoch), there, strict=True):
            np.testing.assert_allclose(inputs, batch.values, rtol=0, atol=0.01)
            np.testing.assert_allclose(targets, batch.targets, rtol=0, atol=1e-6)


# Threads


def working_threads() -> int:
    return sum(thread.name.startswith("batches") for thread in threading.enumerate())


def test_epoch_that_is_closed_early_leaves_no_thread_behind(
    part: LabelledClips, wait_until: Callable[..., None]
) -> None:
    epoch = batches_of(part, replace(RECIPE, batch_size=2)).epoch(0, workers=3)
    next(epoch)
    assert working_threads() > 0
    epoch.close()  # type: ignore[attr-defined]
    wait_until(lambda: working_threads() == 0, 10)


def test_epoch_that_is_abandoned_or_complete_leaves_no_thread_behind(
    part: LabelledClips, wait_until: Callable[..., None]
) -> None:
    batches = batches_of(part, replace(RECIPE, batch_size=2))
    for _ in batches.epoch(0, workers=2):
        break
    list(batches.epoch(0, workers=2))
    wait_until(lambda: working_threads() == 0, 10)


def test_batches_are_made_only_a_little_ahead(part: LabelledClips, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = batches_of(part, replace(RECIPE, batch_size=2))
    made = []
    make = Batches._make_inputs
    monkeypatch.setattr(Batches, "_make_inputs", lambda *given: made.append(given[2]) or make(*given))
    epoch = batches.epoch(0, workers=1)
    next(epoch)
    epoch.close()  # type: ignore[attr-defined]
    assert len(made) <= 3 < len(batches)


@pytest.mark.parametrize("inputs", [True, False])
def test_missing_file_raises_where_the_batch_is_used(
    inputs: bool, part: LabelledClips, wait_until: Callable[..., None]
) -> None:
    part.clips[3].path.unlink()
    with pytest.raises(AudiotagError, match=r"3\.wav does not exist"):
        for _ in batches_of(part, training=False).epoch(0, inputs, workers=2):
            pass
    wait_until(lambda: working_threads() == 0, 10)


@pytest.mark.parametrize(("cores", "gpu"), [(None, 1), (1, 1), (2, 1), (8, 4), (64, MAX_WORKERS)])
def test_a_gpu_gets_half_the_cores_and_the_cpu_one(
    cores: int | None, gpu: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.cpu_count", lambda logical: cores)
    assert (workers_for("cpu"), workers_for("cuda"), workers_for("mps")) == (1, gpu, gpu)
