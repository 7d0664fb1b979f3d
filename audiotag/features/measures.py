"""Measure a clip: levels, noise floor, loudness, bandwidth, clipping, silence and a hash of its samples.

Conventions: a waveform has shape ``(samples,)``; levels are in dB re full scale, as in `audiotag.audio.levels`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.audio.levels import frame_powers, peak_dbfs, rms_dbfs
from audiotag.audio.reading import read_sound
from audiotag.errors import AudiotagError
from audiotag.features.mel import window
from audiotag.features.trimming import trim_bounds

SILENT_FRAME_DBFS = -60.0
FULL_SCALE = 32_766 / 32_768  # a sample from here on is at the end of the 16-bit range
MIN_CLIPPED_RUN = 3  # equal samples in a row at full scale; a single peak may touch it without clipping
MAX_CREST_STEP = 4.5 / 32_768  # a crest three samples wide in 16 bit falls by four steps at most to the next sample
BANDWIDTH_DB = 60.0  # below the peak of the spectrum
MAX_PEAK_DBFS = 200.0  # only damaged float samples are above it, and their squares overflow
MIN_LOUDNESS_S = 0.4  # one gating block of ITU-R BS.1770
MIN_LOUDNESS_RATE_HZ = 3000  # below it the shelf of the K weighting, at 1.5 kHz, is not a stable filter
# Nominal centres of the third-octave bands from 25 Hz to 20 kHz, and the exact ones, base ten (IEC 61260-1).
THIRD_OCTAVES_HZ = (25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000,
                    2500, 3150, 4000, 5000, 6300, 8000, 10_000, 12_500, 16_000, 20_000)  # fmt: skip
_EXACT_CENTRES_HZ = 10 ** (np.arange(14, 44) / 10)
_SEGMENT_SAMPLES = 8192
_SEGMENTS_AT_ONCE = 16  # with their spectra 1 MiB, which stays in the processor's cache
_FILTER_BLOCK_SAMPLES = 1 << 16  # filtered at once, in float64
_DENORMAL_GUARD = 1e-15  # −300 dBFS, inaudible


@dataclass(frozen=True)
class Measures:
    """Measured properties of one clip.

    Attributes
    ----------
    peak_dbfs, rms_dbfs, crest_db : float
        Level of the largest sample, RMS level, and their difference; −inf, −inf and NaN for digital silence.
    noise_floor_dbfs : float
        10th percentile of the levels of frames of 2048 samples; −200 for digital silence.
    loudness_lufs : float
        Integrated loudness, ITU-R BS.1770-4; NaN for silence, clips below 0.4 s and sample rates below 3 kHz.
    dc : float
        DC offset: the mean of the samples, −1 to 1.
    clipped_share : float
        Fraction of samples in flat runs at full scale; see the function `clipped_share`.
    silent_share : float
        Fraction of frames below −60 dBFS.
    bandwidth_hz : float
        Highest frequency at which the average spectrum, without the DC offset, is within 60 dB of its peak.
    trim_start_s, trim_end_s : float
        Bounds after trimming frames more than 20 dB below the loudest one.
    truncated : bool
        Whether the end of the file is missing.
    content : str
        Hash of the decoded samples and their sample rate; it does not depend on the container or its tags.
    third_octaves : tuple[float, ...]
        Mean power in the bands of `THIRD_OCTAVES_HZ`, re full scale squared (10·log10 gives dBFS).
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
        As `audiotag.audio.reading.read_sound`; also if the peak is above 200 dBFS.
    """
    sound = read_sound(path)
    if (peak := peak_dbfs(sound.waveform)) > MAX_PEAK_DBFS:
        raise AudiotagError(
            f"{sound.name} has a peak of {peak:.0f} dBFS, but a sound must have at most {MAX_PEAK_DBFS:g} dBFS; "
            "its samples are damaged, so export it again from its source."
        )
    return measure_waveform(sound.waveform, sound.sample_rate, sound.truncated)


def measure_waveform(waveform: np.ndarray, sample_rate: int, truncated: bool = False) -> Measures:
    """Measure a waveform of shape ``(samples,)`` with at least one sample; its sample rate is in Hz."""
    peak, rms = peak_dbfs(waveform), rms_dbfs(waveform)
    levels = _frame_levels_dbfs(waveform)
    start, end = trim_bounds(waveform, sample_rate)
    dc = float(np.mean(waveform, dtype=np.float64))
    frequencies, power = average_spectrum(waveform, sample_rate, dc)
    return Measures(
        peak_dbfs=peak,
        rms_dbfs=rms,
        crest_db=peak - rms if np.isfinite(rms) else float("nan"),
        noise_floor_dbfs=float(np.percentile(levels, 10)),
        loudness_lufs=loudness_lufs(waveform, sample_rate),
        dc=dc,
        clipped_share=clipped_share(waveform),
        silent_share=float(np.mean(levels < SILENT_FRAME_DBFS)),
        bandwidth_hz=bandwidth_hz(frequencies, power),
        trim_start_s=start / sample_rate,
        trim_end_s=end / sample_rate,
        truncated=truncated,
        content=_hash_samples(waveform, sample_rate),
        third_octaves=_third_octaves(frequencies, power),
    )


def average_spectrum(waveform: np.ndarray, sample_rate: int, dc: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Average the power spectrum over a waveform by Welch's method; the sum over all bins is the mean square.

    Equal to ``scipy.signal.welch`` with Hann windows of 8192 samples, but computed a few segments at a time, so that
    it needs little memory, and in float32, so that rounding errors lie 130 dB below the strongest bin.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), at least one
    sample_rate : int
        In Hz.
    dc : float
        DC offset, subtracted from every sample first.

    Returns
    -------
    tuple[numpy.ndarray, numpy.ndarray]
        Frequencies in Hz, and powers re full scale squared, both of shape ``(bins,)``.
    """
    from scipy.fft import rfft, rfftfreq

    segment = min(_SEGMENT_SAMPLES, len(waveform))
    hann = window("hann", segment) if segment > 1 else np.ones(1, np.float32)
    segments = np.lib.stride_tricks.sliding_window_view(waveform, segment)[:: segment - segment // 2]
    power = np.zeros(segment // 2 + 1)
    for at in range(0, len(segments), _SEGMENTS_AT_ONCE):
        batch = segments[at : at + _SEGMENTS_AT_ONCE] - np.float32(dc)
        batch *= hann
        values = rfft(batch, axis=1, overwrite_x=True).view(batch.dtype)  # real and imaginary parts alternate
        power += np.einsum("ij,ij->j", values, values).reshape(-1, 2).sum(axis=1)
    power[1 : (segment + 1) // 2] *= 2  # all bins but those at 0 Hz and half the sample rate stand for two
    return rfftfreq(segment, 1 / sample_rate), power / (len(segments) * segment * np.square(hann, dtype=float).sum())


def loudness_lufs(waveform: np.ndarray, sample_rate: int) -> float:
    """Measure the integrated loudness in LUFS (ITU-R BS.1770-4).

    It is NaN if the clip is shorter than one gating block, if all blocks are gated as silence, and at sample rates
    below 3 kHz, for which the K weighting is not defined.
    """
    if len(waveform) < MIN_LOUDNESS_S * sample_rate or sample_rate < MIN_LOUDNESS_RATE_HZ:
        return float("nan")
    loudness = _loudness_meter(sample_rate).integrated_loudness(waveform)
    return float(loudness) if np.isfinite(loudness) else float("nan")


def clipped_share(waveform: np.ndarray) -> float:
    """Measure the fraction of clipped samples, 0 to 1.

    Samples are clipped in a run of three or more equal samples at full scale (at least 32766/32768), if the step into
    or out of the run is larger than 4/32768. The crest of a sound that just reaches full scale is not clipped: it is
    round, and if it is so slow that 16 bits make it flat, the samples next to it are close. Samples beyond full scale,
    as in float files and decoded MP3 and OGG, count as full scale, because players and integer files clip them there.
    """
    if max(waveform.max(), -waveform.min()) < FULL_SCALE:
        return 0.0
    samples = np.zeros(len(waveform) + 2, waveform.dtype)  # zeros around, so that every run has two ends
    np.clip(waveform, -1, 1, out=samples[1:-1])
    full = (samples >= FULL_SCALE) | (samples <= -FULL_SCALE)
    edges = np.flatnonzero(np.diff(full[1:] & (samples[1:] == samples[:-1]), prepend=False, append=False))
    first, last = edges[::2], edges[1::2]
    steps = np.maximum(np.abs(samples[first] - samples[first - 1]), np.abs(samples[last] - samples[last + 1]))
    runs = last - first + 1
    return float(runs[(runs >= MIN_CLIPPED_RUN) & (steps > MAX_CREST_STEP)].sum() / len(waveform))


def _frame_levels_dbfs(waveform: np.ndarray) -> np.ndarray:
    """RMS level of each frame of 2048 samples in dBFS, at least −200; shape ``(frames,)``."""
    with np.errstate(divide="ignore"):
        return np.maximum(10 * np.log10(frame_powers(waveform)), -200.0)


def _hash_samples(waveform: np.ndarray, sample_rate: int) -> str:
    """SHA-256 cut to 128 bits; processors have instructions for SHA-256, so it is fast."""
    content = hashlib.sha256(f"{sample_rate} Hz".encode())
    content.update(np.ascontiguousarray(waveform, dtype="<f4").data)
    return content.hexdigest()[:32]


def bandwidth_hz(frequencies: np.ndarray, power: np.ndarray) -> float:
    """Find the highest frequency in Hz at which an `average_spectrum` is within 60 dB of its peak; 0 for silence."""
    if power.max() <= 0:
        return 0.0
    return float(frequencies[np.flatnonzero(power >= power.max() * 10 ** (-BANDWIDTH_DB / 10))[-1]])


def _third_octaves(frequencies: np.ndarray, power: np.ndarray) -> tuple[float, ...]:
    """Sum the power in each third-octave band; a bin that overlaps two bands is divided by the width in each."""
    step = frequencies[1] - frequencies[0] if len(frequencies) > 1 else 1.0
    power_below = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])  # float32 would lose faint treble
    bin_edges = np.concatenate([[0.0], frequencies + step / 2])
    edges = np.concatenate([_EXACT_CENTRES_HZ * 10**-0.05, _EXACT_CENTRES_HZ[-1:] * 10**0.05])
    return tuple(map(float, np.diff(np.interp(edges, bin_edges, power_below))))


class _CascadedFilter:
    """All filters of a loudness meter in one pass, block by block, and as fast in silence as in sound."""

    def __init__(self, filters: Iterable[Any]) -> None:
        self.sections = np.array([[*section.b, *section.a] for section in filters])

    def apply_filter(self, samples: np.ndarray) -> np.ndarray:
        """Filter the samples; the meter calls this method."""
        from scipy.signal import sosfilt

        filtered = np.empty_like(samples)
        state = np.zeros((len(self.sections), 2))
        for at in range(0, len(samples), _FILTER_BLOCK_SAMPLES):
            # In digital silence the state of the filters decays to denormal numbers, which are twenty times as slow.
            block = np.add(samples[at : at + _FILTER_BLOCK_SAMPLES], _DENORMAL_GUARD, dtype=np.float64)
            filtered[at : at + _FILTER_BLOCK_SAMPLES], state = sosfilt(self.sections, block, zi=state)
        return filtered


@lru_cache(maxsize=8)
def _loudness_meter(sample_rate: int) -> Any:
    import pyloudnorm

    # pyloudnorm's guide sets custom filters this way. The coefficients and the gating are the library's.
    meter = pyloudnorm.Meter(sample_rate, filter_class="custom")
    meter._filters = {"K-weighting": _CascadedFilter(pyloudnorm.Meter(sample_rate)._filters.values())}
    return meter
