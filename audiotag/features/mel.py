"""Compute mel scales, windows and the mel filter bank.

Conventions: frequencies in Hz; a filter is a triangle between three neighbouring corners on the mel scale, so
``n_mels`` bands have ``n_mels + 2`` corners.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from audiotag.features.settings import MelScale, SpectrogramSettings, Window

AMIN = 1e-10  # smallest power (or amplitude) before the logarithm, as in torchaudio's AmplitudeToDB: −100 dB of power
# A window is the sum of (−1)^m · weight · cos(2π m n / win_length) over the weights' positions m.
WINDOW_COSINES: dict[Window, tuple[float, ...]] = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "rectangular": (1.0,),
}


def mel_frequencies(settings: SpectrogramSettings) -> np.ndarray:
    """Centre frequency of each mel band in Hz, shape ``(n_mels,)``."""
    return mel_corners(settings)[1:-1]


def empty_bands(settings: SpectrogramSettings) -> np.ndarray:
    """Indices of the mel bands that no FFT bin falls into; these rows of a log-mel spectrogram stay at the floor."""
    return np.flatnonzero(np.asarray(mel_matrix(settings).sum(axis=1)).ravel() == 0)


def hz_to_mel(frequency_hz: np.ndarray | float, scale: MelScale) -> np.ndarray:
    """Convert frequencies in Hz to mels.

    ``htk`` is O'Shaughnessy's 2595·log10(1 + f/700). ``slaney`` (Auditory Toolbox, 1998) is linear up to 1 kHz with
    3 mel per 200 Hz, then logarithmic with 27 mel per factor of 6.4 in frequency.

    >>> float(hz_to_mel(1000, "slaney")), round(float(hz_to_mel(1000, "htk")))
    (15.0, 1000)
    """
    frequency_hz = np.asarray(frequency_hz, dtype=np.float64)
    if scale == "htk":
        return 2595 * np.log10(1 + frequency_hz / 700)
    logarithmic = 15 + 27 * np.log(np.maximum(frequency_hz, 1000) / 1000) / np.log(6.4)
    return np.where(frequency_hz < 1000, frequency_hz * 3 / 200, logarithmic)


def mel_to_hz(mel: np.ndarray | float, scale: MelScale) -> np.ndarray:
    """Convert mels to frequencies in Hz; the inverse of `hz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((np.maximum(mel, 15) - 15) / 27))


def mel_corners(settings: SpectrogramSettings) -> np.ndarray:
    """The corners of the triangles in Hz, shape ``(n_mels + 2,)``.

    Corners on the HTK scale are rounded as in torchaudio, which computes them in float32. That moves a corner by up to
    0.004 Hz and changes a band by up to 0.002 dB, when all sound lies at the foot of its triangle. The published
    networks were trained on these rounded corners.
    """
    ends = hz_to_mel(np.array([settings.f_min, settings.f_max]), settings.mel_scale)
    if settings.mel_scale == "slaney":
        return mel_to_hz(np.linspace(ends[0], ends[1], settings.n_mels + 2), "slaney")
    lowest, highest = _round_to_float32(ends)
    steps = np.arange(settings.n_mels + 2)
    step = _round_to_float32((highest - lowest) / (settings.n_mels + 1))
    is_upper_half = steps >= len(steps) // 2  # torch.linspace counts from both ends
    mels = _round_to_float32(np.where(is_upper_half, highest - step * steps[::-1], lowest + step * steps))
    return _round_to_float32(700 * _round_to_float32(_round_to_float32(10 ** _round_to_float32(mels / 2595)) - 1))


def _round_to_float32(values: np.ndarray) -> np.ndarray:
    """Round float64 values to the nearest float32 values."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


@lru_cache(maxsize=32)
def window(name: Window, win_length: int) -> np.ndarray:
    """A periodic window, as torch computes it, shape ``(win_length,)``, float32."""
    angle = 2 * np.pi * np.arange(win_length) / win_length
    weights = WINDOW_COSINES[name]
    return sum((-1) ** order * weight * np.cos(order * angle) for order, weight in enumerate(weights)).astype(
        np.float32
    )


@lru_cache(maxsize=32)
def mel_matrix(settings: SpectrogramSettings) -> Any:  # scipy.sparse.csr_array
    """The mel filter bank: one triangle per band over the FFT bins, shape ``(n_mels, n_fft // 2 + 1)``, sparse.

    A triangle has a height of 1, or with ``mel_norm="slaney"`` an area of 1.
    """
    import scipy.sparse

    bins = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate)
    corners = mel_corners(settings)
    widths = np.diff(corners)
    rising = (bins - corners[:-2, None]) / widths[:-1, None]
    falling = (corners[2:, None] - bins) / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    if settings.mel_norm == "slaney":
        triangles *= 2 / (corners[2:] - corners[:-2])[:, None]
    return scipy.sparse.csr_array(triangles.astype(np.float32))
