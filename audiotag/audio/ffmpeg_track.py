"""Open the first sound track of a file with FFmpeg and decode it frame by frame.

FFmpeg may only use the demuxer that it is given and audio decoders: some of its other formats are playlists, which
could make it open other files and network addresses.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from audiotag.audio.byte_ranges import Range, RangesFile
from audiotag.remote.addresses import is_remote
from audiotag.remote.reading import RangedFile

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.packet import Packet

LIBSNDFILE_NAMES = {
    "mp3": "MPEG_LAYER_III", "mp2": "MPEG_LAYER_II", "mp1": "MPEG_LAYER_I", "pcm_mulaw": "ULAW", "pcm_alaw": "ALAW",
    "gsm_ms": "GSM610", "gsm": "GSM610",
    "pcm_u8": "PCM_U8", "pcm_s8": "PCM_S8", "pcm_f32le": "FLOAT", "pcm_f32be": "FLOAT", "pcm_f64le": "DOUBLE",
    "pcm_f64be": "DOUBLE",
}  # fmt: skip
MAX_PLANES = 7  # PyAV 18.1 reads past the pointers of a frame with more
# Codecs with checksums, which FFmpeg ignores unless told otherwise: damage would be decoded to noise.
CHECKSUMS = {
    "flac": "crccheck+explode", "tta": "crccheck+explode", "wavpack": "crccheck+explode", "ac3": "crccheck",
    "eac3": "crccheck",
}  # fmt: skip
PADDED_DEMUXERS = ("wav", "w64", "aiff", "caf", "au")  # the last packet has the rest of the file, and may be padding
MAX_FAILURES_IN_A_ROW = 64  # of reading the next packet: the rest of the file is damaged


def open_for_ffmpeg(source: Path | bytes) -> BinaryIO:
    """Open a file, a long remote sound, or the bytes of an upload."""
    if not isinstance(source, Path):
        return io.BytesIO(source)
    return RangedFile(source) if is_remote(source) else _File(source)  # type: ignore[return-value]


class _File(io.FileIO):
    """A file in which FFmpeg may seek anywhere, as damaged sizes make it do. PyAV would print an exception."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek; -1 if there is no such position."""
        try:
            return super().seek(offset, whence)
        except (OSError, ValueError):
            return -1


class NoSoundError(Exception):
    """A file has no sound track.

    Parameters
    ----------
    kinds : str
        The kinds of its tracks.
    """

    def __init__(self, kinds: str) -> None:
        super().__init__(kinds)
        self.kinds = kinds


