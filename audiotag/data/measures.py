"""What a clip is like, from its decoded sound: levels, noise floor, loudness, bandwidth, faults.

Levels are in dB re full scale: a square wave between −1 and 1 has an RMS level of 0 dBFS, a sine −3 dBFS.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.sound.audio import peak_dbfs, read_sound, rms_dbfs, trim_bounds

FRAME = 2048  # samples of a level frame, 46 ms at 44.1 kHz
SILENT_FRAME_DBFS = -60.0
FULL_SCALE = 32_766 / 32_768  # a sample this high stands at the end of 16 bit
CLIPPED_RUN = 3  # samples in a row at full scale: a peak alone may touch it
BANDWIDTH_DB = 60.0
LOUDEST_DBFS = 200.0  # only damaged float samples are beyond it, and their squares overflow
SHORTEST_LOUDNESS_S = 0.4  # one gating block of ITU-R BS.1770
LOWEST_LOUDNESS_HZ = 3000  # sample rate: below it the shelf of the K weighting, at 1.5 kHz, is no stable filter
# Nominal centres of the third-octave bands from 25 Hz to 20 kHz, and their exact ones, base ten (IEC 61260-1).
THIRD_OCTAVES_HZ = (25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000,
                    2500, 3150, 4000, 5000, 6300, 8000, 10_000, 12_500, 16_000, 20_000)  # fmt: skip
_EXACT_CENTRES_HZ = 10 ** (np.arange(14, 44) / 10)
_SEGMENT = 8192


@dataclass(frozen=True)
class Measures:
    """One clip's figures.

    Attributes
    ----------
    peak_dbfs, rms_dbfs, crest_db : float
        Largest sample, root mean square, and their distance; −inf, −inf and NaN for digital silence.
    noise_floor_dbfs : float
        10th percentile of the level of frames of 2048 samples; −200 for digital silence.
    loudness_lufs : float
        Integrated loudness, ITU-R BS.1770-4; NaN for silence, less than 0.4 s or a sample rate below 3 kHz.
    dc : float
        Mean of the samples, −1 to 1.
    clipped_share : float
        Share of samples in runs of three or more at full scale.
    silent_share : float
        Share of frames below −60 dBFS.
    bandwidth_hz : float
        Highest frequency at which the average spectrum, without the DC offset, is within 60 dB of its peak.
    trim_start_s, trim_end_s : float
        What trimming 20 dB below the loudest frame keeps.
    truncated : bool
        Whether the file ends before its header says.
    content : str
        A hash of the decoded samples: the same for the same sound, whatever its container says around it.
    third_octaves : tuple[float, ...]
        Mean power in the bands of `THIRD_OCTAVES_HZ`, full scale squared (10·log10 gives dBFS).
    """

    peak_dbfs: float
    rms_dbfs: float
    crest_db: float
    noise_floor_dbfs: float
    loudness_lufs: float
    dc: float
    clipped_share: float
    silent_share: float
    bandwidth_hz: float
    trim_start_s: float
    trim_end_s: float
    truncated: bool
    content: str
    third_octaves: tuple[float, ...]


def measure(path: Path) -> Measures:
    """Decode a clip at its own sample rate and measure it.

    Raises
    ------
    AudiotagError
        As `audiotag.sound.audio.read_sound`, and if its samples are far beyond what any sound has.
    """
    sound = read_sound(path)
    if (peak := peak_dbfs(sound.waveform)) > LOUDEST_DBFS:
        raise AudiotagError(
            f"{sound.name} has a peak of {peak:.0f} dBFS, and no sound is above {LOUDEST_DBFS:g} dBFS; its samples are "
            "damaged, so export it again from its source."
        )
    return measure_waveform(sound.waveform, sound.sample_rate, sound.truncated)


def measure_waveform(waveform: np.ndarray, sample_rate: int, truncated: bool = False) -> Measures:
    """`Measures` of a waveform of shape ``(samples,)``, at least one sample."""
    peak, rms = peak_dbfs(waveform), rms_dbfs(waveform)
    levels = frame_levels_dbfs(waveform)
    start, end = trim_bounds(waveform, sample_rate)
    dc = float(np.mean(waveform, dtype=np.float64))
    frequencies, power = average_spectrum(waveform - dc, sample_rate)
    return Measures(
        peak_dbfs=peak,
        rms_dbfs=rms,
        crest_db=peak - rms if np.isfinite(rms) else float("nan"),
        noise_floor_dbfs=float(np.percentile(levels, 10)),
        loudness_lufs=loudness_lufs(waveform, sample_rate),
        dc=dc,
        clipped_share=clipped_share(waveform),
        silent_share=float(np.mean(levels < SILENT_FRAME_DBFS)),
        bandwidth_hz=_bandwidth_hz(frequencies, power),
        trim_start_s=start / sample_rate,
        trim_end_s=end / sample_rate,
        truncated=truncated,
        content=hashlib.blake2b(np.ascontiguousarray(waveform, dtype=np.float32).data, digest_size=16).hexdigest(),
        third_octaves=_third_octaves(frequencies, power),
    )


def frame_levels_dbfs(waveform: np.ndarray) -> np.ndarray:
    """RMS levels of consecutive frames of 2048 samples, shape ``(frames,)``; a shorter clip is one frame."""
    n_frames = max(1, len(waveform) // FRAME)
    frames = waveform[: n_frames * FRAME].reshape(n_frames, -1)
    power = np.einsum("ij,ij->i", frames, frames) / frames.shape[1]
    with np.errstate(divide="ignore"):
        return np.maximum(10 * np.log10(power), -200.0)


def average_spectrum(waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Power of each frequency bin (full scale squared), by Welch's method; summed over all it is the mean square."""
    from scipy.signal import welch

    segment = min(_SEGMENT, len(waveform))
    frequencies, power = welch(waveform, sample_rate, nperseg=segment, scaling="density", detrend=False)
    return frequencies, power * (sample_rate / segment)


