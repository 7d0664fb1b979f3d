"""The band energies of a sound over time, as they are compared to find out whether two clips are the same recording.

A sound is read at 16 kHz, and its log-mel spectrogram has 32 bands and a frame every 20 ms. In each band the mean of
the half second around each frame is subtracted. What is left are the fast fluctuations: those of noise, such as rain or
a room's background, are random, so they agree only in copies of one recording. A level, a filter and a slow decay, by
which different sounds resemble each other, are in the mean that is subtracted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter1d

from audiotag.audio.streaming import LongSound
from audiotag.features.log_mel import display_log_mel
from audiotag.features.settings import SpectrogramSettings

SETTINGS = SpectrogramSettings(
    sample_rate=16_000, clip_s=1.0, n_fft=1024, win_length=1024, hop_length=320, n_mels=32, f_min=100.0, f_max=7600.0,
    top_db=200.0, trim_db=0.0,
)  # fmt: skip
HOP_S = SETTINGS.hop_length / SETTINGS.sample_rate
MEAN_FRAMES = 25  # over which the subtracted mean is taken: half a second
RANGE_DB = 60.0  # below the loudest value of a sound; what is lower is not compared
MAX_LENGTH_S = 300.0  # of a sound that is compared
SCALE_DB = 0.25  # of one step of the 8-bit values: they reach from -32 to 32 dB


def read_band_energies(path: Path, clip: str) -> np.ndarray:
    """The band energies of the first five minutes of a sound.

    Parameters
    ----------
    path : Path
    clip : str
        Its name in messages.

    Returns
    -------
    numpy.ndarray, shape=(bands, frames), int8
        See `band_energies`.

    Raises
    ------
    AudiotagError
        If the sound cannot be read.
    """
    blocks, length = [], 0
    for block in LongSound(path, SETTINGS.sample_rate, clip).blocks():
        blocks.append(block)
        length += len(block)
        if length >= MAX_LENGTH_S * SETTINGS.sample_rate:
            break
    waveform = np.concatenate([np.empty(0, np.float32), *blocks])
    return band_energies(waveform[: int(MAX_LENGTH_S * SETTINGS.sample_rate)])


def band_energies(waveform: np.ndarray) -> np.ndarray:
    """The fast fluctuations of a waveform's band energies.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), float32
        At 16 kHz.

    Returns
    -------
    numpy.ndarray, shape=(bands, frames), int8
        In steps of `SCALE_DB`; 0 throughout in silence and in a band that the sound does not have.
    """
    decibels = display_log_mel(waveform, SETTINGS)
    floored = np.maximum(decibels, decibels.max() - RANGE_DB)
    fluctuations = floored - uniform_filter1d(floored, MEAN_FRAMES, axis=1, mode="nearest")
    return np.clip(np.round(fluctuations / SCALE_DB), -127, 127).astype(np.int8)
