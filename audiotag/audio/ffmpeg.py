"""Decode what libsndfile cannot read, or reads only in part, with FFmpeg.

Conventions: positions are in samples of the decoded sound. The first sample is the first one that the container
presents: the encoder's priming samples are left out where an edit list (MP4, MOV) or a codec delay (Matroska, WebM)
declares them. ADTS can declare neither, so an AAC stream keeps its priming, usually 1024 samples. A track that begins
later than its video begins with its first sample, not with silence, and a note says so.

Where the container gives the length in samples (MP4, MOV, the frames of an MP3, a whole FLAC), that many are decoded:
what is damaged is silence, so that all other samples keep their places. Everywhere else damage is left out.

The container is detected from the content of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from audiotag.audio.containers import UNKNOWN_FRAMES, adts_length, is_cut
from audiotag.audio.ffmpeg_track import FrameConverter, NoSoundError, Track, codec_name, load_av, open_for_ffmpeg
from audiotag.audio.flac_frames import states_its_length
from audiotag.audio.parts import Part, plan_of
from audiotag.audio.pcm_layout import PCM_CONTAINERS
from audiotag.audio.rates import RateKeeper
from audiotag.audio.wrong_files import PROTECTED, PROTECTED_TAGS
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

DEMUXERS = {
    "MP4": "mov", "MOV": "mov", "WEBM": "matroska", "MATROSKA": "matroska", "ADTS": "aac", "ASF": "asf", "AVI": "avi",
    "WAV": "wav", "WAVEX": "wav", "RF64": "wav", "W64": "w64", "AIFF": "aiff", "CAF": "caf", "AU": "au",
    "OGG": "ogg", "FLAC": "flac", "MP3": "mp3", "AMR": "amr", "FLV": "flv", "MPEG": "mpeg", "TS": "mpegts",
    "AC3": "ac3", "EAC3": "eac3", "DTS": "dts", "DTSHD": "dtshd", "TRUEHD": "truehd", "MLP": "mlp", "APE": "ape",
    "WAVPACK": "wv", "TTA": "tta", "TAK": "tak", "MUSEPACK": "mpc", "MUSEPACK8": "mpc8", "SHORTEN": "shn",
    "DSF": "dsf", "DFF": "iff", "QOA": "qoa", "OMA": "oma", "REAL": "rm", "MXF": "mxf", "LATM": "loas", "VOC": "voc",
    "SOX": "sox",
}  # fmt: skip
SAMPLE_EXACT = ("MP4", "MOV")  # their tables give a length in samples; Matroska gives milliseconds, AVI frames
MAX_OVERSTATED_S, MAX_OVERSTATED_SHARE = 0.2, 0.01  # by a container that counts milliseconds or codec frames
MIN_LATE_S = 0.1  # codecs delay the sound by some hundredths
MAX_PLAUSIBLE_FRAMES = 1 << 48  # centuries of sound: a longer length is damage
MAX_GAP_SAMPLES = 1 << 24  # in a FLAC of unknown length; a longer one is a false number
SILENCE_AT_ONCE = 1 << 16  # samples


class FFmpegFile:
    """The first sound track of a file, with attributes named as in ``soundfile.SoundFile``.

    Parameters
    ----------
    source : Path or bytes
    container : str
        A key of `DEMUXERS`, as `audiotag.audio.containers.detect_container` returns it.
    name : str
        The name that messages use for the sound.

    Attributes
    ----------
    frames : int
        Length in samples per channel, if that is known without decoding; else `UNKNOWN_FRAMES`.
    stated : int
        Length that the container states, right or wrong; 0 if it states none.
    promised : int
        Length that a file which is damaged or cut should have; 0 if it is whole or that is unknown.
    is_cut : bool
        Whether the structure of the container continues after the last byte of the file.
    samplerate : int
        In Hz.
    channels : int
    format, subtype : str
        Container and codec; libsndfile's names where it has one.
    tracks : int
        Number of sound tracks in the file.
    notes : list[str]
        Sentences about parts and places of the sound.
    damage : str
        What is damaged, as a part of a sentence.
    decoder_failed : bool
        Whether the end of the sound could not be decoded.
    lost : int
        Samples that could not be decoded.

    Raises
    ------
    AudiotagError
        If the file is damaged, has no sound track, or its sound track cannot be decoded.
    """

    def __init__(self, source: Path | bytes, container: str, name: str) -> None:
        self._source, self._name, self.format = source, name, container
        self._plan = plan_of(source, container)
        self.decoder_failed, self.lost = False, 0
        with ExitStack() as closing:
            self._file = closing.enter_context(open_for_ffmpeg(source))
            self._track = self._open_part(self._plan.parts[0])
            closing.callback(lambda: self._track.close())
            self._describe(self._track)
            self._closing = closing.pop_all()

    def _describe(self, track: Track) -> None:
        """Set the attributes."""
        if track.stream.codec_context is None:
            raise AudiotagError(f"{self._name} holds sound of an unknown or copy-protected codec; export it as WAV.")
        if self.format in SAMPLE_EXACT and track.codec_tag in PROTECTED_TAGS:
            raise AudiotagError(f"{self._name} {PROTECTED}.")
        self.tracks = track.tracks
        self.samplerate, self.channels = track.stream.rate, track.stream.channels
        if not self.samplerate or not self.channels:
            raise AudiotagError(f"{self._name} is damaged: its sound track has no sample rate; export it again.")
        codec = codec_name(track.stream.codec_context)
        self.subtype = codec.replace("FLAC_", "PCM_") if self.format == "FLAC" else codec
        self.damage, self.notes = self._plan.damage, self._plan.notes(self._name)
        self.is_cut = self._plan.is_cut or is_cut(self._source, self.format)
        stated = self._stated_frames(track)
        self.stated = stated if 0 < stated < MAX_PLAUSIBLE_FRAMES else 0
        self.frames = self.stated if self.stated and self._has_exact_length(track) else UNKNOWN_FRAMES
        if self.format == "MP3":
            self.promised = self._at_our_rate(self._plan.promised, self._plan.promised_rate)
        else:  # in a whole file it may count milliseconds, whole codec frames, or the longest of several tracks
            self.promised = self.stated if self.is_cut or self.format in ("OGG", "FLAC") else 0
        self._states_its_length = self._states_the_length_of(track)
        if (late_s := track.starts_late_s) >= MIN_LATE_S:
            self.notes.append(
                f"The sound of {self._name} begins {late_s:.2f} s after the start of the file; times count from its "
                "first sample."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
        """Decode samples ``start`` to ``stop``, by default to the end; call it once per object.

        The state of a lossy codec depends on all samples before, so this seeks only in lossless codecs. All others
        are decoded from the beginning, and the samples before ``start`` are dropped.

        Yields
        ------
        numpy.ndarray, shape=(samples, channels), float32
            One block per frame of the codec, in [-1, 1]; samples of a lossy codec may lie slightly outside. A block
            without samples shows that the decoder is at work before ``start``.
        """
        stop = min(UNKNOWN_FRAMES if stop is None else stop, self.frames)
        if start >= stop:
            return
        position = 0
        try:
            position, frames = self._frames_from(start)
            for block in self._fill(self._all_blocks(frames, position), position):
                yield block[max(start - position, 0) : max(stop - position, 0)]
                position += len(block)
                if position >= stop:
                    break
            if not position and self._track.failed_last:
                raise self._unreadable_error(ValueError("no part of its sound is whole"))
        except MemoryError:  # one of FFmpeg's errors, too
            raise
        except load_av().FFmpegError as error:
            if not position:
                raise self._unreadable_error(error) from error
            self.decoder_failed = True

    def _frames_from(self, start: int) -> tuple[int, Iterator[AudioFrame | int]]:
        """The position of the first frame that is decoded for samples from ``start`` on, and the frames from there."""
        track = self._track
        frames = track.frames()
        if not self._seek(track, start):
            return 0, frames
        first = next(frames, None)
        if first is None or isinstance(first, int):
            return start, frames
        position = (first.pts or 0) - (track.stream.start_time or 0)
        if position > start:  # the frame with that sample is damaged
            return start, chain([position - start, first], frames)
        return position, chain([first], frames)

    def _all_blocks(self, frames: Iterator[AudioFrame | int], position: int) -> Iterator[np.ndarray]:
        """Yield the samples of all parts, the first of which begins with these frames."""
        rates = RateKeeper(self.samplerate)
        for number, part in enumerate(self._plan.parts):
            if number:
                self._track.close()
                self._track = self._open_part(part)
                frames, position = self._track.frames(), 0
            for block, rate in self._part_blocks(frames, part, position):
                yield from rates.convert(block, rate)
            self.decoder_failed = self.decoder_failed or self._track.failed_last
        yield from rates.flush()
        if rates.has_resampled and len(self._plan.parts) == 1:
            self.notes.append(f"{self._name} changes its sample rate; all of it is used at {self.samplerate} Hz.")

    def _part_blocks(
        self, frames: Iterator[AudioFrame | int], part: Part, position: int
    ) -> Iterator[tuple[np.ndarray, int]]:
        """Yield the samples of one part and their rate in Hz."""
        convert = FrameConverter(self.channels).convert
        skip, left, rate = part.skip, UNKNOWN_FRAMES if part.length is None else part.length, self.samplerate
        for frame in frames:
            if isinstance(frame, int):  # could not be decoded
                self.lost += frame
                block = np.zeros((frame if self._is_exact else 0, self.channels), np.float32)
            else:
                rate = frame.sample_rate
                for silence in self._gap_before(frame, position):
                    position += len(silence)
                    yield silence, rate
                block = convert(frame)
            position += len(block)
            skipped = min(skip, len(block))
            block = block[skipped:][:left]
            skip, left = skip - skipped, left - len(block)
            yield block, rate
        if part.length is not None and self._is_exact and left:
            self.lost += left
            yield from ((silence, rate) for silence in _silence(left, self.channels))

    def _gap_before(self, frame: AudioFrame, position: int) -> Iterator[np.ndarray]:
        """Yield silence in place of damaged frames of a FLAC: the others know their places."""
        missing = (frame.pts or 0) - position
        may_have_gaps = self.format == "FLAC" and (position or self._is_exact)
        if not may_have_gaps or not 0 < missing <= (self.stated or MAX_GAP_SAMPLES):
            return
        self.lost += missing
        yield from _silence(missing, self.channels)

    def _fill(self, blocks: Iterator[np.ndarray], position: int) -> Iterator[np.ndarray]:
        """Yield the blocks, and silence in place of samples that the container counts and that are not there."""
        for block in blocks:
            position += len(block)
            yield block
        if self._is_exact and position < self.frames:
            if not position:
                return
            self.lost += self.frames - position
            yield from _silence(self.frames - position, self.channels)
        overstated = max(MAX_OVERSTATED_S * self.samplerate, MAX_OVERSTATED_SHARE * self.stated)
        if self._states_its_length and position < self.stated - overstated:
            self.promised = self.stated

    def _open_part(self, part: Part) -> Track:
        try:
            return Track(self._file, DEMUXERS[self.format], part.ranges)
        except NoSoundError as error:
            if is_cut(self._source, self.format):
                raise AudiotagError(f"{self._name} is truncated before its sound begins; copy it again.") from error
            kinds = error.kinds
            sentence = f"{self._name} has no sound: a sound track is needed, its tracks are: {kinds}."
            raise AudiotagError(sentence) from error
        except MemoryError:  # one of FFmpeg's errors, too
            raise
        except load_av().FFmpegError as error:
            raise self._unreadable_error(error) from error

    @property
    def _is_exact(self) -> bool:
        return self.frames != UNKNOWN_FRAMES

    def _states_the_length_of(self, track: Track) -> bool:
        """Whether the stated length is that of the sound, and not that of the longest track or an estimate."""
        if track.starts_late_s >= MIN_LATE_S:
            return False
        is_only_track = len(track.container.streams) == 1
        return self.format in ("MATROSKA", "WEBM", "AVI") or (is_only_track and self.format in ("ASF", "FLV"))

    def _has_exact_length(self, track: Track) -> bool:
        """Whether the stated length is that of the decoded sound."""
        if self.format in SAMPLE_EXACT:  # a fragmented one has no table of its samples
            return bool(track.stream.frames) and not self.is_cut and track.has_regular_times
        if self.format == "MP3":
            return len(set(self._plan.rates)) == 1
        return self.format == "FLAC" and len(self._plan.parts) == 1 and states_its_length(self._source, True)

    def _stated_frames(self, track: Track) -> int:
        """Samples per channel by the container; 0 if it does not give them."""
        if self.format == "MP3":
            return sum(self._at_our_rate(part.length or 0, rate) for part, rate in self._parts_and_rates())
        if self.format in ("OGG", "FLAC"):
            return self._at_our_rate(self._plan.promised, self._plan.promised_rate)
        if self.format == "ADTS":
            samples, rate = adts_length(self._source)
            return self._at_our_rate(samples, rate)  # of the core stream; high-efficiency AAC doubles the rate
        if self.format in SAMPLE_EXACT and track.stream.frames and not track.has_regular_times:
            return 0
        if self.format in PCM_CONTAINERS:  # compressed samples, of which their headers state a wrong number or none
            return 0
        if self.format in ("MATROSKA", "WEBM"):
            return round(_matroska_seconds(track) * self.samplerate)
        ticks = track.stream.frames if self.format == "AVI" else track.stream.duration
        return round((ticks or 0) * (track.stream.time_base or 0) * self.samplerate)

    def _parts_and_rates(self) -> Iterator[tuple[Part, int]]:
        return zip(self._plan.parts, self._plan.rates, strict=False)

    def _at_our_rate(self, samples: int, rate: int) -> int:
        return round(samples * self.samplerate / rate) if rate else samples

    def _seek(self, track: Track, start: int) -> bool:
        """Seek to a frame at or before ``start``, where that decodes the same samples; whether it did."""
        lossless = self.subtype.startswith(("PCM_", "ALAC", "FLAC", "FLOAT", "DOUBLE", "ULAW", "ALAW"))
        is_indexed = self.format in SAMPLE_EXACT and len(track.stream.index_entries) > 2
        if not (start and lossless and is_indexed and track.counts_samples and self._is_exact):
            return False
        track.container.seek(start + (track.stream.start_time or 0), stream=track.stream)
        return True

    def _unreadable_error(self, error: Exception) -> AudiotagError:
        reason = plain_reason(error)
        return AudiotagError(
            f"{self._name} cannot be read as a sound: its {self.format} is damaged, cut short or still being written "
            f"({reason}); copy or export it again."
        )


def _silence(samples: int, channels: int) -> Iterator[np.ndarray]:
    """Yield blocks of silence."""
    while samples > 0:
        yield np.zeros((min(samples, SILENCE_AT_ONCE), channels), np.float32)
        samples -= SILENCE_AT_ONCE


def _matroska_seconds(track: Track) -> float:
    """Length of a track by the tag that most programs write; the container has only that of the longest track."""
    if "DURATION" in track.stream.metadata:
        return _clock_seconds(track.stream.metadata["DURATION"])
    is_only_track = len(track.container.streams) == 1
    return (track.container.duration or 0) / 1_000_000 if is_only_track else 0.0  # FFmpeg counts microseconds


def _clock_seconds(text: str) -> float:
    """Seconds of a text like ``00:00:02.023000000``; 0 for any other text."""
    try:
        hours, minutes, seconds = text.split(":")
        length_s = 3600.0 * float(hours) + 60.0 * float(minutes) + float(seconds)
    except ValueError:
        return 0.0
    return length_s if np.isfinite(length_s) else 0.0
