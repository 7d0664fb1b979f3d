"""Sounds that pages show and play: headers, levels, decoded waveforms; kept until the files change."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from audiotag.audio.file_levels import FileLevels, read_levels
from audiotag.audio.header import Header, Sound, Source
from audiotag.audio.reading import read_header, read_short_sound
from audiotag.audio.streaming import read_part
from audiotag.errors import clip_guard
from audiotag.features.settings import SpectrogramSettings
from audiotag.ui.caching import cached
from audiotag.wording import as_text, format_duration

MAX_PLAYED_S = 300.0  # the player gets at most this much of a sound; more would make the browser slow
MAX_SOUNDS = 6  # decoded at a time, at most 50 MiB each: the one that is shown, and those beside it


def load_sound(path: Path, sample_rate: int, name: str = "") -> Sound:
    """A decoded clip at a sample rate in Hz, as `load_part` from its start; messages name it by its file, or ``name``.

    The name of a clip of a dataset is its path, as in ``Dataset.clips``.
    """
    return load_part(path, name or as_text(path.name), content_key(path), sample_rate)


def load_part(source: Source, name: str, content: str, sample_rate: int, start_s: float = 0.0) -> Sound:
    """A decoded sound; of a sound longer than `MAX_PLAYED_S` only that much, from ``start_s`` on, with a note."""
    return _part(source, name, content, sample_rate, start_s)


def load_header(source: Source, name: str, content: str) -> Header:
    """The header of a sound; messages call it by ``name``."""
    return _header(source, name, content)


def load_levels(source: Source, name: str, content: str) -> FileLevels | None:
    """Levels of a file as it is stored; None for a sound that is longer than what the player shows."""
    return _levels(source, name, content)


def content_key(source: Source) -> str:
    """A key that changes with the content: a checksum of bytes, or of a file's path, times and size."""
    if isinstance(source, Path):
        try:
            stat = source.stat()
        except OSError:  # the file is gone: reading it reports that
            return hashlib.blake2b(os.fsencode(source), digest_size=16).hexdigest()
        times = (stat.st_mtime_ns, stat.st_ctime_ns)  # the latter changes with the permissions
        source = b"%s %d %d %d" % (os.fsencode(source), *times, stat.st_size)
    return hashlib.blake2b(source, digest_size=16).hexdigest()


def invert_log_mel(log_mel: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """A log-mel turned back into a waveform; it takes one or two seconds."""
    return _invert_log_mel(log_mel, settings)


@cached(max_entries=512, show_spinner=False)
def _header(_source: Source, name: str, content: str) -> Header:
    with clip_guard(name):
        return read_header(_source, name)


@cached(max_entries=512, show_spinner=False)
def _levels(_source: Source, name: str, content: str) -> FileLevels | None:
    with clip_guard(name):
        return None if _header(_source, name, content).duration_s > MAX_PLAYED_S else read_levels(_source, name)


@cached(max_entries=MAX_SOUNDS, show_spinner=False)  # up to 50 MiB each
def _part(_source: Source, name: str, content: str, sample_rate: int, start_s: float) -> Sound:
    with clip_guard(name):
        return _read_part(_source, name, _header(_source, name, content), sample_rate, start_s)


def _read_part(source: Source, name: str, header: Header, sample_rate: int, start_s: float) -> Sound:
    sound = read_short_sound(source, sample_rate, MAX_PLAYED_S, name)
    if sound is not None:
        return sound
    start, stop = round(start_s * sample_rate), round((start_s + MAX_PLAYED_S) * sample_rate)
    waveform = read_part(source, sample_rate, start, stop, name)
    length = "" if header.duration_s <= MAX_PLAYED_S else f" of {format_duration(header.duration_s)}"
    note = f"{name} is long: {format_duration(len(waveform) / sample_rate)}{length} are shown and played."
    return Sound(name, waveform, sample_rate, header, (note,))


@cached(max_entries=16, show_spinner="Estimating the phase …")
def _invert_log_mel(log_mel: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    from audiotag.features.inversion import invert_log_mel

    return invert_log_mel(log_mel, settings)