def loudness_lufs(waveform: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness in LUFS; NaN where the clip is shorter than one gating block or all of it is gated.

    NaN too below a sample rate of 3 kHz, which the K weighting is not made for.
    """
    if len(waveform) < SHORTEST_LOUDNESS_S * sample_rate or sample_rate < LOWEST_LOUDNESS_HZ:
        return float("nan")
    loudness = _meter(sample_rate).integrated_loudness(waveform.astype(np.float64))
    return float(loudness) if np.isfinite(loudness) else float("nan")


def clipped_share(waveform: np.ndarray) -> float:
    """Share of samples in runs of three or more at full scale, 0 to 1."""
    full = np.abs(waveform) >= FULL_SCALE
    if not full.any():
        return 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], full, [False]]).astype(np.int8)))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= CLIPPED_RUN].sum() / len(waveform))


def _bandwidth_hz(frequencies: np.ndarray, power: np.ndarray) -> float:
    if power.max() <= 0:
        return 0.0
    return float(frequencies[np.flatnonzero(power >= power.max() * 10 ** (-BANDWIDTH_DB / 10))[-1]])


def _third_octaves(frequencies: np.ndarray, power: np.ndarray) -> tuple[float, ...]:
    """Each bin's power goes to the bands that it overlaps, by the share of its width that lies in each."""
    step = frequencies[1] - frequencies[0] if len(frequencies) > 1 else 1.0
    below = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])  # in float32 the bass would swallow the treble
    bin_edges = np.concatenate([[0.0], frequencies + step / 2])
    edges = np.concatenate([_EXACT_CENTRES_HZ * 10**-0.05, _EXACT_CENTRES_HZ[-1:] * 10**0.05])
    return tuple(map(float, np.diff(np.interp(edges, bin_edges, below))))


@lru_cache(maxsize=8)
def _meter(sample_rate: int) -> Any:
    import pyloudnorm

    return pyloudnorm.Meter(sample_rate)
