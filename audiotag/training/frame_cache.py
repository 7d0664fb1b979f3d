"""Log-mel spectrograms of random crops without computing a frame twice.

This is for a CPU, where computing the log-mel takes as long as the training step. A random crop that starts on a whole
frame shares nearly all its frames with the other crops of its clip. Each frame is computed once and stored; so are the
few frames at the ends of each crop, which contain its mirrored edge. A crop is then a slice, equal to the log-mel of
its waveform. Frames that do not fit into memory are computed each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import psutil

from audiotag.features.log_mel import apply_floor, frames_in_db, log_mel, samples_before
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import crop_start
from audiotag.training.clips import Clip

MAX_CACHED_S = 120.0  # of a clip; while the frames of a longer one are computed, they would take over 100 MB
MEMORY_SHARE = 0.15  # of the free memory when training begins; a fold has up to three caches
MAX_CACHE_BYTES = 2 << 30  # of one cache, so that a worker takes less than 8 GB whatever the dataset


_of_clips: ContextVar[float] = ContextVar("share of a training's clips that caches hold", default=1.0)


def cache_budget() -> int:
    """Bytes that a cache may take: `MEMORY_SHARE` of the free memory, but no more than `MAX_CACHE_BYTES`."""
    return int(_of_clips.get() * min(MAX_CACHE_BYTES, MEMORY_SHARE * psutil.virtual_memory().available))


@contextmanager
def caches_of_sample(share: float) -> Iterator[None]:
    """Caches that are made in the ``with`` block hold a sample of the clips, this share of all.

    They get this share of the memory: so much of the sample is computed each time as of all clips in a training.
    """
    before = _of_clips.set(share)
    try:
        yield
    finally:
        _of_clips.reset(before)


def random_start(clip: Clip, settings: SpectrogramSettings, at: float, whole_frames: bool) -> int:
    """The start of a random crop, in samples after the clip's first one; negative if the crop begins with zeros.

    Parameters
    ----------
    clip : Clip
    settings : SpectrogramSettings
    at : float
        Position within the possible starts, 0 to 1; drawn uniformly for a random crop.
    whole_frames : bool
        Whether the start is a multiple of the hop; all multiples are then equally likely.
    """
    spare = clip.samples - settings.clip_samples
    if not whole_frames:
        return crop_start(clip.samples, settings, at)
    if spare < 0 and settings.padding != "zeros":
        return 0
    starts = abs(spare) // settings.hop_length + 1
    start = min(int(at * starts), starts - 1) * settings.hop_length
    return start if spare >= 0 else -start


@dataclass(frozen=True)
class ClipFrames:
    """The frames of a clip in dB, without a floor.

    Attributes
    ----------
    inner : numpy.ndarray, shape=(n_mels, frames)
        Frames of the whole clip; a short clip has zeros around it.
    edges : numpy.ndarray, shape=(starts, n_mels, edge frames)
        The first and last frames of the crop at each start.
    """

    inner: np.ndarray
    edges: np.ndarray

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.inner.nbytes + self.edges.nbytes


class FrameCache:
    """Log-mel spectrograms of clips in dB, shape ``(n_mels, frames)``.

    Parameters
    ----------
    clips : list of Clip
    settings : SpectrogramSettings
    whole_frames : bool
        Whether random crops start on whole frames; only then are frames stored.
    budget_bytes : int, optional
        Size of the cache; by default that of `cache_budget`.
    """

    def __init__(
        self, clips: list[Clip], settings: SpectrogramSettings, whole_frames: bool, budget_bytes: int | None = None
    ) -> None:
        self.clips, self.settings, self.whole_frames = clips, settings, whole_frames
        self._free_bytes = cache_budget() if budget_bytes is None else budget_bytes
        self._frames: dict[int, ClipFrames] = {}
        self._middle_crops: dict[int, np.ndarray] = {}
        offsets = np.arange(settings.frames) * settings.hop_length - samples_before(settings)
        inside = (offsets >= 0) & (offsets + settings.win_length <= settings.clip_samples)
        self._edges, before = np.flatnonzero(~inside), int((offsets < 0).sum())
        self._inside = slice(before, before + int(inside.sum()))

    def random(self, item: int, at: float) -> np.ndarray:
        """The log-mel of the crop at ``at`` (0 to 1) of the clip in row ``item``."""
        return self.random_batch([item], [at])[0]

    def random_batch(self, items: Sequence[int] | np.ndarray, positions: Sequence[float] | np.ndarray) -> np.ndarray:
        """`random` of several clips, shape ``(items, n_mels, frames)``."""
        batch = np.empty((len(items), self.settings.n_mels, self.settings.frames), dtype=np.float32)
        for spectrogram, item, at in zip(batch, items, positions, strict=True):
            self._write(spectrogram, int(item), float(at))
        return batch

    def _write(self, spectrogram: np.ndarray, item: int, at: float) -> None:
        clip, settings = self.clips[item], self.settings
        start = random_start(clip, settings, at, self.whole_frames)
        if not self.whole_frames or (frames := self._frames_of(item)) is None:
            spectrogram[:] = log_mel(clip.crop(settings, start), settings)
            return
        hops = abs(start) // settings.hop_length
        first = hops if start >= 0 and clip.samples >= settings.clip_samples else len(frames.edges) - 1 - hops
        edges, inside = frames.edges[first], self._inside
        spectrogram[:, : inside.start] = edges[:, : inside.start]
        spectrogram[:, inside] = frames.inner[:, first + inside.start : first + inside.stop]
        spectrogram[:, inside.stop :] = edges[:, inside.start :]
        apply_floor(spectrogram, settings, out=spectrogram)

    def middle(self, item: int) -> np.ndarray:
        """The log-mel of the clip's middle crop, as the tagger computes it."""
        if (spectrogram := self._middle_crops.get(item)) is None:
            clip = self.clips[item]
            spectrogram = log_mel(clip.crop(self.settings, crop_start(clip.samples, self.settings)), self.settings)
            if self._reserve(spectrogram.nbytes):
                self._middle_crops[item] = spectrogram
        return spectrogram

    def _reserve(self, size: int) -> bool:
        """Whether so many bytes fit; if so, they are counted as used."""
        if size > self._free_bytes:
            return False
        self._free_bytes -= size
        return True

    def _frames_of(self, item: int) -> ClipFrames | None:
        if (frames := self._frames.get(item)) is None:
            clip = self.clips[item]
            if self._free_bytes <= 0 or clip.samples > MAX_CACHED_S * self.settings.sample_rate:
                return None
            frames = self._compute_frames(clip)
            if not self._reserve(frames.nbytes):
                self._free_bytes = 0  # full: from now on no clip's frames are computed that cannot be stored
                return None
            self._frames[item] = frames
        return frames

    def _compute_frames(self, clip: Clip) -> ClipFrames:
        settings = self.settings
        hop, length, before = settings.hop_length, settings.clip_samples, samples_before(settings)
        # The clip with all the zeros that any crop has before and after it; crops start at 0, hop, 2 hop, … of it.
        first = random_start(clip, settings, 1.0, True)
        starts = abs(first) // hop + 1
        sound = np.zeros((starts - 1) * hop + length, dtype=np.float32)
        samples = clip.read(0, len(sound), settings) if clip.samples >= length else clip.crop(settings, 0)
        sound[max(0, -first) :][: len(samples)] = samples  # fewer if the file has become shorter
        view = np.lib.stride_tricks.sliding_window_view
        padded_sound = np.pad(sound, (before, settings.win_length))
        inner = frames_in_db(view(padded_sound, settings.win_length)[::hop][: starts - 1 + settings.frames], settings)
        edges = np.empty((starts, len(self._edges), settings.win_length), dtype=np.float32)
        for start in range(starts if len(self._edges) else 0):
            crop = sound[start * hop : start * hop + length]
            padded = np.pad(crop, (before, settings.win_length - before), mode="reflect")
            edges[start] = view(padded, settings.win_length)[self._edges * hop]
        flat = edges.reshape(-1, settings.win_length)
        in_db = frames_in_db(flat, settings) if len(flat) else np.empty((settings.n_mels, 0), dtype=np.float32)
        return ClipFrames(inner, in_db.reshape(settings.n_mels, starts, len(self._edges)).transpose(1, 0, 2).copy())
