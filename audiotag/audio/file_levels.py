"""Measure the levels of a file as it is stored: all channels, at its own sample rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiotag.audio.decoding import BlockReader
from audiotag.audio.header import Source
from audiotag.audio.levels import peak_dbfs
from audiotag.audio.opening import open_audio, source_name


@dataclass(frozen=True)
class FileLevels:
    """Levels of a file.

    Attributes
    ----------
    peak_dbfs : float
        Of the largest sample of all channels; −inf for digital silence.
    rms_dbfs : float
        Of the mean power of all channels.
    """

    peak_dbfs: float
    rms_dbfs: float


def read_levels(source: Source, name: str | None = None) -> FileLevels:
    """Decode a sound block by block and measure its levels.

    The mono mix of a stereo file is quieter wherever its channels differ, and a resampled waveform has other peaks.

    Parameters
    ----------
    source : Path or bytes
    name : str, optional
        The name that messages use for the sound; the file name by default.

    Raises
    ------
    AudiotagError
        If the file cannot be read.
    """
    peak, power, values = float("-inf"), 0.0, 0
    with open_audio(source, name or source_name(source)) as file:
        for samples in BlockReader(file):
            peak = max(peak, peak_dbfs(samples))
            power += float(np.square(samples, dtype=np.float64).sum())
            values += samples.size
    return FileLevels(peak, 10 * float(np.log10(power / values)) if power > 0 else float("-inf"))
