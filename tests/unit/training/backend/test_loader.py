"""Batches come as fastai wants them, and inputs computed on the device train as those of the CPU."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from audiotag.augmentation.gain import Gain
from audiotag.augmentation.lighting import Lighting
from audiotag.augmentation.mask import Mask
from audiotag.training.backend import learner as learner_module
from audiotag.training.backend.precision import precision_of
from audiotag.training.progress import FoldSplit

from .tiny_folds import CPU, FIRST, RECIPE, SECOND, SETTINGS, trained


def by_waveforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU behaves as a GPU: waveforms are loaded, and inputs are computed where the network is."""
    make = learner_module.BatchLoader.__init__

    def made(loader: Any, *given: Any) -> None:
        make(loader, *given)
        loader.makes_inputs = False

    monkeypatch.setattr(learner_module.BatchLoader, "__init__", made)


def test_training_from_waveforms_on_the_device_gives_what_inputs_from_the_cpu_give(
    split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = SETTINGS.with_changes(normalise="batch", resize=24)
    augment = (Gain(), Mask("time", 3), Mask("mel", 3), Lighting())
    recipe = replace(RECIPE, spectrogram=finished, augment=augment, augment_held_out=True)
    here = trained(split, recipe, lr=1e-4)
    by_waveforms(monkeypatch)
    there = trained(split, recipe, lr=1e-4)
    close = 2e-3 if precision_of(CPU) == "fp32" else 5e-2
    for mine, theirs in zip(here[1].epochs, there[1].epochs, strict=True):
        assert mine.train_loss == pytest.approx(theirs.train_loss, abs=close)
        assert mine.valid_loss == pytest.approx(theirs.valid_loss, abs=close)
    scores = [trainer.scores(split.valid, SECOND) for trainer, _ in (here, there)]
    np.testing.assert_allclose(*scores, rtol=0, atol=10 * close)


@pytest.mark.parametrize("waveforms", [False, True])
def test_batches_come_in_fastaudios_and_fastais_types(
    waveforms: bool, split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    if waveforms:
        by_waveforms(monkeypatch)
    from fastai.torch_core import TensorMultiCategory
    from fastaudio.core.signal import AudioTensor
    from fastaudio.core.spectrogram import AudioSpectrogram

    loader = learner_module.BatchLoader(learner_module.Batches(split.train, RECIPE, FIRST, 1, True), CPU)
    batches = list(loader)
    assert len(batches) == len(loader) == 2
    for values, targets in batches:
        assert type(values) is (AudioTensor if waveforms else AudioSpectrogram)
        assert type(targets) is TensorMultiCategory
        assert values.shape == ((6, SETTINGS.clip_samples) if waveforms else (6, 1, 16, 32))


def test_first_batches_of_the_next_epoch_are_made_ahead_and_are_the_same(
    split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    epoch = learner_module.Batches.epoch
    monkeypatch.setattr(
        learner_module.Batches,
        "epoch",
        lambda batches, number, *given: begun.append(number) or epoch(batches, number, *given),
    )

    def loader() -> Any:
        stage = replace(FIRST, epochs=2)
        return learner_module.BatchLoader(learner_module.Batches(split.train, RECIPE, stage, 1, True), CPU)

    ahead = loader()
    first = [batch.values for batch, _ in ahead.loaded_batches(0)]
    assert begun == [0, 1]
    second = [batch.values for batch, _ in ahead.loaded_batches(1)]
    assert begun == [0, 1]  # it was begun, and after the last epoch none is
    for number, batches in enumerate((first, second)):
        for found, wanted in zip(batches, loader().loaded_batches(number), strict=True):
            np.testing.assert_array_equal(found, wanted[0].values)


def test_batches_of_an_epoch_that_does_not_come_are_not_made(split: FoldSplit, wait_until: Callable[..., None]) -> None:
    batches = learner_module.Batches(split.train, RECIPE, replace(FIRST, epochs=2), 1, True)
    loader = learner_module.BatchLoader(batches, CPU)
    list(loader)
    loader.close()
    wait_until(lambda: not any(thread.name.startswith("batches") for thread in threading.enumerate()), 10)


def test_crops_of_whole_clips_are_made_by_the_cpu_for_a_gpu_too(split: FoldSplit) -> None:
    for crop, made in (("waveform", False), ("spectrogram", True)):
        recipe = replace(RECIPE, spectrogram=SETTINGS.with_changes(crop=crop))
        batches = learner_module.Batches(split.train, recipe, FIRST, 1, True)
        assert learner_module.BatchLoader(batches, torch.device("cuda")).makes_inputs == made


def test_a_network_trains_on_crops_of_whole_clips(split: FoldSplit) -> None:
    settings = SETTINGS.with_changes(crop="spectrogram", padding="minimum-or-repeat", normalise="range", min_s=0.1)
    recipe = replace(RECIPE, spectrogram=settings, augment=(Gain(), Mask("time", 3)))
    trainer, callbacks = trained(split, recipe)
    assert np.isfinite([epoch.train_loss for epoch in callbacks.epochs]).all()
    assert trainer.scores(split.valid, SECOND).shape == (7, split.valid.targets.shape[1])
