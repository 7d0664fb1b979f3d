"""Read the beginning of clips, and pack what their rows in a list show and play."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from audiotag.audio.reading import read_header
from audiotag.audio.streaming import read_part
from audiotag.errors import clip_problem, may_pass
from audiotag.features.log_mel import display_log_mel
from audiotag.features.settings import PRESETS
from audiotag.processors import usable_cpus
from audiotag.ui.player.packing import pack_waveform, quantise, reduce_columns
from audiotag.ui.sound_cache import content_key
from audiotag.wording import as_text, format_duration

MAX_PLAYED_S = 10.0  # of a clip in the list, only the beginning is shown and played
MAX_SOUNDS = 60  # in memory, at most 1 MiB each
MAX_COLUMNS = 240  # of a spectrogram: about the pixels that a row has for it
SETTINGS = PRESETS["capstone"].with_changes(n_mels=48)


@dataclass(frozen=True, eq=False)
class RowSound:
    """What a row shows and plays, or the sentence that says why it cannot.

    Attributes
    ----------
    spectrogram : numpy.ndarray, shape=(bands, columns), uint8
    duration_s : float
        Of the part that is shown and played.
    start_s, column_s : float
        Where the first column begins, and the time from one column to the next.
    length : str
        In words: that of the clip, and of which part of it is played.
    sound : bytes
        The sound as a part of the player, from `audiotag.ui.player.packing`.
    problem : str
    """

    spectrogram: np.ndarray
    duration_s: float = 0.0
    start_s: float = 0.0
    column_s: float = 1.0
    length: str = ""
    sound: bytes = b""
    problem: str = ""


def load_rows(clips: Sequence[tuple[Path, str]]) -> list[RowSound]:
    """What the rows of clips show and play, several read at a time.

    Parameters
    ----------
    clips : sequence of (path, name)
    """
    with ThreadPoolExecutor(usable_cpus()) as pool:
        return list(pool.map(_load, clips))


def _load(clip: tuple[Path, str]) -> RowSound:
    path, name = clip
    try:
        return _read(path, as_text(name), content_key(path))
    except Exception as error:  # the system's failure: the next run of the page tries again
        return RowSound(np.empty((0, 0), np.uint8), problem=clip_problem(name, error))


@lru_cache(maxsize=MAX_SOUNDS)
def _read(path: Path, name: str, key: str) -> RowSound:
    """As `load_rows`; ``key`` changes with the file."""
    try:
        waveform = read_part(path, SETTINGS.sample_rate, 0, round(MAX_PLAYED_S * SETTINGS.sample_rate), name)
        length_s = read_header(path, name).duration_s
    except Exception as error:  # whatever is wrong with a clip is that clip's problem
        if may_pass(error):
            raise
        return RowSound(np.empty((0, 0), np.uint8), problem=clip_problem(name, error))
    columns, per_column = reduce_columns(display_log_mel(waveform, SETTINGS), MAX_COLUMNS)
    frame_s = SETTINGS.hop_length / SETTINGS.sample_rate
    is_whole = length_s <= MAX_PLAYED_S + frame_s
    return RowSound(
        quantise(columns, SETTINGS)[0],
        len(waveform) / SETTINGS.sample_rate,
        -frame_s / 2,  # a frame is drawn around its middle
        frame_s * per_column,
        f"{length_s:.1f} s" if is_whole else f"first {MAX_PLAYED_S:g} s of {format_duration(length_s)}",
        pack_waveform(waveform, SETTINGS.sample_rate).data,
    )
