"""Sound files to waveforms: reading, checking, trimming and cropping.

Conventions: a waveform is mono float32 in [-1, 1] with shape ``(samples,)``; stereo and more become mono by their
mean; positions are in samples of that waveform.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.audio.containers import UNKNOWN_FRAMES, container_by_content, promised_end, wav_layout
from audiotag.audio.ffmpeg import FFmpegFile
from audiotag.audio.header import Header, Sound, Source
from audiotag.audio.levels import SILENCE_DBFS, peak_dbfs
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    import soundfile

SUFFIXES = (
    ".wav", ".flac", ".ogg", ".mp3", ".opus", ".oga", ".m4a", ".aac", ".wma", ".mka", ".webm",
    ".mp4", ".m4v", ".mov", ".mkv", ".3gp", ".avi",
)  # fmt: skip
READABLE = "WAV, FLAC, OGG, MP3, M4A, AAC, Opus, WebM and the sound of videos"
MAX_SAMPLES_AT_ONCE = (
    1 << 26
)  # samples that are read at once, 25 minutes; beyond that a header may lie, and it goes by blocks
BLOCK_SAMPLES = 1 << 20  # samples
MP3_LEAD_SAMPLES = 11_520  # samples: a frame leans on up to nine before it, which a seek leaves out


def read_header(source: Source, name: str | None = None) -> Header:
    """Length, sample rate, channels and format of a sound, from its header alone.

    Raises
    ------
    AudiotagError
        If there is no such file, it is empty, is no sound, or has no samples.
    """
    name = name or name_of(source)
    with opened(source, name) as file:
        counted = sum(map(len, Blocks(file))) if file.frames == UNKNOWN_FRAMES else 0
        header = header_of(file, counted)
    DecodeReport(header.frames).require_sound(name)
    return header


def read_sound(source: Source, sample_rate: int | None = None, name: str | None = None) -> Sound:
    """Decode a whole sound to mono.

    Parameters
    ----------
    source : Path or bytes
        What `READABLE` says, whatever its name, with any number of channels and any sample rate; of several sound
        tracks the first.
    sample_rate : int, optional
        Wanted rate in Hz, soxr resamples where the file has another; by default the file's own.
    name : str, optional
        What messages call the sound; the file name by default.

    Raises
    ------
    AudiotagError
        If it is missing, empty, no sound, without samples, or holds NaN or infinite values.
    """
    name = name or name_of(source)
    with opened(source, name) as file:
        samples, decoder_failed = _decoded(file, file.frames)
        header, tracks = header_of(file, len(samples)), tracks_of(file)
    report = DecodeReport(len(samples), decoder_failed, peak_dbfs(samples))
    if not np.isfinite(samples).all():
        report.non_finite = int(np.count_nonzero(~np.isfinite(samples)))
    report.require_sound(name)
    sample_rate = sample_rate or header.sample_rate
    waveform = resample(mono(samples), header.sample_rate, sample_rate)
    report.mean_dbfs = peak_dbfs(waveform)
    notes, truncated = report.notes(name, source, header, tracks, sample_rate)
    return Sound(name, waveform, sample_rate, header, notes, truncated)


@dataclass
class DecodeReport:
    """What came out of a decoder, at once or summed up over blocks.

    Attributes
    ----------
    frames : int
        Samples a channel.
    gave_up : bool
        Whether the decoder failed before the end.
    peak_dbfs, mean_dbfs : float
        Level of the largest sample of all channels, and of what their mean became.
    not_numbers : int
        Samples that are NaN or infinite.
    """

    frames: int = 0
    decoder_failed: bool = False
    peak_dbfs: float = float("-inf")
    mean_dbfs: float = float("-inf")
    non_finite: int = 0

    def require_sound(self, name: str) -> None:
        """Raise where there is no sample, or one that is no number."""
        if not self.frames:
            raise AudiotagError(f"{name} holds no samples, by its header; leave it out or record it again.")
        if self.non_finite:
            raise AudiotagError(
                f"{name} holds {self.non_finite} samples that are not numbers (NaN or infinite); "
                "sound must be finite, so export it again from its source."
            )

    def notes(
        self, name: str, source: Source, header: Header, tracks: int, sample_rate: int
    ) -> tuple[tuple[str, ...], bool]:
        """What is odd about the sound, as sentences, once it is to have this sample rate; whether it is truncated."""
        notes = []
        promised, ends_early = promised_end(source, header)
        truncated = self.frames < 0.999 * promised or self.decoder_failed or ends_early
        if self.frames < 0.999 * promised:
            notes.append(
                f"{name} is truncated: its header promises {promised / header.sample_rate:.2f} s, "
                f"{self.frames / header.sample_rate:.2f} s are there; the part that is there is used."
            )
        elif truncated:
            notes.append(f"{name} is truncated: its end is missing; the part that is there is used.")
        if tracks > 1:
            notes.append(f"{name} has {tracks} sound tracks; the first is used.")
        if header.channels > 2:
            notes.append(f"{name} has {header.channels} channels; their mean is used.")
        if header.sample_rate < sample_rate / 2:
            notes.append(
                f"{name} was sampled at {header.sample_rate} Hz: it holds nothing above "
                f"{header.sample_rate / 2000:g} kHz, so tags that need higher sounds are doubtful."
            )
        if self.peak_dbfs < SILENCE_DBFS:
            notes.append(f"{name} is silent: no sample is above {SILENCE_DBFS:g} dBFS.")
        elif self.mean_dbfs < SILENCE_DBFS:
            notes.append(f"{name} has channels that cancel each other in their mean, so nothing of it is left.")
        return tuple(notes), truncated


def read_crop(path: Path, start: int, frames: int) -> np.ndarray:
    """Read only the samples ``start`` to ``start + frames`` of a file, at its own rate, shape ``(samples,)``."""
    if (samples := _pcm_16_crop(path, start, frames)) is not None:
        return mono(samples)
    with opened(path, path.name) as file:
        if isinstance(file, FFmpegFile):
            return mono(file.decoded(start, start + frames)[0])
        lead = start  # what cannot be sought is read from its start
        if file.seekable():
            lead = min(start, MP3_LEAD_SAMPLES) if file.format == "MP3" else 0
            file.seek(start - lead)
        samples = _decoded(file, lead + frames)[0][lead:]
    return mono(samples)


def _pcm_16_crop(path: Path, start: int, frames: int) -> np.ndarray | None:
    """A crop of a WAV of 16-bit samples, shape ``(samples, channels)``; None for any other file, or a damaged one.

    libsndfile gives the same, but opening a file there takes twice as long as all of this.
    """
    try:
        with path.open("rb") as file:
            layout = wav_layout(file)
            if layout is None or not layout.is_pcm_16:
                return None
            there = min(frames, layout.size // layout.bytes_a_frame - start)
            file.seek(layout.offset + start * layout.bytes_a_frame)
            content = file.read(max(there, 0) * layout.bytes_a_frame)
    except (OSError, struct.error):
        return None
    if (
        len(content) < frames * layout.bytes_a_frame
    ):  # cut short, or of unknown size: libsndfile knows what to make of it
        return None
    samples = np.frombuffer(content, dtype="<i2").reshape(-1, layout.channels)
    return np.multiply(samples, np.float32(1 / 32_768), dtype=np.float32)


def resample(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Band-limited resampling (soxr, high quality) of ``(samples,)`` from one rate in Hz to another."""
    if from_rate == to_rate:
        return np.ascontiguousarray(waveform, dtype=np.float32)
    import soxr

    return soxr.resample(waveform.astype(np.float32), from_rate, to_rate)


