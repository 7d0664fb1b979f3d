"""Batches for training, made ahead by threads; all chance follows from (seed, epoch, batch), so any of them can be
made again, alone, and an epoch is the same however it is loaded.

For a CPU whole pictures are made here, in NumPy; for a GPU only the waveforms, and `audiotag.training.backend.learner` takes
them through the same steps on the device. The Train page shows what `Batches.picture_batch` gives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

from audiotag.augmentation.chain import Chain, apply_all
from audiotag.features.log_mel import network_inputs
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.clips import LabelledClips
from audiotag.training.frame_cache import FrameCache, random_start
from audiotag.training.recipe import Recipe, Stage

MOST_WORKERS = 8


@dataclass(frozen=True)
class Batch:
    """One batch, and the generator that goes on with its augmentation.

    Attributes
    ----------
    values : numpy.ndarray, float32
        Pictures, shape ``(batch, channels, height, width)``, or waveforms, ``(batch, clip_samples)``.
    targets : numpy.ndarray, shape=(batch, labels), float32
    items : numpy.ndarray
        Which of the part's clips.
    """

    values: np.ndarray
    targets: np.ndarray
    items: np.ndarray
    rng: np.random.Generator


class Batches:
    """A part's batches, epoch after epoch.

    Parameters
    ----------
    part : Part
    recipe : Recipe
    stage : Stage
    seed : int
    training : bool
        Held-out clips come in their order, whole-framed and as they are, unless the recipe augments them too.
    """

    def __init__(self, part: LabelledClips, recipe: Recipe, stage: Stage, seed: int, training: bool) -> None:
        self.part, self.recipe, self.stage, self.seed, self.training = part, recipe, stage, seed, training
        self.settings: SpectrogramSettings = recipe.spectrogram_of(stage)
        chain = Chain.of(recipe.augment, stage.mixup)
        held_out = chain.held_out() if recipe.augment_held_out else Chain()
        self.chain = chain if training else held_out
        self.at_random = training or recipe.augment_held_out
        self.size = min(recipe.batch_size, len(part.clips)) if training else 2 * recipe.batch_size
        self.frames = FrameCache(part.clips, self.settings, recipe.whole_frames)
        self._chances = _chances(part.targets, recipe.balance) if training and recipe.balance else None

    def __len__(self) -> int:
        """Batches of an epoch; in training an incomplete one at the end is left out."""
        clips = len(self.part.clips)
        return clips // self.size if self.training else -(-clips // self.size)

    def epoch(self, epoch: int, pictures: bool = True, workers: int = 1) -> Iterator[Batch]:
        """All batches of an epoch, from 0, some made ahead while others are used.

        Parameters
        ----------
        epoch : int
        pictures : bool
            Whether finished pictures are wanted, or waveforms.
        workers : int
            Threads.
        """
        order = self._order(epoch)
        make = self._pictures if pictures else self._waveforms
        return _ahead(lambda number: make(epoch, number, order), len(self), workers)

    def picture_batch(self, epoch: int, number: int) -> Batch:
        """One batch as the network gets it."""
        return self._pictures(epoch, number, self._order(epoch))

    def _order(self, epoch: int) -> np.ndarray:
        count = len(self.part.clips)
        if not self.training:
            return np.arange(count)
        rng = np.random.default_rng((self.seed, epoch))
        return rng.permutation(count) if self._chances is None else rng.choice(count, count, p=self._chances)

    def _begun(self, epoch: int, number: int, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
        """Which clips, where in them (0 to 1) and the generator, which has drawn that and goes on."""
        items = order[number * self.size : (number + 1) * self.size]
        rng = np.random.default_rng((self.seed, epoch, number + 1))  # with a 0 at the end it would be the order's
        return items, rng.random(len(items)) if self.at_random else np.full(len(items), 0.5), rng

    def _pictures(self, epoch: int, number: int, order: np.ndarray) -> Batch:
        if self.chain.on_waveforms:
            from audiotag.features.log_mel import log_mel

            begun = self._waveforms(epoch, number, order)
            items, rng = begun.items, begun.rng
            waveforms, targets = apply_all(self.chain.on_waveforms, begun.values, begun.targets, rng)
            log_mels = np.stack([log_mel(waveform, self.settings) for waveform in waveforms])
        else:
            items, places, rng = self._begun(epoch, number, order)
            targets = self.part.targets[items]
            if self.at_random:
                log_mels = np.stack([self.frames.random(i, at) for i, at in zip(items, places, strict=True)])
            else:
                log_mels = np.stack([self.frames.middle(i) for i in items])
        log_mels, targets = apply_all(self.chain.on_log_mels, log_mels[:, None], targets, rng)
        pictures = network_inputs(log_mels[:, 0], self.settings)
        pictures, targets = apply_all(self.chain.on_network_inputs, pictures, targets, rng)
        return Batch(pictures, targets, items, rng)

    def _waveforms(self, epoch: int, number: int, order: np.ndarray) -> Batch:
        items, places, rng = self._begun(epoch, number, order)
        settings, whole_frames = self.settings, self.recipe.whole_frames and self.at_random
        clips = [self.part.clips[item] for item in items]
        waveforms = np.stack(
            [
                clip.crop(settings, random_start(clip, settings, at, whole_frames))
                for clip, at in zip(clips, places, strict=True)
            ]
        )
        return Batch(waveforms, self.part.targets[items], items, rng)


def workers_for(device: str) -> int:
    """Threads that make batches: one beside a network on the CPU, which needs its cores; half the cores for a GPU."""
    cores = psutil.cpu_count(logical=False) or 1
    return 1 if device == "cpu" else max(1, min(MOST_WORKERS, cores // 2))


def _ahead(make: Callable[[int], Batch], count: int, workers: int) -> Iterator[Batch]:
    """``make(0)``, ``make(1)``, … in order, each begun a little before it is asked for."""
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        waiting: deque[Future[Any]] = deque(pool.submit(make, number) for number in range(min(workers + 1, count)))
        try:
            for number in range(len(waiting), count + len(waiting)):
                batch = waiting.popleft().result()
                if number < count:
                    waiting.append(pool.submit(make, number))
                yield batch
        finally:
            for future in waiting:
                future.cancel()


def _chances(targets: np.ndarray, balance: float) -> np.ndarray:
    """Each clip's chance to be drawn: (clips of its rarest label) ** −balance, scaled to a sum of 1."""
    counts = targets.sum(axis=0)
    rarest = np.where(targets > 0, counts, np.inf).min(axis=1)
    rarest[~np.isfinite(rarest)] = counts.max()  # a clip without a label is as common as can be
    chances = rarest**-balance
    return chances / chances.sum()
