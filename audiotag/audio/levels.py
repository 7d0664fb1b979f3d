"""TODO."""

from __future__ import annotations

import numpy as np

SILENCE_DBFS = -90.0  # below one step of 16 bit: nothing but dither can be in there


def peak_dbfs(waveform: np.ndarray) -> float:
    """Level of the largest sample in dB re full scale; −inf for digital silence."""
    peak = max(float(waveform.max(initial=0.0)), -float(waveform.min(initial=0.0)))  # no copy: it may be long
    return 20 * float(np.log10(peak)) if peak > 0 else float("-inf")


def rms_dbfs(waveform: np.ndarray) -> float:
    """Root-mean-square level in dB re full scale (a full-scale square wave has 0); −inf for digital silence."""
    power = float(np.mean(np.square(waveform, dtype=np.float64))) if len(waveform) else 0.0
    return 10 * float(np.log10(power)) if power > 0 else float("-inf")
