"""Cut the windows of a clip from the log-mel of the whole clip, for ensembles that were trained on such crops.

Floor and scaling are those of the whole clip, as in training. A clip that is not longer than a window has one: the crop
by which training measures it. Where the windows of a longer clip are is one of these rules; ``step`` is their distance:

- ``tiles``: one every ``step`` frames. Columns of the clip's minimum are added so that the last tile is full, half of
  them before the clip: as argus (https://github.com/lRomul/argus-freesound) does with a step of 128 or 64 of 256
  frames;
- ``spread``: so many that they are at most ``step`` frames apart, spread evenly from the first frame to the last: as
  the warm-up pipeline (https://github.com/ebouteillon/freesound-audio-tagging-2019) does with a step of 48 of 128
  frames;
- ``steps``: one every ``step`` frames that ends within the clip, so the last frames may not be seen: as
  https://github.com/mnpinto/audiotagging2019 does with a step of a whole window;
- ``steps-padded``: one every ``step`` frames, the last ones filled up after the clip: as the baseline of DCASE 2019
  task 2 does with a step of half a window.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from audiotag.audio.levels import SILENCE_DBFS, peak_dbfs
from audiotag.augmentation.mask import Mask
from audiotag.features.frame_stream import WholeFacts
from audiotag.features.log_mel import network_inputs
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.whole_clip import crop_frame, cut_frames
from audiotag.tagging.settings import TagSettings, WindowRule


def window_frames(frames: int, window: int, step: int, rule: WindowRule = "tiles") -> list[int]:
    """The first frame of each window of a clip; windows may begin before the clip and end after it.

    Parameters
    ----------
    frames : int
        Of the clip; more than a window.
    window, step : int
        Frames of a window, and from one to the next.
    rule : str

    Examples
    --------
    >>> window_frames(300, 256, 64), window_frames(177, 128, 48, "spread"), window_frames(385, 128, 128, "steps")
    ([-10, 54], [0, 24, 49], [0, 128, 256])
    """
    if rule == "tiles":
        rest = frames - (window - step)
        count = max(1, -(-rest // step))
        return [-((step * count - rest) // 2) + step * number for number in range(count)]
    if rule == "spread":
        last = frames - window
        count = -(-last // step) + 1
        return [round(last * number / (count - 1)) for number in range(count)] if count > 1 else [0]
    if rule == "steps":
        return list(range(0, max(1, frames - window), step))
    return list(range(0, frames, step))


def starts_in_clip(frames: int, spectrogram: SpectrogramSettings, settings: TagSettings) -> np.ndarray:
    """The first frame of each window of a clip of any length, shape ``(windows,)``."""
    rule = settings.window_rule or "tiles"
    if frames <= spectrogram.frames and rule != "steps-padded":
        return np.array([crop_frame(frames, spectrogram)])
    return np.array(window_frames(frames, spectrogram.frames, settings.hop(spectrogram.frames), rule))


@dataclass(frozen=True, eq=False)
class SpectrogramPart:
    """A part of the log-mel of a clip.

    Attributes
    ----------
    log_mel : numpy.ndarray, shape=(n_mels, frames), dB
    first : int
        Its first frame in the clip.
    facts : WholeFacts
        Of the whole clip.
    zeros_before : int
        Samples that were added before the clip.
    """

    log_mel: np.ndarray
    first: int
    facts: WholeFacts
    zeros_before: int = 0

    def cut(self, starts: Sequence[int] | np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
        """The log-mels of the windows at ``starts`` in the clip, shape ``(windows, n_mels, settings.frames)``."""
        repeats = settings.padding == "repeat" and self.facts.frames < settings.frames
        cuts = [
            cut_frames(self.log_mel, int(start) - self.first, settings, repeats, self.facts.lowest_db)
            for start in starts
        ]
        return np.maximum(np.stack(cuts), self.facts.floor_db)

    def without(self, first: int) -> SpectrogramPart:
        """The part from frame ``first`` of the clip on."""
        return replace(self, log_mel=self.log_mel[:, first - self.first :].copy(), first=first)

    def inputs(self, starts: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
        """Network inputs of the windows at ``starts`` in the clip."""
        return network_inputs(self.cut(starts, settings), settings, [self.facts.scale] * len(starts))

    def augmented(
        self, starts: np.ndarray, settings: SpectrogramSettings, max_shift: int, masks: tuple[Mask, ...], passes: int
    ) -> np.ndarray:
        """Passes over windows that are shifted by up to ``max_shift`` frames and masked as in training.

        The windows stay between the first and the last of ``starts``. The generator is seeded by their values, so that
        a clip gets the same scores whatever is tagged before it.
        """
        plain = self.cut(starts, settings)
        rng = np.random.default_rng(int.from_bytes(hashlib.blake2b(plain.tobytes(), digest_size=8).digest(), "little"))
        found = []
        for _ in range(passes):
            shifts = rng.integers(-max_shift, max_shift + 1, len(starts))
            cuts = self.cut(np.clip(starts + shifts, starts.min(), starts.max()), settings)[:, None]
            for mask in masks:
                cuts = mask.apply(cuts, mask.sample(rng, cuts.shape))
            found.append(network_inputs(cuts[:, 0], settings, [self.facts.scale] * len(starts)))
        return np.stack(found)


class PeakMeter:
    """The peaks of a sound that comes in blocks, from the time of each frame to that of the next."""

    def __init__(self, hop_length: int) -> None:
        self._hop, self.samples = hop_length, 0
        self._waiting = np.empty(0, np.float32)
        self._peaks: list[np.ndarray] = []

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, shape ``(samples,)``."""
        self.samples += len(block)
        waiting = np.concatenate([self._waiting, np.abs(block)])
        whole = len(waiting) // self._hop * self._hop
        if whole:
            self._peaks.append(waiting[:whole].reshape(-1, self._hop).max(axis=1))
        self._waiting = waiting[whole:].copy()

    def audible(self, starts: np.ndarray, frames: int) -> np.ndarray:
        """Whether each window of ``frames`` frames has a sample above -90 dBFS, shape ``(windows,)``, bool."""
        rest = [self._waiting.max(keepdims=True)] if len(self._waiting) else []
        peaks = np.concatenate([*self._peaks, *rest, np.zeros(1, np.float32)])
        return np.array([peak_dbfs(peaks[max(start, 0) : max(start + frames, 0)]) >= SILENCE_DBFS for start in starts])
