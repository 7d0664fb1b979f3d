"""Read audio files into waveforms: their header, the whole sound, or a crop of it.

Conventions: a waveform is mono float32 in [-1, 1] with shape ``(samples,)``; several channels become mono by their
mean; positions are in samples of that waveform.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np

from audiotag.audio.containers import UNKNOWN_FRAMES, read_wav_layout
from audiotag.audio.decoding import BlockReader, DecodeReport, count_tracks, decode, header_from, seek_near
from audiotag.audio.header import Header, Sound, Source
from audiotag.audio.isolation import IsolatedFile
from audiotag.audio.levels import peak_dbfs
from audiotag.audio.opening import open_audio, source_name


def read_header(source: Source | str, name: str | None = None) -> Header:
    """Read the length, sample rate, channels and format of a sound from its header.

    Parameters
    ----------
    source : Path or bytes
        A file, or the content of one.
    name : str, optional
        The name that messages use for the sound; the file name by default.

    Raises
    ------
    AudiotagError
        If the file is missing, empty, not an audio file, or has no samples.
    """
    source = Path(source) if isinstance(source, str) else source
    name = name or source_name(source)
    with open_audio(source, name) as file:
        decoded_frames = sum(map(len, BlockReader(file))) if file.frames == UNKNOWN_FRAMES else 0
        header = header_from(file, decoded_frames)
    DecodeReport(header.frames).require_sound(name)
    return header


def read_sound(
    source: Source | str, sample_rate: int | None = None, name: str | None = None, isolated: bool = False
) -> Sound:
    """Decode a whole sound to mono.

    Parameters
    ----------
    source : Path, str or bytes
        The path of a file of any format in `audiotag.audio.opening.READABLE`, or its bytes, with any number of channels
        and any sample rate. Of several sound tracks the first is read.
    sample_rate : int, optional
        Rate in Hz to resample to; by default that of the file.
    name : str, optional
        The name that messages use for the sound; the file name by default.
    isolated : bool
        Decode in another process, whatever the format: for a file that may have crashed a process.

    Raises
    ------
    AudiotagError
        If the file is missing, empty, not an audio file, has no samples, or holds NaN or infinite values.
    """
    source = Path(source) if isinstance(source, str) else source
    name = name or source_name(source)
    with open_audio(source, name, isolated) as file:
        samples, decoder_failed = decode(file, file.frames)
        header, tracks = header_from(file, len(samples)), count_tracks(file)
    report = DecodeReport(len(samples), decoder_failed, peak_dbfs(samples))
    if not np.isfinite(samples).all():
        report.non_finite = int(np.count_nonzero(~np.isfinite(samples)))
    report.require_sound(name)
    sample_rate = sample_rate or header.sample_rate
    waveform = resample(to_mono(samples), header.sample_rate, sample_rate)
    report.mean_dbfs = peak_dbfs(waveform)
    notes, truncated = report.notes(name, source, header, tracks, sample_rate)
    return Sound(name, waveform, sample_rate, header, notes, truncated)


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
        If the file is missing, empty or not an audio file.
    """
    if (samples := _read_pcm_16_crop(path, start, frames)) is not None:
        return to_mono(samples)
    with open_audio(path, path.name, isolated) as file:
        if isinstance(file, IsolatedFile):
            return to_mono(file.decode(start, start + frames)[0])
        lead = seek_near(file, start)
        samples = decode(file, lead + frames)[0][lead:]
    return to_mono(samples)


def _read_pcm_16_crop(path: Path, start: int, frames: int) -> np.ndarray | None:
    """Read a crop of a 16-bit WAV, shape ``(samples, channels)``; None for any other file, or a damaged one.

    libsndfile gives the same samples, but takes twice as long just to open the file.
    """
    try:
        with path.open("rb") as file:
            layout = read_wav_layout(file)
            if layout is None or not layout.is_pcm_16:
                return None
            available = min(frames, layout.size // layout.bytes_per_frame - start)
            file.seek(layout.offset + start * layout.bytes_per_frame)
            content = file.read(max(available, 0) * layout.bytes_per_frame)
    except (OSError, struct.error):
        return None
    if len(content) < frames * layout.bytes_per_frame:  # truncated or of unknown size, which libsndfile can read
        return None
    samples = np.frombuffer(content, dtype="<i2").reshape(-1, layout.channels)
    return np.multiply(samples, np.float32(1 / 32_768), dtype=np.float32)


def resample(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resample a waveform, shape ``(samples,)``, between two rates in Hz (soxr, high quality, band-limited)."""
    if from_rate == to_rate:
        return np.ascontiguousarray(waveform, dtype=np.float32)
    import soxr

    return soxr.resample(waveform.astype(np.float32), from_rate, to_rate)


def to_mono(samples: np.ndarray) -> np.ndarray:
    """The mean of the channels, ``(samples, channels)`` → ``(samples,)``."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


def wav_bytes(waveform: np.ndarray, sample_rate: int) -> bytes:
    """Encode a waveform as a 16-bit WAV at its own level; samples outside [-1, 1] are clipped."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform, -1, 1), sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
