"""Sound that libsndfile cannot read, through FFmpeg: M4A and AAC, WebM, and the sound tracks of videos.

Conventions: positions are in samples of what is decoded. The first sample is the first that the container wants to be
heard: an encoder's priming is left out where an edit list (MP4, MOV) or a codec delay (Matroska, WebM) tells of it.
ADTS knows neither, so an AAC stream keeps its priming, 1024 samples as a rule, in its header as in what is decoded. A
track that begins later than its video begins with its first sample, not with silence.

Which container a file is, its content decides, and FFmpeg is held to that one and to decoders of sound: of its many
formats some are playlists, which would have it open other files and addresses.
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

from audiotag.audio.containers import UNKNOWN_FRAMES, adts_length, ends_early
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream

DEMUXERS = {
    "MP4": "mov", "MOV": "mov", "WEBM": "matroska", "MATROSKA": "matroska", "ADTS": "aac", "ASF": "asf", "AVI": "avi",
}  # fmt: skip
EXACT = ("MP4", "MOV")  # their tables say a length to the sample; Matroska says milliseconds, AVI frames
LIBSNDFILE_NAMES = {
    "mp3": "MPEG_LAYER_III", "pcm_mulaw": "ULAW", "pcm_alaw": "ALAW", "pcm_u8": "PCM_U8", "pcm_s8": "PCM_S8",
    "pcm_f32le": "FLOAT", "pcm_f32be": "FLOAT", "pcm_f64le": "DOUBLE", "pcm_f64be": "DOUBLE",
}  # fmt: skip
FIRST_ROOM = 1 << 16  # samples that there is room for at first
ABSURD_FRAMES = 1 << 48  # centuries: no length, but damage


class FFmpegFile:
    """The first sound track of a file, described in the words of ``soundfile.SoundFile``.

    Parameters
    ----------
    source : Path or bytes
    container : str
        A key of `DEMUXERS`, as `audiotag.audio.containers.container_by_content` finds it.
    name : str
        What messages call the sound.

    Attributes
    ----------
    frames : int
        Length in samples a channel, as the container says; `UNKNOWN_FRAMES` where it does not, like a live WebM.
    samplerate : int
        In Hz.
    channels : int
    format, subtype : str
        Container and codec; by libsndfile's names where it has one.
    tracks : int
        Sound tracks in the file.
    gave_up : bool
        Whether the decoder failed before the end of what it was asked for.

    Raises
    ------
    AudiotagError
        If it is damaged, has no sound track, or one that cannot be decoded.
    """

    def __init__(self, source: Path | bytes, container: str, name: str) -> None:
        av = _av()
        self._source, self._name, self.format = source, name, container
        with ExitStack() as closing:
            file = closing.enter_context(source.open("rb") if isinstance(source, Path) else io.BytesIO(source))
            try:
                self._container = closing.enter_context(
                    av.open(
                        file,
                        format=DEMUXERS[container],
                        container_options={"codec_whitelist": _sound_decoders()},
                        metadata_errors="replace",
                    )
                )
            except av.FFmpegError as error:
                raise self._unreadable(error) from error
            self._stream = self._sound_track()
            self.tracks = len(self._container.streams.audio)
            self.samplerate, self.channels = self._stream.rate, self._stream.channels
            if not self.samplerate or not self.channels:
                raise AudiotagError(f"{name} is damaged: its sound track tells no sample rate; export it again.")
            self.subtype = codec_name(self._stream.codec_context)
            self.decoder_failed = False
            announced = self._announced()
            self.frames = announced if 0 < announced < ABSURD_FRAMES else UNKNOWN_FRAMES
            self._closing = closing.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def decoded(self, start: int = 0, stop: int | None = None) -> tuple[np.ndarray, bool]:
        """Samples ``start`` to ``stop``, the end by default; whether the decoder gave up before. Once an object.

        A lossy codec carries state from the first sample on, so only what is stored without loss is sought; all else
        is decoded from its beginning, and what is not wanted is dropped.

        Returns
        -------
        numpy.ndarray, shape=(samples, channels), float32
            In [-1, 1], which what is decoded from a lossy codec may pass a little.
        bool
        """
        samples, done = np.empty((0, self.channels), np.float32), 0
        for block in self.blocks(start, stop):
            if done + len(block) > len(samples):
                # In place and by a share of what there is: long sounds must fit into memory once, not twice.
                room = max(done + len(block), done + done // 4, FIRST_ROOM)
                samples.resize((room, self.channels), refcheck=False)
            samples[done : done + len(block)] = block
            done += len(block)
        samples.resize((done, self.channels), refcheck=False)
        return samples, self.decoder_failed

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
        """`decoded`, frame by frame of the codec; at the end `gave_up` says whether that was before its time."""
        stop = min(UNKNOWN_FRAMES if stop is None else stop, self.frames if self._tells_length else UNKNOWN_FRAMES)
        position = 0
        if start >= stop:
            return
        try:
            seeks = self._seek(start)
            for frame in self._decoded_frames():
                if seeks:
                    position, seeks = self._position_of(frame), False
                block = self._floats_of(frame)[max(start - position, 0) : max(stop - position, 0)]
                position += frame.samples
                if len(block):
                    yield block
                if position >= stop:
                    break
        except _av().FFmpegError as error:
            if not position:
                raise self._unreadable(error) from error
            self.decoder_failed = True

    def _sound_track(self) -> AudioStream:
        streams = self._container.streams
        if not streams.audio:
            if ends_early(self._source, self.format):
                raise AudiotagError(f"{self._name} is truncated before its sound begins; copy it again.")
            kinds = ", ".join(sorted({stream.type for stream in streams})) or "none"
            raise AudiotagError(f"{self._name} has no sound: a sound track is needed, its tracks are: {kinds}.")
        track = streams.audio[0]
        if track.codec_context is None:
            raise AudiotagError(
                f"{self._name} holds sound of a codec that is not known, or copy-protected; export it as WAV."
            )
        for stream in streams:
            if stream is not track:
                stream.discard = _av().stream.Discard.all
        return track

    @property
    def _tells_length(self) -> bool:
        """Whether the container tells the length to the sample; a fragmented MP4, without a table, does not."""
        return self.format in EXACT and bool(self._stream.frames)

    def _announced(self) -> int:
        """Samples by the container; 0 where it does not say."""
        if self.format == "ADTS":
            samples, rate = adts_length(self._source)
            return samples * self.samplerate // rate  # the core's; high-efficiency AAC doubles its rate
        if self.format in ("MATROSKA", "WEBM"):
            return round(self._matroska_seconds() * self.samplerate)
        ticks = self._stream.frames if self.format == "AVI" else self._stream.duration
        return round((ticks or 0) * (self._stream.time_base or 0) * self.samplerate)

    def _matroska_seconds(self) -> float:
        """By the tag that most writers give each track; the container itself knows only the longest track's."""
        if "DURATION" in self._stream.metadata:
            return _clock_seconds(self._stream.metadata["DURATION"])
        alone = len(self._container.streams) == 1
        return (self._container.duration or 0) / 1_000_000 if alone else 0.0  # microseconds, with FFmpeg

    def _decoded_frames(self) -> Iterator[AudioFrame]:
        """What the decoder gives, up to a failure; before its first sample, failures are passed over."""
        failure, begun = None, False
        for packet in self._container.demux(self._stream):
            if packet.is_corrupt:  # the file ends within it
                break
            try:
                frames = packet.decode()
            except _av().FFmpegError as error:
                if begun:
                    raise
                failure = error
                continue
            begun = begun or bool(frames)
            yield from frames
        if failure and not begun:
            raise failure

    def _floats_of(self, frame: AudioFrame) -> np.ndarray:
        """The samples of a frame, shape ``(samples, channels)``."""
        if frame.sample_rate != self.samplerate:
            raise AudiotagError(
                f"{self._name} must keep one sample rate, it changes from {self.samplerate} Hz to {frame.sample_rate} "
                "Hz; convert it to WAV."
            )
        try:
            stored = frame.to_ndarray()
        except ValueError as error:  # integers of 64 bits
            kind = frame.format.name
            raise AudiotagError(
                f"{self._name} holds samples of an unusual kind ({kind}); convert it to WAV."
            ) from error
        channels = frame.layout.nb_channels
        samples: np.ndarray = stored.T if frame.format.is_planar else stored.reshape(-1, channels)
        samples = samples.astype(np.float32, copy=False)
        if stored.dtype.kind == "u":
            samples = (samples - 128) / 128
        elif stored.dtype.kind == "i":
            samples = samples / 2.0 ** (8 * stored.dtype.itemsize - 1)
        # Broadcasts switch between stereo and surround; what counts is the mean, and that is kept.
        return samples if channels == self.channels else samples.mean(axis=1, keepdims=True, dtype=np.float32)

    def _seek(self, start: int) -> bool:
        """Go to a frame at or before ``start`` where what comes is the same as from the beginning."""
        lossless = self.subtype.startswith(("PCM_", "ALAC", "FLAC", "FLOAT", "DOUBLE", "ULAW", "ALAW"))
        in_samples = (self._stream.time_base or 0) * self.samplerate == 1
        if not (start and lossless and in_samples and self._tells_length):
            return False
        self._container.seek(start + (self._stream.start_time or 0), stream=self._stream)
        return True

    def _position_of(self, frame: AudioFrame) -> int:
        return (frame.pts or 0) - (self._stream.start_time or 0)

    def _unreadable(self, error: Exception) -> AudiotagError:
        reason = getattr(error, "strerror", None) or str(error)
        return AudiotagError(
            f"{self._name} cannot be read as a sound: its {self.format} is damaged, cut short or still being written "
            f"({reason}); copy or export it again."
        )


def codec_name(context: AudioCodecContext) -> str:
    """What the codec is called in a header; what stores samples carries their bits in its name.

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


def _clock_seconds(text: str) -> float:
    """Seconds of ``00:00:02.023000000``; 0 where it is none."""
    try:
        hours, minutes, seconds = text.split(":")
        length_s = 3600.0 * float(hours) + 60.0 * float(minutes) + float(seconds)
    except ValueError:
        return 0.0
    return length_s if np.isfinite(length_s) else 0.0


@cache
def _av() -> ModuleType:
    """PyAV, loaded when the first file needs it; FFmpeg keeps what it thinks of files to itself."""
    import av

    av.logging.set_level(None)
    return av


@cache
def _sound_decoders() -> str:
    """Names of FFmpeg's decoders of sound: no picture is to be decoded to learn of a sound."""
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
