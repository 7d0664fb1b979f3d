"""Compare the bandwidth and the level of a clip with those of the sounds that an ensemble was trained on.

A clip that differs from all of them is tagged, too, but gets a note: the scores of a network mean little there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from audiotag.audio.levels import SILENCE_DBFS, peak_dbfs, rms_dbfs
from audiotag.features.bandwidth_bound import certainly_reaches
from audiotag.features.measures import average_spectrum, bandwidth_hz
from audiotag.tagging.card import PROFILE_FIGURES
from audiotag.wording import as_number

MAX_MEASURED_S = 60.0  # from the start of a sound
PERCENTILES = (2, 50, 98)
LEVEL_MARGIN_DB = 6.0
BANDWIDTH_MARGIN_OCTAVES = 0.5


def sound_levels(waveform: np.ndarray, sample_rate: int, enough_hz: float = math.inf) -> dict[str, float]:
    """Measure the bandwidth and the level of a sound.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), float32
        Only the first `MAX_MEASURED_S` are measured.
    sample_rate : int
        In Hz.
    enough_hz : float
        Where the bandwidth is certainly at least this, it is given as this: its exact figure takes 15 times as long.

    Returns
    -------
    dict[str, float]
        ``bandwidth_hz`` and ``rms_dbfs``; empty for silence.
    """
    waveform = waveform[: int(MAX_MEASURED_S * sample_rate)]
    if peak_dbfs(waveform) < SILENCE_DBFS:
        return {}
    dc = float(np.mean(waveform, dtype=np.float64))
    if certainly_reaches(waveform, sample_rate, dc, enough_hz):
        return {"bandwidth_hz": enough_hz, "rms_dbfs": rms_dbfs(waveform)}
    spectrum = average_spectrum(waveform, sample_rate, dc)
    return {"bandwidth_hz": bandwidth_hz(*spectrum), "rms_dbfs": rms_dbfs(waveform)}


def lowest_bandwidth_hz(sounds: dict[str, Any]) -> float:
    """The bandwidth below which a clip is unlike the training sounds with this `profile`."""
    return float(sounds["bandwidth_hz"][0] / 2**BANDWIDTH_MARGIN_OCTAVES)


def profile(clips: list[dict[str, float]]) -> dict[str, Any]:
    """Summarise the levels of training clips.

    Parameters
    ----------
    clips : list[dict[str, float]]
        From `sound_levels`; silent clips are not counted.

    Returns
    -------
    dict
        The 2nd, 50th and 98th percentile of each figure, and ``clips``, their number. Empty without clips.
    """
    clips = [clip for clip in clips if clip]
    if not clips:
        return {}
    figures: dict[str, Any] = {
        name: [round(float(value), 1) for value in np.percentile([clip[name] for clip in clips], PERCENTILES)]
        for name in PROFILE_FIGURES
    }
    return figures | {"clips": len(clips)}


def unlike_training_sounds(name: str, clip: dict[str, float], sounds: dict[str, Any]) -> list[str]:
    """Say in what a clip differs from the training sounds.

    Parameters
    ----------
    name : str
        The clip's name.
    clip : dict[str, float]
        Its `sound_levels`.
    sounds : dict
        The `profile` of the training sounds; may be empty.

    Returns
    -------
    list[str]
        Sentences; empty if the clip does not differ, is silent, or there is no profile.
    """
    notes: list[str] = []
    if not clip or not sounds:
        return notes
    low, _, high = sounds["bandwidth_hz"]
    if clip["bandwidth_hz"] < lowest_bandwidth_hz(sounds):
        notes.append(
            f"{name} is unlike the training sounds: its highest frequency is {clip['bandwidth_hz'] / 1000:.1f} kHz, "
            f"theirs are {low / 1000:.1f} to {high / 1000:.1f} kHz; its tags are doubtful."
        )
    low, _, high = sounds["rms_dbfs"]
    level = clip["rms_dbfs"]
    if not low - LEVEL_MARGIN_DB <= level <= high + LEVEL_MARGIN_DB:
        side, fix = ("quieter", "raise") if level < low else ("louder", "lower")
        own, lowest, highest = (as_number(value, ".0f") for value in (level, low, high))
        notes.append(
            f"{name} is {side} than the training sounds: its level is {own} dBFS RMS, theirs are {lowest} to {highest} "
            f"dBFS; {fix} its level, or do not rely on its tags."
        )
    return notes