class Track:
    """The first sound track of a file.

    Parameters
    ----------
    file : BinaryIO
    demuxer : str
        FFmpeg's name of the format.
    ranges : tuple of (int, int), optional
        The bytes of the file that are read; all by default.

    Attributes
    ----------
    container : av.container.InputContainer
    stream : av.AudioStream
    tracks : int
        Number of sound tracks.
    failed_last : bool
        Whether the last packet so far could not be decoded.

    Raises
    ------
    av.FFmpegError
        If the file is damaged.
    NoSoundError
        If it has no sound track.
    """

    def __init__(self, file: BinaryIO, demuxer: str, ranges: tuple[Range, ...] | None = None) -> None:
        self.failed_last = False
        self._demuxer = demuxer
        content: Any = file if ranges is None else RangesFile(file, ranges)
        with ExitStack() as closing:
            options = {"codec_whitelist": _audio_decoders()}
            self.container = closing.enter_context(
                load_av().open(content, format=demuxer, container_options=options, metadata_errors="replace")
            )
            self.stream = self._select()
            self.tracks = len(self.container.streams.audio)
            self._closing = closing.pop_all()

    def close(self) -> None:
        """Close what FFmpeg has opened, but not the file."""
        self._closing.close()

    @property
    def starts_late_s(self) -> float:
        """Seconds from the start of the file, usually of its video, to the first sample."""
        start, base = self.stream.start_time, self.stream.time_base
        if start is None or base is None or self.container.start_time is None:
            return 0.0
        return float(start * base) - self.container.start_time / 1_000_000  # FFmpeg counts microseconds

    @property
    def codec_tag(self) -> str:
        """The four letters that name the codec in the container; empty if those bytes are not letters."""
        try:
            return self.stream.codec_context.codec_tag
        except UnicodeDecodeError:
            return ""

    @property
    def counts_samples(self) -> bool:
        """Whether the times in the container are counted in samples."""
        return (self.stream.time_base or 0) * (self.stream.rate or 0) == 1

    @property
    def has_regular_times(self) -> bool:
        """Whether each packet begins where the one before ends, so that times are positions in the decoded sound.

        Programs that leave a gap in time, or let packets overlap, make all later times differ from the positions.
        """
        entries = self.stream.index_entries
        if not self.counts_samples or len(entries) < 3:
            return True
        first, last = entries[0].timestamp, entries[-1].timestamp
        return last - first == (len(entries) - 1) * (entries[1].timestamp - first)

    def frames(self) -> Iterator[AudioFrame | int]:
        """Yield the decoded frames, and in place of a packet that cannot be decoded the number of its samples.

        If all packets fail, their error is raised.
        """
        failure, has_begun, lost = None, False, 0
        for packet in self._packets():
            try:
                is_useless = packet.is_corrupt and self._demuxer not in PADDED_DEMUXERS
                frames = [] if is_useless else self.stream.codec_context.decode(packet)
            except load_av().FFmpegError as error:
                if isinstance(error, MemoryError):
                    raise
                if has_begun and packet.is_corrupt and self._demuxer in PADDED_DEMUXERS:
                    continue
                failure, self.failed_last = error, True
            else:
                if frames:
                    if lost:
                        yield lost
                    has_begun, self.failed_last, lost = True, False, 0
                    yield from frames
                if not is_useless:
                    continue
                self.failed_last = True  # the file ends inside it, or it lacks a piece
            lost += self._samples_of(packet)
        if lost and has_begun:
            yield lost
        if failure and not has_begun:
            raise failure

    def _packets(self) -> Iterator[Packet]:
        """Yield all packets; reading goes on after a damaged place."""
        failures = 0
        while failures < MAX_FAILURES_IN_A_ROW:
            try:
                for packet in self.container.demux(self.stream):
                    failures = 0
                    yield packet
                return
            except MemoryError:  # one of FFmpeg's errors, too
                raise
            except load_av().FFmpegError:
                failures += 1
                self.failed_last = True

    def _samples_of(self, packet: Packet) -> int:
        seconds = (packet.duration or 0) * (packet.time_base or 0)
        return round(seconds * (self.stream.rate or 0))

    def _select(self) -> AudioStream:
        streams = self.container.streams
        if not streams.audio:
            raise NoSoundError(", ".join(sorted({stream.type for stream in streams})) or "none")
        track = streams.audio[0]
        if track.codec_context is not None and (self._demuxer, track.codec_context.name) == ("caf", "alac"):
            # Its last packet is as short as its sound. FFmpeg cuts off once more what it lacks of a whole packet.
            track.codec_context.flags2 |= load_av().codec.context.Flags2.skip_manual
        if track.codec_context is not None and (checks := CHECKSUMS.get(track.codec_context.name)):
            track.codec_context.options = {"err_detect": checks}
        for stream in streams:
            if stream is not track:
                stream.discard = load_av().stream.Discard.all
        return track


class FrameConverter:
    """Decoded frames as arrays of floats with a fixed number of channels."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._interleaved_kind: tuple[str, str, int] | None = None

    def convert(self, frame: AudioFrame) -> np.ndarray:
        """Samples of a frame as float32, shape ``(samples, channels)``."""
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
        if channels == self._channels:
            return samples
        # Broadcasts switch between stereo and surround; only the mean of the channels is used, and it stays the same.
        mean = samples.mean(axis=1, keepdims=True, dtype=np.float32)
        return np.broadcast_to(mean, (len(mean), self._channels))

    def _interleave(self, frame: AudioFrame) -> AudioFrame:
        """The frame as interleaved 32-bit floats. That takes as long as decoding, so most frames are left as they are.

        FFmpeg scales integers as `convert` does, so the samples are the same.
        """
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._interleaved_kind:  # a broadcast may switch between stereo and surround
            self._interleaved_kind = kind
            self._interleaver = load_av().AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
        (interleaved,) = self._interleaver.resample(frame)
        return interleaved


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


@cache
def load_av() -> ModuleType:
    """Import PyAV when the first file needs it, and turn off the messages that FFmpeg prints."""
    import av

    av.logging.set_level(None)
    return av


@cache
def _audio_decoders() -> str:
    """Names of FFmpeg's audio decoders, with commas between: video is never decoded."""
    av = load_av()
    names = []
    for name in sorted(av.codecs_available):
        try:
            codec = av.Codec(name, "r")
        except ValueError:  # it only encodes
            continue
        if codec.type == "audio":
            names.append(name)
    return ",".join(names)
