"""Turn a path, bytes or waveform to be tagged into what the audio reader takes: a path, or the bytes of a file.

A waveform becomes a WAV file of 32-bit floats in memory, which holds its samples exactly. So a waveform and a file
with the same samples are checked, mixed to mono, resampled and tagged by the same code.
"""

from __future__ import annotations

import io
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.audio.header import Source
from audiotag.checks import Within, require
from audiotag.remote.addresses import as_path

Taggable = str | Path | bytes | np.ndarray
FILE_TYPES = (str, Path, bytes, bytearray, memoryview)  # a path, or the bytes of a file
MAX_WAV_BYTES = 1 << 32  # of samples; the size field of a WAV file has 32 bits


def readable_source(source: Taggable, sample_rate: int | None = None) -> Source:
    """A path or the bytes of a sound file.

    Parameters
    ----------
    source : str, Path, bytes or numpy.ndarray
        A path or an address, the bytes of a sound file, or a waveform: floating point, finite, full scale at ±1, of
        shape (samples,) or (channels, samples).
    sample_rate : int, optional
        Sample rate of a waveform in Hz.

    Raises
    ------
    AudiotagError
        If the waveform or its sample rate is not as above, or if a file comes with a sample rate.

    Examples
    --------
    >>> str(readable_source("a.wav"))
    'a.wav'
    >>> readable_source(np.zeros(4), 16_000)[:4]
    b'RIFF'
    """
    if isinstance(source, FILE_TYPES):
        hint = "it is for a waveform only"
        require(sample_rate is None, "sample_rate", "be left out for a file, which states its own", sample_rate, hint)
        return as_path(source) if isinstance(source, str | Path) else bytes(source)
    return _wav_of_floats(_check_waveform(np.asarray(source)), _check_rate(sample_rate))


def _check_waveform(waveform: np.ndarray) -> np.ndarray:
    """The waveform as float32, shape (channels, samples)."""
    require(
        np.issubdtype(waveform.dtype, np.floating),
        "a waveform",
        "be floating point with full scale at 1",
        waveform.dtype,
        "divide 16-bit samples by 32768.0, or pass a path or the bytes of a file",
    )
    require(waveform.size > 0, "a waveform", "have samples", f"shape {waveform.shape}", "is the recording empty?")
    rule = "have the shape (samples,) or (channels, samples)"
    require(waveform.ndim in (1, 2), "a waveform", rule, f"shape {waveform.shape}", "tag one clip at a time")
    waveform = np.atleast_2d(waveform)
    hint = "is it (samples, channels)? then pass waveform.T"
    require(waveform.shape[0] <= waveform.shape[1], "a waveform", rule, f"shape {waveform.shape}", hint)
    count = int(np.count_nonzero(~np.isfinite(waveform)))
    require(not count, "a waveform", "be finite", f"{count} samples that are NaN or infinite", "replace or cut them")
    require(waveform.size * 4 < MAX_WAV_BYTES, "a waveform", "be below 4 GiB", waveform.size * 4, "pass a file instead")
    return waveform.astype(np.float32)


def _check_rate(sample_rate: Any) -> int:
    require(sample_rate is not None, "sample_rate", "be given with a waveform", "None", "give it in Hz, such as 44100")
    bounds = Within(100, 999_999, "Hz")
    is_number = isinstance(sample_rate, Integral | Real) and not isinstance(sample_rate, bool)
    is_whole = is_number and float(sample_rate).is_integer() and bounds.accepts(sample_rate)
    require(is_whole, "sample_rate", f"be a whole number {bounds}", sample_rate, "the unit is Hz, not kHz")
    return int(sample_rate)


def _wav_of_floats(waveform: np.ndarray, sample_rate: int) -> bytes:
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, waveform.T, sample_rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()
