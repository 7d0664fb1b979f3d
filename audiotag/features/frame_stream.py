"""Compute the log-mel of a sound that comes in blocks, and measure what the whole of it determines.

With ``crop="spectrogram"`` floor and scaling are those of the whole clip. Of a clip that does not fit into memory they
are measured first, block by block; its frames are then computed again, a part at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from audiotag.features.log_mel import Scale, clip_scale, frames_in_db, log_mel, require_samples, samples_before
from audiotag.features.settings import SpectrogramSettings

Blocks = Iterable[np.ndarray]  # of shape (samples,) each
LOWEST_TOP_DB = 200.0  # with which no value of a sound is at the floor


def without_floor(settings: SpectrogramSettings) -> SpectrogramSettings:
    """The same settings with so large a range that the floor changes no sound."""
    return settings.with_changes(top_db=LOWEST_TOP_DB)


def frame_blocks(blocks: Blocks, settings: SpectrogramSettings) -> Iterator[np.ndarray]:
    """Yield the frames of a sound in dB without a floor, some at a time, shape ``(n_mels, frames)``.

    Joined and floored they are `audiotag.features.log_mel.log_mel` of the whole sound, however it is divided.

    Raises
    ------
    AudiotagError
        If the sound is too short.
    """
    before, window, hop = samples_before(settings), settings.win_length, settings.hop_length
    after = window - before
    waiting = np.empty(0, np.float32)  # from the next frame on
    end = np.empty(0, np.float32)
    samples = frames = 0
    has_begun = False
    for block in blocks:
        samples += len(block)
        waiting = np.concatenate([waiting, block])
        end = np.concatenate([end, block[-after - 1 :]])[-after - 1 :]
        if not has_begun:
            if len(waiting) < 2 * window:
                continue
            has_begun = True
            waiting = np.concatenate([waiting[before:0:-1], waiting])
        if len(waiting) >= window:
            part = _frames(waiting, settings)
            yield part
            frames += part.shape[1]
            waiting = waiting[part.shape[1] * hop :]
    require_samples(samples, settings)
    if not has_begun:  # shorter than two windows
        yield log_mel(waiting, without_floor(settings))
        return
    if settings.centred:
        waiting = np.concatenate([waiting, end[-2::-1]])
    if (missing := settings.frames_of(samples) - frames) > 0:
        yield _frames(waiting, settings)[:, :missing]


def _frames(samples: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(samples, settings.win_length)
    return frames_in_db(windows[:: settings.hop_length], settings)


@dataclass(frozen=True)
class WholeFacts:
    """What the whole of a clip determines for each of its parts.

    Attributes
    ----------
    frames : int
        Of the whole clip.
    floor_db : numpy.float32
        ``top_db`` below the loudest value.
    lowest_db : float
        The lowest value above or at the floor.
    scale : Scale
        See `audiotag.features.log_mel.clip_scale`.
    """

    frames: int
    floor_db: np.float32
    lowest_db: float
    scale: Scale


def facts_of(log_mel: np.ndarray, settings: SpectrogramSettings) -> WholeFacts:
    """The facts of a clip whose whole log-mel is in memory."""
    floor = log_mel.max() - np.float32(settings.top_db)
    return WholeFacts(log_mel.shape[1], floor, float(log_mel.min()), clip_scale(log_mel, settings))


def measure_whole(blocks: Callable[[], Blocks], settings: SpectrogramSettings) -> WholeFacts:
    """Measure a clip that is given block by block, once, or twice with ``normalise="clip"``.

    Parameters
    ----------
    blocks : callable
        Gives all blocks of the trimmed clip, each time it is called.
    settings : SpectrogramSettings
    """
    frames, loudest, lowest = 0, np.float32(-np.inf), np.float32(np.inf)
    for part in frame_blocks(blocks(), settings):
        frames += part.shape[1]
        loudest, lowest = max(loudest, part.max()), min(lowest, part.min())
    floor = loudest - np.float32(settings.top_db)
    lowest_db = float(max(lowest, floor))
    if settings.normalise != "clip":
        return WholeFacts(frames, floor, lowest_db, Scale(lowest_db, float(loudest) - lowest_db))
    total = squares = 0.0
    for part in frame_blocks(blocks(), settings):
        above = np.maximum(part, floor) - np.float64(floor)  # small numbers, so that squares lose nothing
        total, squares = total + float(above.sum()), squares + float(np.square(above).sum())
    values = frames * settings.n_mels
    mean, mean_square = total / values, squares / values
    return WholeFacts(
        frames, floor, lowest_db, Scale(mean + float(floor), float(np.sqrt(max(0.0, mean_square - mean**2))))
    )
