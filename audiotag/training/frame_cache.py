"""Pictures of clips without computing the same frame twice, on a CPU, where a log-mel costs as much as it teaches.

A random crop that starts on a whole frame shares nearly all its frames with the other crops of its clip: each is
computed once and kept, and so are the few frames at a crop's ends, which see its mirrored edge. A crop is then a slice,
equal to the log-mel of its waveform. What does not fit into memory is computed anew each time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import psutil

from audiotag.features.log_mel import apply_floor, frames_in_db, log_mel, samples_before
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import crop_start
from audiotag.training.clips import Clip

MEMORY_SHARE = 0.15  # of what is free when training begins; a fold has up to three caches


def random_start(clip: Clip, settings: SpectrogramSettings, at: float, whole_frames: bool) -> int:
    """First sample of the crop at ``at`` (0 to 1) of a clip's spare sound, after its first kept one; negative: zeros.

    With ``whole_frames`` it is a multiple of the hop, all of them alike in chance.
    """
    spare = clip.samples - settings.clip_samples
    if not whole_frames:
        return crop_start(clip.samples, settings, at)
    if spare < 0 and settings.padding != "zeros":
        return 0
    places = abs(spare) // settings.hop_length + 1
    start = min(int(at * places), places - 1) * settings.hop_length
    return start if spare >= 0 else -start


@dataclass(frozen=True)
class ClipFrames:
    """A clip's frames in dB without a floor.

    Attributes
    ----------
    inner : numpy.ndarray, shape=(n_mels, frames of the whole clip), zeros around it where it is short
    edges : numpy.ndarray, shape=(starts, n_mels, edge frames)
    """

    inner: np.ndarray
    edges: np.ndarray

    @property
    def nbytes(self) -> int:
        return self.inner.nbytes + self.edges.nbytes


class FrameCache:
    """Pictures in dB of clips, shape ``(n_mels, frames)``.

    Parameters
    ----------
    clips : list of Clip
    settings : SpectrogramSettings
    whole_frames : bool
        Whether random crops start on whole frames; only then are frames kept.
    budget_bytes : int, optional
        How much is kept; `MEMORY_SHARE` of the free memory where it is not given.
    """

    def __init__(
        self, clips: list[Clip], settings: SpectrogramSettings, whole_frames: bool, budget_bytes: int | None = None
    ) -> None:
        self.clips, self.settings, self.whole_frames = clips, settings, whole_frames
        self._left = int(MEMORY_SHARE * psutil.virtual_memory().available) if budget_bytes is None else budget_bytes
        self._frames: dict[int, ClipFrames] = {}
        self._middles: dict[int, np.ndarray] = {}
        offsets = np.arange(settings.frames) * settings.hop_length - samples_before(settings)
        inside = (offsets >= 0) & (offsets + settings.win_length <= settings.clip_samples)
        self._inside, self._edges = np.flatnonzero(inside), np.flatnonzero(~inside)

    def random(self, item: int, at: float) -> np.ndarray:
        """The crop at ``at``, 0 to 1."""
        clip, settings = self.clips[item], self.settings
        start = random_start(clip, settings, at, self.whole_frames)
        if not self.whole_frames or (frames := self._frames_of(item)) is None:
            return log_mel(clip.crop(settings, start), settings)
        place = abs(start) // settings.hop_length
        first = place if start >= 0 and clip.samples >= settings.clip_samples else len(frames.edges) - 1 - place
        picture = np.empty((settings.n_mels, settings.frames), dtype=np.float32)
        picture[:, self._inside] = frames.inner[:, first + self._inside]
        picture[:, self._edges] = frames.edges[first]
        return apply_floor(picture, settings)

    def middle(self, item: int) -> np.ndarray:
        """The middle of the clip, as the tagger sees it."""
        if (picture := self._middles.get(item)) is None:
            clip = self.clips[item]
            picture = log_mel(clip.crop(self.settings, crop_start(clip.samples, self.settings)), self.settings)
            if self._takes(picture.nbytes):
                self._middles[item] = picture
        return picture

    def _takes(self, size: int) -> bool:
        if size > self._left:
            return False
        self._left -= size
        return True

    def _frames_of(self, item: int) -> ClipFrames | None:
        if (frames := self._frames.get(item)) is None:
            if self._left <= 0:
                return None
            frames = self._computed(self.clips[item])
            if not self._takes(frames.nbytes):
                self._left = 0  # the clips that are kept are the first ones seen: no clip is computed to be thrown away
                return None
            self._frames[item] = frames
        return frames

    def _computed(self, clip: Clip) -> ClipFrames:
        settings = self.settings
        hop, length, before = settings.hop_length, settings.clip_samples, samples_before(settings)
        # The sound with all the zeros that any crop has before and after it; crops start at 0, hop, 2 hop, … of it.
        first = random_start(clip, settings, 1.0, True)
        places = abs(first) // hop + 1
        sound = np.zeros((places - 1) * hop + length, dtype=np.float32)
        kept = clip.read(0, len(sound), settings) if clip.samples >= length else clip.crop(settings, 0)
        sound[max(0, -first) :][: len(kept)] = kept  # fewer where the file has become shorter
        view = np.lib.stride_tricks.sliding_window_view
        around = np.pad(sound, (before, settings.win_length))
        inner = frames_in_db(view(around, settings.win_length)[::hop][: places - 1 + settings.frames], settings)
        edges = np.empty((places, len(self._edges), settings.win_length), dtype=np.float32)
        for place in range(places if len(self._edges) else 0):
            crop = sound[place * hop : place * hop + length]
            padded = np.pad(crop, (before, settings.win_length - before), mode="reflect")
            edges[place] = view(padded, settings.win_length)[self._edges * hop]
        flat = edges.reshape(-1, settings.win_length)
        in_db = frames_in_db(flat, settings) if len(flat) else np.empty((settings.n_mels, 0), dtype=np.float32)
        return ClipFrames(inner, in_db.reshape(settings.n_mels, places, len(self._edges)).transpose(1, 0, 2).copy())
