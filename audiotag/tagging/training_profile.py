"""Whether a clip is like the sounds that an ensemble was trained on: by sample rate, bandwidth and level.

What lies far from all of them is tagged all the same, with a note: the scores of a network say little there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audiotag.audio.levels import SILENCE_DBFS, peak_dbfs, rms_dbfs
from audiotag.features.measures import average_spectrum, bandwidth_hz
from audiotag.tagging.ensemble import PROFILED

MEASURED_S = 60.0  # of a long sound
EDGES = (2, 50, 98)  # percentiles
LEVEL_MARGIN_DB = 6.0
OCTAVES_MARGIN = 0.5  # of bandwidth


def sound_levels(waveform: np.ndarray, sample_rate: int) -> dict[str, float]:
    """``bandwidth_hz`` and ``rms_dbfs`` of a waveform, ``(samples,)``; empty for silence."""
    waveform = waveform[: int(MEASURED_S * sample_rate)]
    if peak_dbfs(waveform) < SILENCE_DBFS:
        return {}
    dc = float(np.mean(waveform, dtype=np.float64))
    return {
        "bandwidth_hz": bandwidth_hz(*average_spectrum(waveform, sample_rate, dc)),
        "rms_dbfs": rms_dbfs(waveform),
    }


def profile(clips: list[dict[str, float]]) -> dict[str, Any]:
    """What training clips are like: of each figure of `sound_levels` the 2nd, 50th and 98th percentile; and how many."""
    clips = [clip for clip in clips if clip]
    if not clips:
        return {}
    figures: dict[str, Any] = {
        name: [round(float(value), 1) for value in np.percentile([clip[name] for clip in clips], EDGES)]
        for name in PROFILED
    }
    return figures | {"clips": len(clips)}


def unlike_training_sounds(name: str, clip: dict[str, float], sounds: dict[str, Any]) -> list[str]:
    """Sentences on how a clip, `sound_levels`, lies outside a `profile`; none for a card without one."""
    notes: list[str] = []
    if not clip or not sounds:
        return notes
    low, _, high = sounds["bandwidth_hz"]
    if clip["bandwidth_hz"] < low / 2**OCTAVES_MARGIN:
        notes.append(
            f"{name} is unlike the training sounds: it reaches up to {clip['bandwidth_hz'] / 1000:.1f} kHz, "
            f"they to between {low / 1000:.1f} and {high / 1000:.1f} kHz; its tags are doubtful."
        )
    low, _, high = sounds["rms_dbfs"]
    level = clip["rms_dbfs"]
    if not low - LEVEL_MARGIN_DB <= level <= high + LEVEL_MARGIN_DB:
        side, fix = ("quieter", "raise") if level < low else ("louder", "lower")
        notes.append(
            f"{name} is {side} than the training sounds: {level:.0f} dBFS RMS, they between {low:.0f} and {high:.0f}; "
            f"{fix} its level, or read its tags with care."
        )
    return notes
