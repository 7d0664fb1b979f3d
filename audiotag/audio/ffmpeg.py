"""Decode formats that libsndfile cannot read with FFmpeg: M4A and AAC, WebM, and the sound tracks of videos.

Conventions: positions are in samples of the decoded sound. The first sample is the first one that the container
presents: the encoder's priming samples are left out where an edit list (MP4, MOV) or a codec delay (Matroska, WebM)
declares them. ADTS can declare neither, so an AAC stream keeps its priming, usually 1024 samples, both in its header
and in the decoded sound. A track that begins later than its video begins with its first sample, not with silence.

The container is detected from the content of the file. FFmpeg may only use the demuxer of that container and audio
decoders: some of its other formats are playlists, which could make it open other files and network addresses.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from audiotag.audio.containers import UNKNOWN_FRAMES, adts_length, is_cut
from audiotag.audio.pcm_layout import PCM_CONTAINERS
from audiotag.audio.wrong_files import PROTECTED, PROTECTED_TAGS
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream

DEMUXERS = {
    "MP4": "mov", "MOV": "mov", "WEBM": "matroska", "MATROSKA": "matroska", "ADTS": "aac", "ASF": "asf", "AVI": "avi",
    "WAV": "wav", "WAVEX": "wav", "RF64": "wav", "W64": "w64", "AIFF": "aiff", "CAF": "caf", "AU": "au",
}  # fmt: skip
SAMPLE_EXACT = ("MP4", "MOV")  # their tables give a length in samples; Matroska gives milliseconds, AVI frames
LIBSNDFILE_NAMES = {
    "gsm_ms": "GSM610", "gsm": "GSM610",
    "mp3": "MPEG_LAYER_III", "pcm_mulaw": "ULAW", "pcm_alaw": "ALAW", "pcm_u8": "PCM_U8", "pcm_s8": "PCM_S8",
    "pcm_f32le": "FLOAT", "pcm_f32be": "FLOAT", "pcm_f64le": "DOUBLE", "pcm_f64be": "DOUBLE",
}  # fmt: skip
MAX_PLANES = 7  # PyAV 18.1 reads past the pointers of a frame with more
MAX_PLAUSIBLE_FRAMES = 1 << 48  # centuries of sound: a longer length is damage


class _File(io.FileIO):
    """A file in which FFmpeg may seek anywhere, as damaged sizes make it do. PyAV would print an exception."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek; -1 if there is no such position."""
        try:
            return super().seek(offset, whence)
        except (OSError, ValueError):
            return -1


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
        Length in samples per channel by the container; `UNKNOWN_FRAMES` if it has none, as in a live WebM.
    samplerate : int
        In Hz.
    channels : int
    format, subtype : str
        Container and codec; libsndfile's names where it has one.
    tracks : int
        Number of sound tracks in the file.
    decoder_failed : bool
        Whether the decoder failed before the end of the requested samples.

    Raises
    ------
    AudiotagError
        If the file is damaged, has no sound track, or its sound track cannot be decoded.
    """

    def __init__(self, source: Path | bytes, container: str, name: str) -> None:
        av = _av()
        self._source, self._name, self.format = source, name, container
        with ExitStack() as closing:
            file = closing.enter_context(_File(source) if isinstance(source, Path) else io.BytesIO(source))
            try:
                self._container = closing.enter_context(
                    av.open(
                        file,
                        format=DEMUXERS[container],
                        container_options={"codec_whitelist": _audio_decoders()},
                        metadata_errors="replace",
                    )
                )
            except MemoryError:  # one of FFmpeg's errors, too
                raise
            except av.FFmpegError as error:
                raise self._unreadable_error(error) from error
            self._stream = self._select_track()
            self.tracks = len(self._container.streams.audio)
            self.samplerate, self.channels = self._stream.rate, self._stream.channels
            if not self.samplerate or not self.channels:
                raise AudiotagError(f"{name} is damaged: its sound track has no sample rate; export it again.")
            self.subtype = codec_name(self._stream.codec_context)
            self.decoder_failed = False
            self._interleaved_kind: tuple[str, int] | None = None
            frames = self._container_frames()
            self.frames = frames if 0 < frames < MAX_PLAUSIBLE_FRAMES else UNKNOWN_FRAMES
            self._closing = closing.pop_all()

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
        stop = min(UNKNOWN_FRAMES if stop is None else stop, self.frames if self._has_exact_length else UNKNOWN_FRAMES)
        position = 0
        if start >= stop:
            return
        try:
            seeks = self._seek(start)
            for frame in self._decode_frames():
                if seeks:
                    position, seeks = self._position(frame), False
                block = self._to_floats(frame)[max(start - position, 0) : max(stop - position, 0)]
                position += frame.samples
                yield block
                if position >= stop:
                    break
        except MemoryError:  # one of FFmpeg's errors, too
            raise
        except _av().FFmpegError as error:
            if not position:
                raise self._unreadable_error(error) from error
            self.decoder_failed = True

    def _select_track(self) -> AudioStream:
        streams = self._container.streams
        if not streams.audio:
            if is_cut(self._source, self.format):
                raise AudiotagError(f"{self._name} is truncated before its sound begins; copy it again.")
            kinds = ", ".join(sorted({stream.type for stream in streams})) or "none"
            raise AudiotagError(f"{self._name} has no sound: a sound track is needed, its tracks are: {kinds}.")
        track = streams.audio[0]
        if track.codec_context is None:
            raise AudiotagError(f"{self._name} holds sound of an unknown or copy-protected codec; export it as WAV.")
        if self.format in SAMPLE_EXACT and _codec_tag(track) in PROTECTED_TAGS:
            raise AudiotagError(f"{self._name} {PROTECTED}.")
        if (self.format, track.codec_context.name) == ("CAF", "alac"):
            # Its last packet is as short as its sound. FFmpeg cuts off once more what it lacks of a whole packet.
            track.codec_context.flags2 |= _av().codec.context.Flags2.skip_manual
        for stream in streams:
            if stream is not track:
                stream.discard = _av().stream.Discard.all
        return track

    @property
    def _has_exact_length(self) -> bool:
        """Whether the container gives the length in samples; a fragmented MP4 has no table and does not."""
        return self.format in SAMPLE_EXACT and bool(self._stream.frames) and self._has_regular_times

    @property
    def _counts_samples(self) -> bool:
        return (self._stream.time_base or 0) * self.samplerate == 1

    @property
    def _has_regular_times(self) -> bool:
        """Whether each packet begins where the one before ends, so that times are positions in the decoded sound.

        Programs that leave a gap in time, or let packets overlap, make all later times differ from the positions.
        """
        entries = self._stream.index_entries
        if not self._counts_samples or len(entries) < 3:
            return True
        first, last = entries[0].timestamp, entries[-1].timestamp
        return last - first == (len(entries) - 1) * (entries[1].timestamp - first)

    def _container_frames(self) -> int:
        """Samples per channel by the container; 0 if it does not give them."""
        if self.format == "ADTS":
            samples, rate = adts_length(self._source)
            return samples * self.samplerate // rate  # of the core stream; high-efficiency AAC doubles the rate
        if self.format in SAMPLE_EXACT and self._stream.frames and not self._has_regular_times:
            return 0
        if self.format in PCM_CONTAINERS:  # compressed samples, of which their headers state a wrong number or none
            return 0
        if self.format in ("MATROSKA", "WEBM"):
            return round(self._matroska_seconds() * self.samplerate)
        ticks = self._stream.frames if self.format == "AVI" else self._stream.duration
        return round((ticks or 0) * (self._stream.time_base or 0) * self.samplerate)

    def _matroska_seconds(self) -> float:
        """Length of the track by the tag that most programs write; the container has only that of the longest track."""
        if "DURATION" in self._stream.metadata:
            return _clock_seconds(self._stream.metadata["DURATION"])
        is_only_track = len(self._container.streams) == 1
        return (self._container.duration or 0) / 1_000_000 if is_only_track else 0.0  # FFmpeg counts microseconds

    def _decode_frames(self) -> Iterator[AudioFrame]:
        """Yield the decoded frames; failures before the first one are skipped, a later one is raised."""
        failure, has_begun = None, False
        for packet in self._container.demux(self._stream):
            if packet.is_corrupt and self.format not in PCM_CONTAINERS:  # the file ends inside it
                break
            try:
                frames = packet.decode()
            except _av().FFmpegError as error:
                if has_begun and packet.is_corrupt:  # one byte of padding after the samples of a WAV
                    return
                if has_begun or isinstance(error, MemoryError):
                    raise
                failure = error
                continue
            has_begun = has_begun or bool(frames)
            yield from frames
        if failure and not has_begun:
            raise failure

    def _to_floats(self, frame: AudioFrame) -> np.ndarray:
        """Samples of a frame as float32, shape ``(samples, channels)``."""
        if frame.sample_rate != self.samplerate:
            raise AudiotagError(
                f"{self._name} must keep one sample rate, it changes from {self.samplerate} Hz to {frame.sample_rate} "
                "Hz; convert it to WAV."
            )
        is_planar, kind = frame.format.is_planar, frame.format.name
        if (is_planar and frame.layout.nb_channels > MAX_PLANES) or kind in ("s64", "s64p"):  # NumPy gets no int64
            frame = self._interleave(frame)
        stored = frame.to_ndarray()
        channels = frame.layout.nb_channels
        samples: np.ndarray = stored.T if frame.format.is_planar else stored.reshape(-1, channels)
        samples = samples.astype(np.float32, copy=False)
        if stored.dtype.kind == "u":
            samples = (samples - 128) / 128
        elif stored.dtype.kind == "i":
            samples = samples / 2.0 ** (8 * stored.dtype.itemsize - 1)
        # Broadcasts switch between stereo and surround; only the mean of the channels is used, and it stays the same.
        return samples if channels == self.channels else samples.mean(axis=1, keepdims=True, dtype=np.float32)

    def _interleave(self, frame: AudioFrame) -> AudioFrame:
        """The frame as interleaved 32-bit floats. That takes as long as decoding, so most frames are left as they are.

        FFmpeg scales integers as `_to_floats` does, so the samples are the same.
        """
        kind = (frame.format.name, frame.layout.nb_channels)
        if kind != self._interleaved_kind:  # a broadcast may switch between stereo and surround
            self._interleaved_kind = kind
            self._interleaver = _av().AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
        (interleaved,) = self._interleaver.resample(frame)
        return interleaved

    def _seek(self, start: int) -> bool:
        """Seek to a frame at or before ``start``, where that decodes the same samples; whether it did."""
        lossless = self.subtype.startswith(("PCM_", "ALAC", "FLAC", "FLOAT", "DOUBLE", "ULAW", "ALAW"))
        is_long = len(self._stream.index_entries) > 2
        if not (start and lossless and is_long and self._counts_samples and self._has_exact_length):
            return False
        self._container.seek(start + (self._stream.start_time or 0), stream=self._stream)
        return True

    def _position(self, frame: AudioFrame) -> int:
        return (frame.pts or 0) - (self._stream.start_time or 0)

    def _unreadable_error(self, error: Exception) -> AudiotagError:
        reason = getattr(error, "strerror", None) or str(error)
        return AudiotagError(
            f"{self._name} cannot be read as a sound: its {self.format} is damaged, cut short or still being written "
            f"({reason}); copy or export it again."
        )


def codec_name(context: AudioCodecContext) -> str:
    """Name of a codec as in `audiotag.audio.header.Header`; that of a lossless codec ends with its bits per sample.

    Returns
    -------
    str
        Like ``AAC``, ``OPUS``, ``PCM_16``, ``ALAC_24``, ``FLAC_16``.
    """
    name = context.codec.canonical_name
    cookie = context.extradata or b""
    if name in LIBSNDFILE_NAMES:
        return LIBSNDFILE_NAMES[name]
    if name.startswith("pcm_s"):
        return f"PCM_{''.join(filter(str.isdigit, name))}"
    if name == "alac" and len(cookie) > 17:  # a box's size, kind and version, then ALACSpecificConfig: bitDepth
        return f"ALAC_{cookie[17]}"
    if name == "flac" and len(cookie) > 13:  # STREAMINFO (RFC 9639, section 8.2)
        return f"FLAC_{((cookie[12] & 1) << 4 | cookie[13] >> 4) + 1}"
    return name.upper()


def _codec_tag(track: AudioStream) -> str:
    """The four letters of the codec in the container; empty if they are none."""
    try:
        return track.codec_context.codec_tag
    except UnicodeDecodeError:
        return ""


def _clock_seconds(text: str) -> float:
    """Seconds of a text like ``00:00:02.023000000``; 0 for any other text."""
    try:
        hours, minutes, seconds = text.split(":")
        length_s = 3600.0 * float(hours) + 60.0 * float(minutes) + float(seconds)
    except ValueError:
        return 0.0
    return length_s if np.isfinite(length_s) else 0.0


@cache
def _av() -> ModuleType:
    """Import PyAV when the first file needs it, and turn off the messages that FFmpeg prints."""
    import av

    av.logging.set_level(None)
    return av


@cache
def _audio_decoders() -> str:
    """Names of FFmpeg's audio decoders, with commas between: video is never decoded."""
    av = _av()
    names = []
    for name in sorted(av.codecs_available):
        try:
            codec = av.Codec(name, "r")
        except ValueError:  # it only encodes
            continue
        if codec.type == "audio":
            names.append(name)
    return ",".join(names)
