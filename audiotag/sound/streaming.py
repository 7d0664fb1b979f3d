"""Sounds of any length in constant memory: decoded, mixed to mono and resampled block by block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audiotag.sound.audio import Source, read_sound


class LongSound:
    """A sound that is read from its start to its end.

    Parameters
    ----------
    source : Path or bytes
    sample_rate : int
        Wanted rate in Hz.
    name : str, optional
        What messages call the sound; the file name by default.

    Attributes
    ----------
    notes : tuple[str, ...]
        What is odd about it; complete once all blocks are read.
    """

    def __init__(self, source: Source, sample_rate: int, name: str | None = None) -> None:
        self._sound = read_sound(source, sample_rate, name)
        self.name, self.notes = self._sound.name, self._sound.notes

    def blocks(self) -> Iterator[np.ndarray]:
        """Mono float32 waveforms at the wanted rate, one after the other, of some seconds each."""
        yield self._sound.waveform
