"""TODO."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

# By libsndfile's names, and for FLAC in an MP4; what is not here stores no samples, but what they can be guessed from.
BITS_PER_SAMPLE = {
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
        return BITS_PER_SAMPLE.get(self.codec)


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
