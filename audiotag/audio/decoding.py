"""Decode an open audio file block by block.

Conventions: a block is float32 with shape ``(samples, channels)``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import numpy as np

from audiotag.audio.containers import UNKNOWN_FRAMES, ogg_seek_limit
from audiotag.audio.header import Header, Source
from audiotag.audio.isolation import IsolatedFile
from audiotag.audio.limits import frames_at_once
from audiotag.audio.opening import OpenFile
from audiotag.audio.pcm_layout import PCM_CONTAINERS

if TYPE_CHECKING:
    import soundfile

# Codecs in which libsndfile finds any sample; it seeks to wrong places in a cut ADPCM, and cannot seek in others.
SEEKABLE = ("PCM", "FLOAT", "DOUBLE", "ULAW", "ALAW", "ALAC", "VORBIS", "OPUS", "MPEG")
BLOCK_SAMPLES = 1 << 20  # per channel; fewer of many channels
MP3_LEAD_SAMPLES = 11_520  # an MP3 frame depends on up to nine frames before it, which a seek does not decode


class BlockReader:
    """Decode an open file, one block after the other.

    Parameters
    ----------
    file : soundfile.SoundFile or IsolatedFile
    max_frames : int, optional
        Samples per channel to decode from a file of libsndfile; all by default.
    block_samples : int
        Samples per channel in a block, at most; another process may give fewer.

    Attributes
    ----------
    decoder_failed : bool
        Whether the decoder failed before the end; final after the last block.
    lost : int
        Samples that could not be decoded; final after the last block.
    """

    def __init__(self, file: OpenFile, max_frames: int | None = None, block_samples: int = BLOCK_SAMPLES) -> None:
        self._file, self._block_samples = file, frames_at_once(file.channels, block_samples)
        self._max_frames = file.frames if max_frames is None else max_frames
        self.decoder_failed, self.lost = False, 0

    def __iter__(self) -> Iterator[np.ndarray]:
        if not isinstance(self._file, IsolatedFile):
            return self._read_libsndfile(self._file)
        return self._read_isolated(self._file)

    def _read_isolated(self, file: IsolatedFile) -> Iterator[np.ndarray]:
        yield from file.blocks(max_samples=self._block_samples)
        self.decoder_failed, self.lost = file.decoder_failed, file.lost

    def _read_libsndfile(self, file: soundfile.SoundFile) -> Iterator[np.ndarray]:
        """Yield blocks up to the end or a failure.

        libsndfile writes samples into the block before it fails. The block is filled with NaN first, so the samples
        before the first NaN are those that were decoded.
        """
        import soundfile

        if file.format == "MP3":
            file.seekable = lambda: False  # else soundfile seeks between blocks, which damages an MP3
        failure, begin = "", file.tell() if file.format == "FLAC" else 0
        is_pcm_16 = file.subtype == "PCM_16" and file.format in PCM_CONTAINERS and file.seekable()
        done = (yield from self._read_pcm_16(file)) if is_pcm_16 else 0
        while done < self._max_frames and not failure:
            block = np.full((min(self._block_samples, self._max_frames - done), file.channels), np.nan, np.float32)
            try:
                read = len(file.read(out=block))
            except soundfile.LibsndfileError as error:
                read = int(np.append(np.isnan(block[:, 0]), True).argmax())
                if file.format == "FLAC":  # what this block holds of a damaged frame is not to be relied on
                    yield from self._go_on_with_ffmpeg(file, begin + done, begin + self._max_frames)
                    return
                if not done + read:
                    raise
                failure = error.error_string
            yield block[:read]
            done += read
            if read < len(block):
                break
        self.decoder_failed = bool(failure)

    def _read_pcm_16(self, file: soundfile.SoundFile) -> Generator[np.ndarray, None, int]:
        """Yield 16-bit samples as the same floats as libsndfile, in a third of its time.

        Returns
        -------
        int
            Number of frames that need not be read any more: all, or those before a block that cannot be read.
        """
        import soundfile

        done = 0
        while done < self._max_frames:
            frames, start = min(self._block_samples, self._max_frames - done), file.tell()
            try:
                samples = file.read(out=np.empty((frames, file.channels), np.int16))
            except soundfile.LibsndfileError:
                file.seek(start)
                return done
            block = samples.astype(np.float32)
            block *= np.float32(1 / 32_768)
            yield block
            done += len(block)
            if len(block) < frames:
                break
        return self._max_frames

    def _go_on_with_ffmpeg(self, file: soundfile.SoundFile, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yield the rest of a FLAC at whose first damage libsndfile stops."""
        with file.open_with_ffmpeg() as rest:
            yield from rest.blocks(start, stop)
            self.decoder_failed, self.lost = rest.decoder_failed, rest.lost


def to_mono(samples: np.ndarray) -> np.ndarray:
    """The mean of the channels, ``(samples, channels)`` → ``(samples,)``."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


def seek_near(file: soundfile.SoundFile, source: Source, start: int) -> int:
    """Seek to a position from which a file of libsndfile decodes the same samples as from its beginning.

    Parameters
    ----------
    file : soundfile.SoundFile
    source : Path or bytes
        What was opened.
    start : int
        First sample that is wanted.

    Returns
    -------
    int
        Number of samples from there to ``start``.
    """
    if not file.subtype.startswith(SEEKABLE) or not file.seekable():
        return start
    at = start
    if file.format == "MP3":
        at = max(0, start - MP3_LEAD_SAMPLES)
    elif file.format == "OGG" and file.subtype == "VORBIS":
        at = min(start, ogg_seek_limit(source))
    file.seek(at)
    return start - at


def header_from(file: OpenFile, decoded_frames: int) -> Header:
    """Header of an open file; ``decoded_frames`` is its length if the container does not give one."""
    frames = decoded_frames if file.frames == UNKNOWN_FRAMES else max(file.frames, 0)
    return Header(frames, file.samplerate, file.channels, file.format, file.subtype)


def count_tracks(file: OpenFile) -> int:
    """Number of sound tracks of an open file."""
    return file.tracks if isinstance(file, IsolatedFile) else 1