def wav_bytes(waveform: np.ndarray, sample_rate: int) -> bytes:
    """The waveform as a 16-bit WAV, at the level it has."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform, -1, 1), sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def header_of(file: soundfile.SoundFile | FFmpegFile, frames: int) -> Header:
    """What an opened file says of itself; ``frames`` is its length where it does not say it."""
    told = frames if file.frames == UNKNOWN_FRAMES else max(file.frames, 0)
    return Header(told, file.samplerate, file.channels, file.format, file.subtype)


def tracks_of(file: soundfile.SoundFile | FFmpegFile) -> int:
    """How many sound tracks an opened file has."""
    return file.tracks if isinstance(file, FFmpegFile) else 1


def mono(samples: np.ndarray) -> np.ndarray:
    """The mean of the channels, ``(samples, channels)`` → ``(samples,)``."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


class Blocks:
    """What is decoded from an opened file, one block of shape ``(samples, channels)`` after the other.

    Parameters
    ----------
    file : soundfile.SoundFile or AvSound
    most : int, optional
        Samples a channel to read; all, by default.
    size : int
        Samples a channel in a block of libsndfile's; FFmpeg's have the size of its frames.

    Attributes
    ----------
    gave_up : bool
        Whether the decoder failed before the end; known once all blocks are read.
    """

    def __init__(
        self, file: soundfile.SoundFile | FFmpegFile, most: int | None = None, size: int = BLOCK_SAMPLES
    ) -> None:
        self._file, self._most, self._size = file, file.frames if most is None else most, size
        self.decoder_failed = False

    def __iter__(self) -> Iterator[np.ndarray]:
        if not isinstance(self._file, FFmpegFile):
            return self._of_libsndfile(self._file)
        return self._of_ffmpeg(self._file)

    def _of_ffmpeg(self, file: FFmpegFile) -> Iterator[np.ndarray]:
        yield from file.blocks()
        self.decoder_failed = file.decoder_failed

    def _of_libsndfile(self, file: soundfile.SoundFile) -> Iterator[np.ndarray]:
        """What is decoded before a failure is in the block already: up to the first NaN that it was filled with."""
        import soundfile

        if file.format == "MP3":
            file.seekable = lambda: False  # else soundfile seeks between blocks, which harms MP3
        done, failure = 0, ""
        while done < self._most and not failure:
            block = np.full((min(self._size, self._most - done), file.channels), np.nan, dtype=np.float32)
            try:
                read = len(file.read(out=block))
            except soundfile.LibsndfileError as error:
                read = int(np.append(np.isnan(block[:, 0]), True).argmax())
                if not done + read:
                    raise
                failure = error.error_string
            yield block[:read]
            done += read
            if read < len(block):
                break
        # A failing seek is no damage: it is how a FLAC of unknown length ends.
        self.decoder_failed = bool(failure) and "seek" not in failure


