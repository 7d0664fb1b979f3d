"""Define the results of reading an audio file: its header, and its decoded sound."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

# Codecs by libsndfile's names, and FLAC in an MP4. A codec that is not listed here is lossy and stores no samples.
BITS_PER_SAMPLE = {
    "PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64, "ALAW": 8, "ULAW": 8,
    "ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32, "FLAC_16": 16, "FLAC_24": 24,
}  # fmt: skip


Source = Path | bytes  # a file on disk, or the bytes of an upload


@dataclass(frozen=True)
class Header:
    """The format and length of an audio file, read without decoding it.

    Attributes
    ----------
    frames : int
        Samples per channel.
    sample_rate : int
        In Hz.
    channels : int
    container, codec : str
        In upper case, such as ``WAV`` and ``PCM_16``; libsndfile's names where it has one.
    notes : tuple[str, ...]
        One sentence for everything in the file that is lost, salvaged or in another place than one would expect.
    """

    frames: int
    sample_rate: int
    channels: int
    container: str
    codec: str
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate

    @property
    def bits(self) -> int | None:
        """Bits per stored sample; None for a lossy codec such as Vorbis or MP3, which stores no samples."""
        return BITS_PER_SAMPLE.get(self.codec)


@dataclass(frozen=True)
class Sound:
    """A decoded sound.

    Attributes
    ----------
    name : str
        The name that messages use for it.
    waveform : numpy.ndarray, shape=(samples,), float32
        Mono, in [-1, 1].
    sample_rate : int
        Sample rate of the waveform in Hz; the header has that of the file.
    header : Header
    notes : tuple[str, ...]
        One sentence for each unusual property of the file.
    truncated : bool
        Whether the end of the file is missing.
    content : str
        Hash of the decoded samples before resampling, see `audiotag.audio.content`; empty where it was not computed.
    """

    name: str
    waveform: np.ndarray
    sample_rate: int
    header: Header
    notes: tuple[str, ...] = ()
    truncated: bool = False
    content: str = ""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.waveform) / self.sample_rate
