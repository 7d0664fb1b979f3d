"""Measure the peak and RMS level of a waveform in dB re full scale (dBFS).

A square wave between −1 and 1 has an RMS level of 0 dBFS, a sine wave −3 dBFS.
"""

from __future__ import annotations

import numpy as np

SILENCE_DBFS = -90.0  # below one step of 16 bit, so that nothing but dither can be below it
FRAME_SAMPLES = 2048  # 46 ms at 44.1 kHz


def peak_dbfs(waveform: np.ndarray) -> float:
    """Level of the largest sample in dBFS; −inf for digital silence, NaN if a sample is NaN."""
    peak = max(float(waveform.max(initial=0.0)), -float(waveform.min(initial=0.0)))  # no copy: it may be long
    return float("-inf") if peak == 0 else 20 * float(np.log10(peak))


def rms_dbfs(waveform: np.ndarray) -> float:
    """Root-mean-square level in dBFS; −inf for digital silence and for a waveform without samples.

    The powers of frames are summed in float64, because a float32 sum drifts in long clips.
    """
    if not len(waveform):
        return float("-inf")
    powers = frame_powers(waveform)
    frame = min(FRAME_SAMPLES, len(waveform))
    rest = waveform[len(powers) * frame :]
    power = (float(powers.sum(dtype=np.float64)) * frame + float(np.vdot(rest, rest))) / len(waveform)
    return 10 * float(np.log10(power)) if power > 0 else float("-inf")


def frame_powers(waveform: np.ndarray) -> np.ndarray:
    """Mean square of each consecutive frame of 2048 samples, shape ``(frames,)``.

    A shorter waveform is one frame. Samples after the last whole frame are left out.
    """
    n_frames = max(1, len(waveform) // FRAME_SAMPLES)
    frames = waveform[: n_frames * FRAME_SAMPLES].reshape(n_frames, -1)
    return np.vecdot(frames, frames) / frames.shape[1]
