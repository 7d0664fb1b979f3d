"""Make the batches of a training, ahead of time in threads.

All randomness follows from (seed, epoch, batch): any batch can be made again, alone, and an epoch is the same however
it is loaded. For a CPU the network inputs are made here, in NumPy; for a GPU only the waveforms, which
`audiotag.training.backend.callbacks.InputsOnDevice` takes through the same steps on the device. They are read from the
sounds, or copied from `audiotag.training.packed_waveforms` as integers. Crops that are cut from the spectrograms of
whole clips are made here for a GPU too, because a whole clip is longer than what the network gets. The Train page shows
`Batches.input_batch`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from audiotag.augmentation.chain import Chain, apply_all
from audiotag.features.crop_features import crop_features
from audiotag.features.log_mel import Scale, network_inputs
from audiotag.features.settings import SpectrogramSettings
from audiotag.remote.ahead import FetchAhead
from audiotag.training.ahead import make_ahead
from audiotag.training.clips import KINDS, LabelledClips
from audiotag.training.frame_cache import FrameCache, random_start
from audiotag.training.negatives import draw_negatives, negative_places
from audiotag.training.recipe import Recipe
from audiotag.training.stage import Stage
from audiotag.training.whole_clip_cache import WholeClipCache

if TYPE_CHECKING:  # it loads numba, which pages do without
    from audiotag.training.packed_waveforms import PackedWaveforms

MAX_WORKERS = 8

Allocate = Callable[[tuple[int, ...], Any], np.ndarray]


@dataclass(frozen=True)
class Batch:
    """One batch.

    Attributes
    ----------
    values : numpy.ndarray, float32 or int16
        Network inputs, shape ``(batch, channels, height, width)``, or waveforms, ``(batch, clip_samples)``.
    targets : numpy.ndarray, shape=(batch, labels), float32
    items : numpy.ndarray, shape=(batch,), int
        Rows of the clips.
    rng : numpy.random.Generator
        The generator for the augmentation that is still to be applied.
    kinds : numpy.ndarray, shape=(batch,), int8
        The number in `audiotag.training.clips.KINDS` of the kind of each clip.
    scales : numpy.ndarray, shape=(batch,), float32, or None
        What waveforms of integers must be multiplied by; None for floats.
    """

    values: np.ndarray
    targets: np.ndarray
    items: np.ndarray
    rng: np.random.Generator
    kinds: np.ndarray
    scales: np.ndarray | None = None


class Batches:
    """The batches of some clips, epoch after epoch.

    Parameters
    ----------
    labelled : LabelledClips
    recipe : Recipe
    stage : Stage
    seed : int
    training : bool
        If false, the clips are held out: they come in their order, as middle crops without augmentation, unless the
        recipe augments held-out clips too.
    packed : PackedWaveforms, optional
        Where waveforms are copied from if it has all these clips; without it they are read from the sounds.
    negatives : LabelledClips, optional
        Sounds that have the recipe's share of each training batch; by default there are none.
    """

    def __init__(
        self,
        labelled: LabelledClips,
        recipe: Recipe,
        stage: Stage,
        seed: int,
        training: bool,
        packed: PackedWaveforms | None = None,
        negatives: LabelledClips | None = None,
    ) -> None:
        self.drawn = self.drawn_clips = recipe.clips_per_epoch(stage, len(labelled.clips))
        self._probabilities = _probabilities(labelled, stage, recipe.balance) if training else None
        self.negatives = 0
        if training and negatives is not None and (asked := recipe.negatives_of(stage)):
            self.negatives, labelled = len(negatives.clips), labelled + negatives
            self.drawn = asked.items_per_epoch(self.drawn_clips)
        self.labelled, self.recipe, self.stage, self.seed, self.training = labelled, recipe, stage, seed, training
        self.settings: SpectrogramSettings = recipe.spectrogram_of(stage)
        chain = Chain.of(recipe.augment_of(stage), stage.mixup)
        held_out = chain.held_out() if recipe.augment_held_out else Chain()
        self.chain = chain if training else held_out
        self.crops_at_random = training or recipe.augment_held_out
        self.size = min(recipe.batch_size, self.drawn) if training else 2 * recipe.batch_size
        self.frames: FrameCache | WholeClipCache = (
            WholeClipCache(labelled.clips, self.settings)
            if self.settings.crop == "spectrogram"
            else FrameCache(labelled.clips, self.settings, recipe.whole_frames)
        )
        self._packed = packed if packed is not None and packed.has(labelled.clips) else None
        self._packed_rows = self._packed.rows_of(labelled.clips) if self._packed else np.empty(0, np.int64)

    def __len__(self) -> int:
        """Batches per epoch; in training an incomplete last batch is left out."""
        return self.drawn // self.size if self.training else -(-len(self.labelled.clips) // self.size)

    def epoch(
        self, epoch: int, as_inputs: bool = True, workers: int = 1, allocate: Allocate = np.empty
    ) -> Iterator[Batch]:
        """Iterate over the batches of an epoch; some are made ahead while others are used.

        Parameters
        ----------
        epoch : int
            From 0.
        as_inputs : bool
            Make network inputs; otherwise only waveforms.
        workers : int
            Threads.
        allocate : callable(shape, dtype)
            Makes the arrays of waveforms; those for a GPU are in memory that it can copy from by itself.
        """
        order = self._order(epoch)
        is_cached = epoch > 0 and as_inputs and not self._starts_from_waveforms
        reads_sounds = self._packed is None and not is_cached
        ahead = FetchAhead([self.labelled.clips[item].path for item in order] if reads_sounds else [])

        def make_batch(number: int) -> Batch:
            ahead.reached((number + 1) * self.size)
            if as_inputs:
                return self._make_inputs(epoch, number, order)
            return self._make_waveforms(epoch, number, order, allocate)

        return make_ahead(make_batch, len(self), workers)

    def input_batch(self, epoch: int, number: int) -> Batch:
        """One batch of network inputs; ``epoch`` and ``number`` from 0."""
        return self._make_inputs(epoch, number, self._order(epoch))

    def _order(self, epoch: int) -> np.ndarray:
        count = len(self.labelled.clips) - self.negatives
        if not self.training:
            return np.arange(count)
        rng = np.random.default_rng((self.seed, epoch))
        clips = self._draw_clips(rng, count)
        if not self.negatives:
            return clips
        is_negative = negative_places(self.drawn, self.drawn - self.drawn_clips)
        order = np.empty(self.drawn, int)
        order[~is_negative] = clips
        order[is_negative] = count + draw_negatives(rng, int(is_negative.sum()), self.negatives)
        return order

    def _draw_clips(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Rows of an epoch's clips, without the negatives."""
        if self._probabilities is None:
            if self.stage.draws:
                return rng.integers(count, size=self.drawn_clips)
            passes = [rng.permutation(count) for _ in range(0, self.drawn_clips, count)]
            return np.concatenate(passes)[: self.drawn_clips]
        return rng.choice(count, self.drawn_clips, p=self._probabilities)

    def pools_of(self, items: np.ndarray) -> np.ndarray | None:
        """The pool of each of these clips, where the stage draws from several: mixers then stay within a pool.

        Negatives are a pool of their own.
        """
        if self.stage.pools is None and not self.negatives:
            return None
        pools = self.labelled.kinds[items].astype(int) if self.stage.pools else np.zeros(len(items), int)
        is_negative = items >= len(self.labelled.clips) - self.negatives
        return np.where(is_negative, len(KINDS), pools)

    @property
    def _starts_from_waveforms(self) -> bool:
        """Whether each crop is read as a waveform, because nothing that is cached would do."""
        return bool(self.chain.on_waveforms) or self.settings.network_input == "waveform"

    def _draw_crops(
        self, epoch: int, number: int, order: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
        """Rows of a batch's clips, positions of their crops (0 to 1), and the generator for the augmentation."""
        items = order[number * self.size : (number + 1) * self.size]
        rng = np.random.default_rng((self.seed, epoch, number + 1))  # + 1: a 0 would give the order's generator
        return items, rng.random(len(items)) if self.crops_at_random else np.full(len(items), 0.5), rng

    def _make_inputs(self, epoch: int, number: int, order: np.ndarray) -> Batch:
        scales: list[Scale] | None = None
        if isinstance(self.frames, WholeClipCache):
            items, positions, rng = self._draw_crops(epoch, number, order)
            targets, pools = self.labelled.targets[items], self.pools_of(items)
            features, scales = self.frames.batch(items, positions, self.chain.on_waveforms, rng)
        elif self._starts_from_waveforms:
            batch = self._make_waveforms(epoch, number, order)
            items, rng, pools = batch.items, batch.rng, self.pools_of(batch.items)
            waveforms, targets = apply_all(self.chain.on_waveforms, batch.values, batch.targets, rng, pools)
            features = np.stack([crop_features(waveform, self.settings) for waveform in waveforms])
        else:
            items, positions, rng = self._draw_crops(epoch, number, order)
            targets, pools = self.labelled.targets[items], self.pools_of(items)
            if self.crops_at_random:
                features = self.frames.random_batch(items, positions)
            else:
                features = np.stack([self.frames.middle(i) for i in items])
        features, targets = apply_all(self.chain.on_log_mels, features[:, None], targets, rng, pools)
        inputs = network_inputs(features[:, 0], self.settings, scales)
        inputs, targets = apply_all(self.chain.on_network_inputs, inputs, targets, rng, pools)
        return Batch(inputs, targets, items, rng, self.labelled.kinds[items])

    def _make_waveforms(self, epoch: int, number: int, order: np.ndarray, allocate: Allocate = np.empty) -> Batch:
        items, positions, rng = self._draw_crops(epoch, number, order)
        settings, whole_frames = self.settings, self.recipe.whole_frames and self.crops_at_random
        clips = [self.labelled.clips[item] for item in items]
        starts = [
            random_start(clip, settings, at, whole_frames) for clip, at in zip(clips, positions.tolist(), strict=True)
        ]
        shape, scales = (len(items), settings.clip_samples), None
        if self._packed is not None:
            rows = self._packed_rows[items]
            waveforms, scales = allocate(shape, np.int16), self._packed.scales[rows]
            self._packed.crops(rows, np.array(starts, np.int64), settings, waveforms)
        else:
            waveforms = allocate(shape, np.float32)
            for row, (clip, start) in enumerate(zip(clips, starts, strict=True)):
                waveforms[row] = clip.crop(settings, start)
        return Batch(waveforms, self.labelled.targets[items], items, rng, self.labelled.kinds[items], scales)


def workers_for(device: str) -> int:
    """Threads that make batches: one if the network trains on the CPU and needs its cores; for a GPU half the cores."""
    cores = psutil.cpu_count(logical=False) or 1
    return 1 if device == "cpu" else max(1, min(MAX_WORKERS, cores // 2))


def _probabilities(labelled: LabelledClips, stage: Stage, balance: float) -> np.ndarray | None:
    """The probability that each clip is drawn; None where all clips are equally likely."""
    weights = _weights(labelled.targets, balance) if balance else None
    if stage.pools is not None:
        return stage.pools.draw_probabilities(labelled.kinds, weights)
    return None if weights is None else weights / weights.sum()


def _weights(targets: np.ndarray, balance: float) -> np.ndarray:
    """How often each clip is drawn in relation to the others: (clips of its rarest label) ** −balance."""
    counts = targets.sum(axis=0)
    rarest = np.where(targets > 0, counts, np.inf).min(axis=1)
    rarest[~np.isfinite(rarest)] = counts.max()  # a clip without a label counts as the most common
    return np.asarray(rarest**-balance)
