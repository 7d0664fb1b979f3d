"""Crops from the log-mels of whole clips, for settings with ``crop="spectrogram"``; whole log-mels stay in memory.

Floor and scaling of a crop are those of its whole clip. Where a clip's log-mel does not fit into memory, these are
measured once, and then only the frames of each crop are computed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

from audiotag.audio.streaming import LongSound
from audiotag.augmentation.base import Augmentation
from audiotag.augmentation.chain import apply_all
from audiotag.features.frame_stream import WholeFacts, facts_of, measure_whole, without_floor
from audiotag.features.log_mel import Scale, log_mel
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.whole_clip import WholeClip, crop_frame, cut_crop, cut_frames
from audiotag.training.clips import Clip
from audiotag.training.frame_cache import MAX_CACHED_S, cache_budget

MIDDLE = 0.5
BLOCK_S = 30.0  # of a long clip that are read at a time


class WholeClipCache:
    """Log-mels of crops in dB, shape ``(n_mels, frames)``, cut from those of whole clips.

    Parameters
    ----------
    clips : list of Clip
    settings : SpectrogramSettings
        With ``crop="spectrogram"``.
    budget_bytes : int, optional
        Size of the cache; by default a share of the free memory.
    """

    def __init__(self, clips: list[Clip], settings: SpectrogramSettings, budget_bytes: int | None = None) -> None:
        self.clips, self.settings = clips, settings
        self._without_floor = without_floor(settings)
        self._free_bytes = cache_budget() if budget_bytes is None else budget_bytes
        self._lock = threading.Lock()  # for a GPU, several threads make batches
        self._log_mels: dict[int, np.ndarray] = {}
        self._facts: dict[int, WholeFacts] = {}

    def random(self, item: int, at: float) -> np.ndarray:
        """The log-mel of the crop at ``at`` (0 to 1) of the clip in row ``item``; all whole frames are as likely."""
        if (whole := self._log_mels.get(item)) is not None:
            return cut_crop(whole, self.settings, at)
        if (facts := self._facts.get(item)) is not None and facts.frames > self.settings.frames:
            return self._part(item, facts, crop_frame(facts.frames, self.settings, at))
        clip = self.clips[item]
        if clip.samples > MAX_CACHED_S * self.settings.sample_rate:
            self._facts[item] = measure_whole(lambda: _blocks(clip, self.settings), self.settings)
            return self.random(item, at)
        return cut_crop(self._compute(item), self.settings, at)

    def middle(self, item: int) -> np.ndarray:
        """The log-mel of the clip's middle crop."""
        return self.random(item, MIDDLE)

    def batch(
        self, items: np.ndarray, positions: np.ndarray, on_waveforms: tuple[Augmentation, ...], rng: np.random.Generator
    ) -> tuple[np.ndarray, list[Scale]]:
        """The log-mels of crops, shape ``(batch, n_mels, frames)``, and the scales of their clips.

        Parameters
        ----------
        items : numpy.ndarray, shape=(batch,), int
            Rows of the clips.
        positions : numpy.ndarray, shape=(batch,)
            Of the crops, 0 to 1.
        on_waveforms : tuple of Augmentation
            Change the whole waveforms first, one by one; they are not mixers. Nothing is stored then.
        rng : numpy.random.Generator
            Of these augmentations.
        """
        places = list(zip(items, positions, strict=True))
        if not on_waveforms:
            return np.stack([self.random(*place) for place in places]), [self.scale(item) for item in items]
        wholes = [self._augmented(item, on_waveforms, rng) for item in items]
        crops = [cut_crop(whole.log_mel, self.settings, at) for whole, at in zip(wholes, positions, strict=True)]
        return np.stack(crops), [whole.scale for whole in wholes]

    def _augmented(self, item: int, augmentations: tuple[Augmentation, ...], rng: np.random.Generator) -> WholeClip:
        clip = self.clips[item]
        waveform = clip.read(0, clip.samples, self.settings)[None]
        waveform, _ = apply_all(augmentations, waveform, np.zeros((1, 1), np.float32), rng)
        return WholeClip.of(waveform[0], self.settings)

    def scale(self, item: int) -> Scale:
        """The scale of the clip in row ``item``, of which a crop was made before."""
        return self._facts[item].scale

    def _compute(self, item: int) -> np.ndarray:
        """The log-mel of a whole clip; it is stored where there is memory."""
        clip, settings = self.clips[item], self.settings
        values = WholeClip.of(clip.read(0, clip.samples, settings), settings).log_mel
        self._facts[item] = facts_of(values, settings)
        with self._lock:
            fits = values.nbytes <= self._free_bytes
            self._free_bytes -= values.nbytes if fits else 0
        if fits:
            self._log_mels[item] = values
        return values

    def _part(self, item: int, facts: WholeFacts, first: int) -> np.ndarray:
        """Frames ``first`` and after of a clip that is longer than a crop, computed from the samples around them."""
        settings, clip = self.settings, self.clips[item]
        hop, margin = settings.hop_length, -(-settings.n_fft // settings.hop_length)
        lead = min(first, margin)  # frames before these, which see the mirrored beginning of the part
        samples = clip.read((first - lead) * hop, min((first + settings.frames + margin) * hop, clip.samples), settings)
        if len(samples) < settings.fewest_samples:  # the file has become shorter
            samples = np.pad(samples, (0, settings.fewest_samples - len(samples)))
        values = np.maximum(log_mel(samples, self._without_floor), facts.floor_db)
        return cut_frames(values, lead, settings)


def _blocks(clip: Clip, settings: SpectrogramSettings) -> Iterator[np.ndarray]:
    """The trimmed clip at the settings' rate, block by block."""
    if clip.at_rate:
        size = int(BLOCK_S * settings.sample_rate)
        for first in range(0, clip.samples, size):
            yield clip.read(first, min(first + size, clip.samples), settings)
        return
    at = 0
    for block in LongSound(clip.path, settings.sample_rate, clip.name).blocks():
        yield block[max(clip.start - at, 0) : max(clip.end - at, 0)]
        at += len(block)
