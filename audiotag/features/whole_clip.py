"""Cut crops and windows from the log-mel of a whole clip, as settings with ``crop="spectrogram"`` ask for.

Floor (``top_db``) and scaling ("clip", "range") are those of the whole trimmed clip. Positions are in frames of that
log-mel; a clip that is too short begins before it, at a negative position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from audiotag.features.log_mel import Scale, clip_scale, log_mel
from audiotag.features.settings import SpectrogramSettings

MIDDLE = 0.5


@dataclass(frozen=True, eq=False)
class WholeClip:
    """The log-mel of a whole trimmed clip.

    Attributes
    ----------
    log_mel : numpy.ndarray, shape=(n_mels, frames), dB
    scale : Scale
        What `audiotag.features.log_mel.network_inputs` gets for every part of it.
    zeros_before : int
        Samples that were added before the clip, because it is shorter than the settings allow.
    """

    log_mel: np.ndarray
    scale: Scale
    zeros_before: int = 0

    @classmethod
    def of(cls, waveform: np.ndarray, settings: SpectrogramSettings) -> WholeClip:
        """The log-mel of a trimmed waveform, shape ``(samples,)``."""
        before, after = added_zeros(len(waveform), settings)
        spectrogram = log_mel(np.pad(waveform, (before, after)), settings)
        return cls(spectrogram, clip_scale(spectrogram, settings), before)

    def first_sample(self, frame: int, settings: SpectrogramSettings) -> int:
        """The sample of the trimmed clip at which a frame's time is; negative before the clip."""
        return frame * settings.hop_length - self.zeros_before


def added_zeros(samples: int, settings: SpectrogramSettings) -> tuple[int, int]:
    """How many zeros a trimmed clip gets before and after it, so that it has the shortest length that is allowed.

    That is the clip length with ``padding`` "zeros" or "zeros-after", else ``min_s``, and what a log-mel needs.
    """
    fewest = max(settings.fewest_samples, int(settings.min_s * settings.sample_rate))
    if settings.padding in ("zeros", "zeros-after"):
        fewest = max(fewest, settings.clip_samples)
    missing = max(0, fewest - samples)
    before = 0 if settings.padding in ("zeros-after", "zero-db-after") else missing // 2
    return before, missing - before


def crop_frame(frames: int, settings: SpectrogramSettings, at: float = MIDDLE) -> int:
    """The first frame of a crop; negative where a clip is so short that it begins later.

    Parameters
    ----------
    frames : int
        Of the whole clip.
    settings : SpectrogramSettings
    at : float
        Position from 0 to 1, drawn uniformly in training: all whole frames are then equally likely. 0.5 is the middle.
    """
    spare = frames - settings.frames
    if spare >= 0:
        return max(0, math.ceil(at * (spare + 1)) - 1)
    return 0 if settings.padding in ("zeros-after", "zero-db-after") else -(-spare // 2)


def cut_frames(
    log_mel: np.ndarray,
    first: int,
    settings: SpectrogramSettings,
    repeats: bool = False,
    lowest_db: float | None = None,
) -> np.ndarray:
    """Cut as many frames as a network gets; frames outside the log-mel are filled with its minimum, or as said.

    Parameters
    ----------
    log_mel : numpy.ndarray, shape=(n_mels, frames), dB
        Of a whole clip, or of a part of it.
    first : int
        The first frame, which may lie before the log-mel.
    settings : SpectrogramSettings
        Its ``frames`` are cut. With ``padding="zero-db-after"``, frames outside are 0 dB.
    repeats : bool
        Fill up by repeating the log-mel.
    lowest_db : float, optional
        The minimum of the whole clip; by default that of the log-mel.

    Returns
    -------
    numpy.ndarray, shape=(n_mels, settings.frames), float32, dB
    """
    have, wanted = log_mel.shape[-1], settings.frames
    if 0 <= first <= have - wanted:
        return log_mel[:, first : first + wanted]
    if repeats:
        return np.take(log_mel, np.arange(first, first + wanted), axis=1, mode="wrap")
    lowest_db = float(log_mel.min()) if lowest_db is None else lowest_db
    filling = 0.0 if settings.padding == "zero-db-after" else lowest_db
    crop = np.full((len(log_mel), wanted), filling, dtype=np.float32)
    inside = log_mel[:, max(first, 0) : max(first + wanted, 0)]
    crop[:, max(-first, 0) :][:, : inside.shape[1]] = inside
    return crop


def repeats_at(settings: SpectrogramSettings, at: float = MIDDLE) -> bool:
    """Whether a clip that is too short is repeated in the crop at ``at``: half of them with "minimum-or-repeat".

    A short clip is always in the middle of its crop, so its position is free to decide this. At 0.5, where clips are
    measured, it is not repeated.
    """
    return settings.padding == "repeat" or (settings.padding == "minimum-or-repeat" and at < MIDDLE)


def cut_crop(log_mel: np.ndarray, settings: SpectrogramSettings, at: float = MIDDLE) -> np.ndarray:
    """The crop at ``at`` (0 to 1) of a whole clip's log-mel, as training draws it; 0.5 is the middle, as measured."""
    return cut_frames(log_mel, crop_frame(log_mel.shape[-1], settings, at), settings, repeats_at(settings, at))
