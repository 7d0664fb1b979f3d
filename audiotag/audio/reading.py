"""Read audio files into waveforms: their header, the whole sound, or a crop of it.

Conventions: a waveform is mono float32 in [-1, 1] with shape ``(samples,)``; several channels become mono by their
mean; positions are in samples of that waveform.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from audiotag.audio.byte_ranges import open_source
from audiotag.audio.containers import UNKNOWN_FRAMES
from audiotag.audio.decode_report import DecodeReport
from audiotag.audio.decoding import BlockReader, header_from, seek_near, to_mono
from audiotag.audio.header import Header, Sound, Source
from audiotag.audio.isolation import IsolatedFile
from audiotag.audio.limits import MAX_VALUES_AT_ONCE, require_sample_rate
from audiotag.audio.opening import OpenFile, open_audio, require_file, source_name
from audiotag.audio.pcm_file import find_layout
from audiotag.audio.pcm_layout import PCM_CONTAINERS
from audiotag.audio.plain_headers import read_plain_header
from audiotag.audio.streaming import LongSound
from audiotag.remote.addresses import as_path
from audiotag.remote.reading import fetched


def read_header(source: Source | str, name: str | None = None) -> Header:
    """Read the length, sample rate, channels and format of a sound.

    The length is that of the decoded sound. Where a file does not state it in a way that can be relied on, its frames
    are counted, or it is decoded.

    Parameters
    ----------
    source : Path, str or bytes
        A file, its path or address, or the content of one.
    name : str, optional
        The name that messages use for the sound; the file name by default.

    Raises
    ------
    AudiotagError
        If the file is missing, empty, not an audio file, or has no samples.
    """
    source = as_path(source) if isinstance(source, str) else source
    name = name or source_name(source)
    with fetched(source) as local:
        require_file(local, name)
        if header := read_plain_header(local):
            require_sample_rate(name, header.sample_rate)
            return header
        with open_audio(source, name) as file:
            decoded = BlockReader(file) if file.frames == UNKNOWN_FRAMES else None
            header = header_from(file, sum(map(len, decoded)) if decoded else 0)
            report = DecodeReport(header.frames)
            report.take_structure(file, decoded)
        report.require_sound(name)
        if report.promised is None and header.container not in PCM_CONTAINERS:  # libsndfile has found all of it
            return header
        return replace(header, notes=report.structure(name, local, header)[0])


def read_sound(
    source: Source | str, sample_rate: int | None = None, name: str | None = None, isolated: bool = False
) -> Sound:
    """Decode a whole sound to mono.

    Parameters
    ----------
    source : Path, str or bytes
        The path or address of a file of any format in `audiotag.audio.opening.READABLE`, or its bytes, with any number
        of channels and any sample rate. Of several sound tracks the first is read.
    sample_rate : int, optional
        Rate in Hz to resample to; by default that of the file.
    name : str, optional
        The name that messages use for the sound; the file name by default.
    isolated : bool
        Decode in another process, whatever the format: for a file that may have crashed a process.

    Raises
    ------
    AudiotagError
        If the file is missing, empty, not an audio file, has no samples, or has values or a sample rate that no sound
        has; see `audiotag.audio.limits`.
    """
    sound = LongSound(as_path(source) if isinstance(source, str) else source, sample_rate, name, isolated)
    return _collect(sound, list(sound.blocks(MAX_VALUES_AT_ONCE)))


def read_short_sound(source: Source, sample_rate: int, max_s: float, name: str | None = None) -> Sound | None:
    """`read_sound` of a sound that its header says to last at most ``max_s``; None if it is longer.

    A header may be false: if the sound turns out to be twice as long as allowed, the result is None, too, and the rest
    is not decoded. The sound has its ``content``.
    """
    sound = LongSound(source, sample_rate, name, hashed=True, longest_s=max_s)
    blocks, length = [], 0
    for block in sound.blocks():
        blocks.append(block)
        length += len(block)
        if length > 2 * max_s * sample_rate:
            return None
    return None if sound.states_longer else _collect(sound, blocks)


def _collect(sound: LongSound, blocks: list[np.ndarray]) -> Sound:
    """The whole sound from all its blocks."""
    waveform = blocks[0] if len(blocks) == 1 else np.concatenate([np.empty(0, np.float32), *blocks])
    return Sound(sound.name, waveform, sound.sample_rate, sound.header, sound.notes, sound.truncated, sound.content)


def read_crop(path: Path, start: int, frames: int, isolated: bool = False) -> np.ndarray:
    """Read only a part of a file, at the file's own sample rate.

    Parameters
    ----------
    path : Path
    start : int
        First sample.
    frames : int
        Number of samples; fewer are returned if the file ends before.
    isolated : bool
        Decode in another process, whatever the format.

    Returns
    -------
    numpy.ndarray, shape=(samples,), float32
        The same samples as in the waveform of `read_sound`.

    Raises
    ------
    AudiotagError
        If the file is missing, empty, not an audio file, or has values in the crop that no sound has.
    """
    name = path.name
    with fetched(path) as source:
        if (samples := _read_pcm_16_crop(source, start, frames)) is not None:
            return to_mono(samples)
        report = DecodeReport()
        with open_audio(path, name, isolated) as file:
            parts = [to_mono(samples) for samples in _crop_blocks(file, source, start, frames) if report.add(samples)]
    report.require_values(name)
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.float32), *parts])


def _crop_blocks(file: OpenFile, source: Source, start: int, frames: int) -> Iterator[np.ndarray]:
    """Yield ``frames`` samples from ``start`` on, in blocks of shape ``(samples, channels)``."""
    if isinstance(file, IsolatedFile):
        yield from file.blocks(start, start + frames)
        return
    try:
        lead = seek_near(file, source, start)
    except Exception:
        if file.format != "FLAC":
            raise
        with file.open_with_ffmpeg() as rest:  # libsndfile finds no place in a damaged file
            yield from rest.blocks(start, start + frames)
        return
    for samples in BlockReader(file, min(lead + frames, file.frames - start + lead)):
        if len(samples) > lead:  # an empty part would hold its whole block in memory
            yield samples[lead:]
        lead = max(lead - len(samples), 0)


def _read_pcm_16_crop(source: Source, start: int, frames: int) -> np.ndarray | None:
    """Read a crop of a 16-bit WAV, shape ``(samples, channels)``; None for any other file, or beyond its end.

    libsndfile gives the same samples, but takes twice as long just to open the file.
    """
    layout = find_layout(source)
    if layout is None or layout.subtype != "PCM_16" or layout.is_odd or layout.is_big_endian or start < 0:
        return None
    at, size = layout.parts[0]
    if layout.container not in ("WAV", "WAVEX") or (start + frames) * layout.bytes_per_frame > size:
        return None
    try:
        with open_source(source) as file:
            file.seek(at + start * layout.bytes_per_frame)
            content = file.read(frames * layout.bytes_per_frame)
    except OSError:
        return None
    if len(content) < frames * layout.bytes_per_frame:  # cut off meanwhile
        return None
    samples = np.frombuffer(content, dtype="<i2").reshape(-1, layout.channels)
    return np.multiply(samples, np.float32(1 / 32_768), dtype=np.float32)


def wav_bytes(waveform: np.ndarray, sample_rate: int) -> bytes:
    """Encode a waveform as a 16-bit WAV at its own level; samples outside [-1, 1] are clipped."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform, -1, 1), sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
