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

from audiotag.errors import AudiotagError
from audiotag.sound.av_decoding import AvSound
from audiotag.sound.containers import UNKNOWN_FRAMES, container_by_content, promised_end, wav_layout

if TYPE_CHECKING:
    import soundfile

SUFFIXES = (
    ".wav", ".flac", ".ogg", ".mp3", ".opus", ".oga", ".m4a", ".aac", ".wma", ".mka", ".webm",
    ".mp4", ".m4v", ".mov", ".mkv", ".3gp", ".avi",
)  # fmt: skip
READABLE = "WAV, FLAC, OGG, MP3, M4A, AAC, Opus, WebM and the sound of videos"
WHOLE = 1 << 26  # samples that are read at once, 25 minutes; beyond that a header may lie, and it goes by blocks
BLOCK = 1 << 20  # samples
MP3_LEAD = 11_520  # samples: a frame leans on up to nine before it, which a seek leaves out
SILENCE_DBFS = -90.0  # below one step of 16 bit: nothing but dither can be in there
# By libsndfile's names, and for FLAC in an MP4; what is not here stores no samples, but what they can be guessed from.
BITS = {
    "PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64, "ALAW": 8, "ULAW": 8,
    "ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32, "FLAC_16": 16, "FLAC_24": 24,
}  # fmt: skip

Source = Path | bytes  # a file on disk, or the bytes of an upload


@dataclass(frozen=True)
class Header:
    """What a sound file says of itself, read without decoding it."""

    frames: int
    sample_rate: int
    channels: int
    container: str
    codec: str

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate

    @property
    def bits(self) -> int | None:
        """Bits a sample, as stored; None for a codec that stores no samples, like Vorbis or MP3."""
        return BITS.get(self.codec)


@dataclass(frozen=True)
class Sound:
    """A decoded sound: ``waveform`` of shape ``(samples,)`` at ``sample_rate`` Hz, and what is odd about its file."""

    name: str
    waveform: np.ndarray
    sample_rate: int
    header: Header
    notes: tuple[str, ...] = ()
    truncated: bool = False

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.waveform) / self.sample_rate


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
    Heard(header.frames).require_sound(name)
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
        samples, gave_up = _decoded(file, file.frames)
        header, tracks = header_of(file, len(samples)), tracks_of(file)
    heard = Heard(len(samples), gave_up, peak_dbfs(samples))
    if not np.isfinite(samples).all():
        heard.not_numbers = int(np.count_nonzero(~np.isfinite(samples)))
    heard.require_sound(name)
    sample_rate = sample_rate or header.sample_rate
    waveform = resample(mono(samples), header.sample_rate, sample_rate)
    heard.mean_dbfs = peak_dbfs(waveform)
    notes, truncated = heard.notes(name, source, header, tracks, sample_rate)
    return Sound(name, waveform, sample_rate, header, notes, truncated)


@dataclass
class Heard:
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
    gave_up: bool = False
    peak_dbfs: float = float("-inf")
    mean_dbfs: float = float("-inf")
    not_numbers: int = 0

    def require_sound(self, name: str) -> None:
        """Raise where there is no sample, or one that is no number."""
        if not self.frames:
            raise AudiotagError(f"{name} holds no samples, by its header; leave it out or record it again.")
        if self.not_numbers:
            raise AudiotagError(
                f"{name} holds {self.not_numbers} samples that are not numbers (NaN or infinite); "
                "sound must be finite, so export it again from its source."
            )

    def notes(
        self, name: str, source: Source, header: Header, tracks: int, sample_rate: int
    ) -> tuple[tuple[str, ...], bool]:
        """What is odd about the sound, as sentences, once it is to have this sample rate; whether it is truncated."""
        notes = []
        promised, ends_early = promised_end(source, header)
        truncated = self.frames < 0.999 * promised or self.gave_up or ends_early
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
        if isinstance(file, AvSound):
            return mono(file.decoded(start, start + frames)[0])
        lead = start  # what cannot be sought is read from its start
        if file.seekable():
            lead = min(start, MP3_LEAD) if file.format == "MP3" else 0
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


def peak_dbfs(waveform: np.ndarray) -> float:
    """Level of the largest sample in dB re full scale; −inf for digital silence."""
    peak = max(float(waveform.max(initial=0.0)), -float(waveform.min(initial=0.0)))  # no copy: it may be long
    return 20 * float(np.log10(peak)) if peak > 0 else float("-inf")


def rms_dbfs(waveform: np.ndarray) -> float:
    """Root-mean-square level in dB re full scale (a full-scale square wave has 0); −inf for digital silence."""
    power = float(np.mean(np.square(waveform, dtype=np.float64))) if len(waveform) else 0.0
    return 10 * float(np.log10(power)) if power > 0 else float("-inf")


