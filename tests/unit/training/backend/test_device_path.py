"""A training step on a device asks for no value that the device computes, for which its queue would run empty.

torch's meta device has shapes and no values: whatever asks for one (``item``, ``cpu``, a mask as an index) is an error.
"""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.learner import Recorder
from fastai.optimizer import Lookahead

from audiotag.augmentation.additive_mixer import AdditiveMixer
from audiotag.augmentation.base import Augmentation
from audiotag.augmentation.equaliser import Equaliser
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
from audiotag.training.backend import callbacks as callbacks_module
from audiotag.training.backend.callbacks import EpochCallback
from audiotag.training.backend.foreach_optimiser import ForeachLookahead, ForeachOptimiser
from audiotag.training.backend.fused_adam import FusedAdam
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.backend.optimiser import ScheduleCallback
from audiotag.training.losses.base import LossesByKind
from audiotag.training.progress import FoldSplit
from audiotag.training.recipe import Recipe

from .tiny_folds import FIRST, LABELS, RECIPE, SETTINGS, Calls, recording

WAVEFORMS: tuple[Augmentation, ...] = (Gain(), Noise(p=1.0), Noise(p=1.0, colour="pink"), MixUp(domain="waveform"))
LOG_MELS: tuple[Augmentation, ...] = (
    Mask("time", 3), Mask("mel", 3, fill="minimum"), Shift("time"), Shift("mel", 2), Equaliser(),
    FreqMixStyle(p=1.0), Overlay(), MaskPairs(p=1.0), SpecMix(4, 4), Lighting(), RandomResizedCrop(p=1.0), TimeCrop(24),
)  # fmt: skip
INPUTS: tuple[Augmentation, ...] = (
    Zoom(p=1.0, max_factor=1.5), OneOfMixers((SigmoidMixer(), AdditiveMixer()), (0.6, 0.4), p=1.0),
)  # fmt: skip
RECIPES = {
    "as it is": RECIPE,
    "ranger": replace(RECIPE, optimiser="ranger"),
    "torch-adam": replace(RECIPE, optimiser="torch-adam", losses=LossesByKind(noisy="lsep")),
    "waveforms": replace(RECIPE, augment=WAVEFORMS),
    "log-mels": replace(RECIPE, augment=LOG_MELS),
    "network inputs": replace(
        RECIPE, augment=INPUTS, spectrogram=SETTINGS.with_changes(deltas=2, normalise="batch", resize=24)
    ),
    "range": replace(RECIPE, spectrogram=SETTINGS.with_changes(normalise="range", delta_filter="savitzky-golay")),
}


class StopAfter(Callback):
    """Ends the fit after so many batches, so that no epoch is measured, which does ask for values."""

    order = 90

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def after_batch(self) -> None:
        self.left -= 1
        if not self.left:
            raise CancelFitException


def train_on_meta(
    recipe: Recipe, split: FoldSplit, monkeypatch: pytest.MonkeyPatch, *callbacks: Callback
) -> tuple[FoldTrainer, StopAfter]:
    monkeypatch.setattr(callbacks_module, "PROGRESS_EVERY_S", np.inf)
    monkeypatch.setattr(torch, "autocast", lambda *device, **options: nullcontext())  # meta has none
    stage, trainer, stop = replace(FIRST, mixup=0.4), FoldTrainer(recipe, LABELS, 1, "meta"), StopAfter(2)
    train, valid = trainer._batches(split.train, stage, 1, True), trainer._batches(split.valid, stage, 1, False)
    epochs = EpochCallback(trainer.device, recording(Calls()), 0, lambda epoch: None, dict, [], 0)
    learner = trainer._learner(train, valid, [epochs, stop, *callbacks])
    with learner.no_bar(), learner.no_logging():
        learner.fit(1, 1e-3, cbs=ScheduleCallback(recipe, stage, []))
    if epochs.error is not None:
        raise epochs.error
    return trainer, stop


@pytest.mark.parametrize("name", list(RECIPES))
def test_training_step_asks_for_no_value_of_the_device(
    name: str, split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = np.arange(len(split.train.clips)) % 2
    trainer, stop = train_on_meta(RECIPES[name], replace(split, train=replace(split.train, kinds=kinds)), monkeypatch)
    assert stop.left == 0
    assert {weight.device.type for weight in trainer.network.parameters()} == {"meta"}


def test_step_that_asks_for_a_value_is_noticed(split: FoldSplit, monkeypatch: pytest.MonkeyPatch) -> None:
    """fastai's own recorder copies the loss to the CPU after each batch."""
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        train_on_meta(RECIPE, split, monkeypatch, Recorder())


def test_augmentations_of_a_device_are_all_there_are() -> None:
    from audiotag.augmentation.base import AUGMENTATIONS

    kinds = {augmentation.kind for augmentation in (*WAVEFORMS, *LOG_MELS, *INPUTS)} | {"sigmoid", "additive"}
    assert kinds | {"flip-labels"} == set(AUGMENTATIONS.names())  # flips need a network of their own


def test_each_device_has_the_optimiser_that_is_fast_on_it(split: FoldSplit) -> None:
    for device, name, kind in (
        ("cpu", "adam", FusedAdam),
        ("cpu", "ranger", Lookahead),
        ("meta", "adam", ForeachOptimiser),
        ("meta", "ranger", ForeachLookahead),
    ):
        trainer = FoldTrainer(replace(RECIPE, optimiser=name), LABELS, 1, device)  # type: ignore[arg-type]
        batches = trainer._batches(split.train, FIRST, 1, training=True)
        assert type(trainer._learner(batches, batches, []).opt) is kind
    assert torch.get_num_threads() == 1
