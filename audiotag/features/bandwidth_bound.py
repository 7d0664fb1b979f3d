"""Prove from a few segments of a sound that its bandwidth is at least so much, without its whole spectrum.

With |X_s[k]|² the power spectrum of segment s of a waveform x under the window w of length L, the average spectrum
over n segments is P[k] = 2·Σ_s |X_s[k]|² / (n·L·Σw²), see `audiotag.features.accumulators.SpectrumMeter`. The bandwidth
is the highest frequency with P[k] ≥ max(P)·10⁻⁶. Two bounds follow:

- some of the segments alone give at most P[k];
- max(P) ≤ Σ_k P[k] = Σ_s Σ(w·x)² / (n·Σw²) (Parseval), and as Hann windows that overlap by half weigh each sample by
  cos⁴ + sin⁴ ≤ 1 in total, that is at most Σx² / (n·Σw²).

So if 2·Σ|X_s[k]|² over some segments is at least 10⁻⁶·L·Σx² for a bin at a frequency or above it, the bandwidth is at
least that frequency. The loudest segments show it for most sounds; where they do not, the answer is not known.
"""

from __future__ import annotations

import numpy as np

from audiotag.audio.levels import FRAME_SAMPLES, frame_powers
from audiotag.features.accumulators import SEGMENT_SAMPLES
from audiotag.features.measures import BANDWIDTH_DB
from audiotag.features.mel import window

LOUDEST_SEGMENTS = 4
ROUNDING = 1.001  # both sides are computed in single precision


def certainly_reaches(waveform: np.ndarray, sample_rate: int, dc: float, frequency_hz: float) -> bool:
    """Whether the bandwidth of a waveform is certainly at least a frequency; False where that is not certain.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), float32
    sample_rate : int
        In Hz.
    dc : float
        DC offset, subtracted from every sample first.
    frequency_hz : float

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=44_100).astype(np.float32)
    >>> certainly_reaches(noise, 44_100, 0.0, 15_000.0), certainly_reaches(noise, 44_100, 0.0, 30_000.0)
    (True, False)
    """
    hop = SEGMENT_SAMPLES // 2
    segments = (len(waveform) - SEGMENT_SAMPLES) // hop + 1
    first_bin = np.ceil(frequency_hz * SEGMENT_SAMPLES / sample_rate)
    if segments < 1 or first_bin >= SEGMENT_SAMPLES // 2:
        return False
    from scipy.fft import rfft

    powers = frame_powers(waveform)
    rest = waveform[len(powers) * FRAME_SAMPLES :]
    total = float(powers.sum(dtype=np.float64)) * FRAME_SAMPLES + float(np.vdot(rest, rest)) - len(waveform) * dc**2
    per_hop = powers[: (segments + 1) * (hop // FRAME_SAMPLES)].reshape(segments + 1, -1).sum(axis=1)
    loudest = np.argsort(per_hop[:-1] + per_hop[1:])[-LOUDEST_SEGMENTS:]
    batch = np.stack([waveform[number * hop :][:SEGMENT_SAMPLES] for number in loudest]) - np.float32(dc)
    batch *= window("hann", SEGMENT_SAMPLES)
    spectra = rfft(batch, axis=1, overwrite_x=True)[:, int(first_bin) : SEGMENT_SAMPLES // 2]
    shown = 2 * float((np.square(spectra.real) + np.square(spectra.imag)).sum(axis=0).max())
    return shown >= ROUNDING * 10 ** (-BANDWIDTH_DB / 10) * SEGMENT_SAMPLES * total