def trim_bounds(
    waveform: np.ndarray, sample_rate: int, threshold_db: float = 20.0, pad_s: float = 0.02
) -> tuple[int, int]:
    """Where a clip starts and ends once silence at both ends is trimmed, as fastaudio's ``RemoveSilence`` does.

    Frames of 2048 samples, a hop of ``pad_s``, are loud when their RMS is less than ``threshold_db`` below the
    loudest frame's; the clip is kept from the first to the last loud frame, and ``pad_s`` on both sides.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,)
    sample_rate : int
        In Hz.
    threshold_db : float
        Positive, in dB below the loudest frame.
    pad_s : float
        Seconds; also the hop between frames.

    Returns
    -------
    tuple[int, int]
        First sample and the one after the last.

    Notes
    -----
    The reference is fastaudio 1.0.2 over librosa's ``effects.split``: frames are centred with zeros at the ends, and
    a clip shorter than one pad is kept whole.
    """
    n_samples, hop, frame = len(waveform), int(pad_s * sample_rate), 2048
    if hop > n_samples or n_samples == 0:
        return 0, n_samples
    padded = np.pad(waveform, frame // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop]
    power = np.einsum("ij,ij->i", frames, frames) / np.float32(frame)
    level_db = 10 * np.log10(np.maximum(power, 1e-10)) - 10 * np.log10(max(float(power.max()), 1e-10))
    loud = np.flatnonzero(level_db > -threshold_db)
    start = min(int(loud[0]) * hop, n_samples)
    end = min((int(loud[-1]) + 1) * hop, n_samples)
    return max(start - hop, 0), min(end + hop, n_samples)


def wav_bytes(waveform: np.ndarray, sample_rate: int) -> bytes:
    """The waveform as a 16-bit WAV, at the level it has."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform, -1, 1), sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def header_of(file: soundfile.SoundFile | AvSound, frames: int) -> Header:
    """What an opened file says of itself; ``frames`` is its length where it does not say it."""
    told = frames if file.frames == UNKNOWN_FRAMES else max(file.frames, 0)
    return Header(told, file.samplerate, file.channels, file.format, file.subtype)


def tracks_of(file: soundfile.SoundFile | AvSound) -> int:
    """How many sound tracks an opened file has."""
    return file.tracks if isinstance(file, AvSound) else 1


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

    def __init__(self, file: soundfile.SoundFile | AvSound, most: int | None = None, size: int = BLOCK) -> None:
        self._file, self._most, self._size = file, file.frames if most is None else most, size
        self.gave_up = False

    def __iter__(self) -> Iterator[np.ndarray]:
        if not isinstance(self._file, AvSound):
            return self._of_libsndfile(self._file)
        return self._of_ffmpeg(self._file)

    def _of_ffmpeg(self, file: AvSound) -> Iterator[np.ndarray]:
        yield from file.blocks()
        self.gave_up = file.gave_up

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
        self.gave_up = bool(failure) and "seek" not in failure


def _decoded(file: soundfile.SoundFile | AvSound, most: int) -> tuple[np.ndarray, bool]:
    """Up to ``most`` samples, shape ``(samples, channels)``, and whether the decoder gave up before the end.

    What a header says of a length may be unknown or absurd: such files are read by blocks.
    """
    if isinstance(file, AvSound):
        return file.decoded()
    reading = Blocks(file, most, most if most <= WHOLE else BLOCK)
    blocks = list(reading)
    samples = blocks[0] if len(blocks) == 1 else np.concatenate([np.empty((0, file.channels), np.float32), *blocks])
    return samples, reading.gave_up


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


def _sound_file(source: Source, name: str) -> soundfile.SoundFile | AvSound:
    """With libsndfile where it can, else with FFmpeg."""
    import soundfile

    try:
        file = soundfile.SoundFile(str(source) if isinstance(source, Path) else io.BytesIO(source))
    except soundfile.LibsndfileError as error:
        if container := container_by_content(source):
            return AvSound(source, container, name)
        raise _unreadable(name, error) from error
    # What is named .mp3 libsndfile takes for one, and plays noise.
    if file.format == "MP3" and (container := container_by_content(source)):
        file.close()
        return AvSound(source, container, name)
    return file


def _unreadable(name: str, error: soundfile.LibsndfileError) -> AudiotagError:
    reason = error.error_string.removeprefix("Error : ").rstrip(".")
    if "does not exist" in reason:  # what libsndfile says of an MP3 without a frame; the file is there
        reason = "Damaged, or of another format than its name says"
    return AudiotagError(f"{name} cannot be read as a sound ({READABLE} can): {reason}.")
