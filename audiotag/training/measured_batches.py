"""Measure how long a batch of each stage of a run takes, by training a few batches of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.training.clips import Clip
from audiotag.training.frame_cache import caches_of_sample
from audiotag.training.preparation import Report
from audiotag.training.progress import FoldSplit, TrainingCallbacks
from audiotag.training.recipe import Recipe
from audiotag.training.runs import SHARED_FOLD
from audiotag.training.session import Session
from audiotag.training.stage import Stage

if TYPE_CHECKING:
    from audiotag.training.packed_waveforms import PackedWaveforms

BATCHES, HELD_OUT_BATCHES = 4, 2  # of one measured epoch; the first batch of an epoch waits for its clips
FEW_BATCHES, FEW_HELD_OUT_BATCHES = 2, 1  # the same of a network that is costly on a CPU
MAX_EPOCHS, ENOUGH_S = 6, 4.0  # no epoch is begun after so many seconds: a slow device is measured by its first epoch
TRAINING_COST = 3  # multiply-accumulates of a training batch in relation to a held-out one
PACKED_CLIPS = 128  # of each subset, that are packed to measure how long all take
MAX_CPU_MACS = 400e9  # of one epoch of all that is measured on a CPU; two busy cores need about half a minute for them


@dataclass(frozen=True)
class Measurement:
    """What is measured for one or more stages.

    Attributes
    ----------
    number : int
        Of the stage that is trained for it, in the recipe, from 0.
    stage : Stage
    size : int
        At most so many clips are in a training batch.
    batches, held_out_batches : int
        Of one epoch.
    """

    number: int
    stage: Stage
    size: int
    batches: int = BATCHES
    held_out_batches: int = HELD_OUT_BATCHES

    @property
    def macs_per_clip(self) -> int:
        """Held-out inputs that cost as much as an epoch, for each clip of a batch."""
        return self.batches * TRAINING_COST + self.held_out_batches * 2


def plan_measurements(session: Session, device: str) -> list[Measurement]:
    """What is measured for each stage.

    Stages that differ in what costs no time, such as the learning rate, share a measurement. On a CPU, stages of a
    costly network share one if their inputs have the same size: what they draw from hardly matters then, and smaller
    batches are measured.
    """
    recipe, size = session.recipe, session.recipe.batch_size
    plain: dict[str, Any] = {"epochs": 1, "lr": 1e-3, "start": "weights", "schedule": None, "stop_after": 0}
    plan = _share(session, {number: replace(stage, **plain) for number, stage in session.stages}, size)
    if device != "cpu":
        return plan
    macs = {number: macs_per_input(recipe, stage, len(session.labels)) or 0 for number, stage in session.stages}
    if sum(macs[each.number] * size * each.macs_per_clip for each in set(plan)) <= MAX_CPU_MACS:
        return plan
    plan = _share(session, {number: recipe.spectrogram_of(stage) for number, stage in session.stages}, size)
    few = [replace(each, batches=FEW_BATCHES, held_out_batches=FEW_HELD_OUT_BATCHES) for each in plan]
    fits = MAX_CPU_MACS / len(set(few))
    return [
        replace(each, size=min(size, max(2, int(fits / (macs[each.number] * each.macs_per_clip or 1))))) for each in few
    ]


def _share(session: Session, kinds: dict[int, Any], size: int) -> list[Measurement]:
    """A measurement for each stage: stages of one kind share that of the last of them."""
    last = {repr(kinds[number]): (number, stage) for number, stage in session.stages}
    return [Measurement(*last[repr(kinds[number])], size) for number, _ in session.stages]


def measure_batches(
    session: Session, measurement: Measurement, device: str, report: Report
) -> list[tuple[float, float]]:
    """Median seconds of a training and a held-out batch, of the first epoch, which loads clips, and of later ones."""
    from audiotag.training.backend.learner import FoldTrainer

    number, stage, batches = measurement.number, measurement.stage, measurement.batches
    rows, held_out_rows = session.stage_rows(stage, SHARED_FOLD if stage.shared else session.folds[0])
    full_size = min(session.recipe.batch_size, max(2, len(rows)))
    size = min(full_size, measurement.size)
    train = session.sample(rows, batches * size)
    held_out = session.sample(held_out_rows, measurement.held_out_batches * 2 * size)
    repeated = np.resize(np.arange(len(train.clips)), batches * size)  # a small fold's clips more than once
    train = train.rows(repeated)
    batches_per_epoch = batches + math.ceil(len(held_out.clips) / (2 * size))
    step = f"Training a few batches of {stage.describe_clips()} clips"
    report(step, 0, batches_per_epoch)
    end_times: list[float] = []

    def must_stop() -> bool:  # asked at the end of each batch
        end_times.append(time.perf_counter())
        report(step, min(len(end_times), batches_per_epoch), batches_per_epoch)
        return len(end_times) % batches_per_epoch == 0 and end_times[-1] - began > ENOUGH_S

    callbacks = TrainingCallbacks(on_epoch=lambda *_: None, on_batch=lambda *_: None, must_stop=must_stop)
    recipe = replace(session.recipe, batch_size=size, fraction=1.0)
    draws = batches * size if stage.draws or stage.pools else 0
    few = replace(stage, epochs=MAX_EPOCHS, stop_after=0, draws=draws, min_clips=0)
    share = min(1.0, batches * size / max(1, len(rows)))
    with caches_of_sample(share), packed_sample(session, [*train.clips, *held_out.clips], device) as packed:
        trainer = FoldTrainer(recipe, session.labels, session.folds[0], device, packed)
        began = time.perf_counter()
        trainer.train(number, few, FoldSplit(train, held_out), callbacks)
    seconds = np.diff(np.reshape(end_times, (-1, batches_per_epoch))) * full_size / size
    return [
        (float(np.median(epochs[:, : batches - 1])), float(np.median(epochs[:, batches - 1 :])))
        for epochs in (seconds[:1], seconds[len(seconds) > 1 :])
    ]


def measure_packing(session: Session, device: str, report: Report) -> float:
    """Seconds that a run packs the waveforms of all its clips for, once; 0 where its crops are read from the sounds."""
    from audiotag.training.packed_waveforms import is_packed

    if not is_packed(session.recipe.spectrogram, device):
        return 0.0
    report("Packing the waveforms of a few clips", 0, 0)
    seconds = 0.0
    for subset in session.subsets:
        rows = session.rows(subset)
        clips = session.sample(rows, PACKED_CLIPS).clips
        began = time.perf_counter()
        with packed_sample(session, clips, device):
            seconds += (time.perf_counter() - began) / len(clips) * len(rows)
    return seconds


@contextmanager
def packed_sample(session: Session, clips: Sequence[Clip], device: str) -> Iterator[PackedWaveforms | None]:
    """The waveforms of a few clips, packed as a run packs those of all; None where it reads crops from the sounds."""
    from audiotag.training.packed_waveforms import is_packed, pack_waveforms

    settings = session.recipe.spectrogram
    if not is_packed(settings, device):
        yield None
        return
    folder = session.workspace.root / "waveforms"  # where a later run deletes what a killed process leaves
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="estimate-", dir=folder, ignore_cleanup_errors=True) as name:
        yield pack_waveforms(clips, settings, Path(name))


def macs_per_input(recipe: Recipe, stage: Stage, n_labels: int) -> int | None:
    """Multiply-accumulates of the network for one network input of a stage; None where they cannot be counted."""
    from audiotag.networks.cost import multiplications

    settings = recipe.spectrogram_of(stage)
    return multiplications(recipe.network, n_labels, (settings.channels, settings.height, recipe.frames_of(stage)))