def _decoded(file: soundfile.SoundFile | FFmpegFile, most: int) -> tuple[np.ndarray, bool]:
    """Up to ``most`` samples, shape ``(samples, channels)``, and whether the decoder gave up before the end.

    What a header says of a length may be unknown or absurd: such files are read by blocks.
    """
    if isinstance(file, FFmpegFile):
        return file.decoded()
    reading = Blocks(file, most, most if most <= MAX_SAMPLES_AT_ONCE else BLOCK_SAMPLES)
    blocks = list(reading)
    samples = blocks[0] if len(blocks) == 1 else np.concatenate([np.empty((0, file.channels), np.float32), *blocks])
    return samples, reading.decoder_failed


def name_of(source: Source) -> str:
    """What messages call a sound that was given no name."""
    return source.name if isinstance(source, Path) else "the upload"


@contextmanager
def opened(source: Source, name: str) -> Iterator:
    """A sound file, opened with libsndfile where it can, else with FFmpeg.

    Raises
    ------
    AudiotagError
        If it is missing, empty or no sound; also where libsndfile fails while it is read.
    """
    import soundfile

    if isinstance(source, Path):
        if not source.is_file():
            raise AudiotagError(f"{name} is not there (looked for {source}).")
        if not os.access(source, os.R_OK):
            raise AudiotagError(f"{name} may not be read: its permissions forbid it; change them, or copy it.")
        if source.suffix.lower() == ".raw":
            raise AudiotagError(f"{name} is raw: nothing in it says its rate and format; convert it to WAV.")
        size = source.stat().st_size
    else:
        size = len(source)
    if size == 0:
        raise AudiotagError(f"{name} is empty (0 bytes); copy or record it again.")
    with _sound_file(source, name) as file:
        try:
            yield file
        except soundfile.LibsndfileError as error:
            raise _unreadable(name, error) from error


def _sound_file(source: Source, name: str) -> soundfile.SoundFile | FFmpegFile:
    """With libsndfile where it can, else with FFmpeg."""
    import soundfile

    try:
        file = soundfile.SoundFile(str(source) if isinstance(source, Path) else io.BytesIO(source))
    except soundfile.LibsndfileError as error:
        if container := container_by_content(source):
            return FFmpegFile(source, container, name)
        raise _unreadable(name, error) from error
    # What is named .mp3 libsndfile takes for one, and plays noise.
    if file.format == "MP3" and (container := container_by_content(source)):
        file.close()
        return FFmpegFile(source, container, name)
    return file


def _unreadable(name: str, error: soundfile.LibsndfileError) -> AudiotagError:
    reason = error.error_string.removeprefix("Error : ").rstrip(".")
    if "does not exist" in reason:  # what libsndfile says of an MP3 without a frame; the file is there
        reason = "Damaged, or of another format than its name says"
    return AudiotagError(f"{name} cannot be read as a sound ({READABLE} can): {reason}.")
