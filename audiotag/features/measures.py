"""What a clip is like, from its decoded sound: levels, noise floor, loudness, bandwidth, faults.

Levels are in dB re full scale: a square wave between −1 and 1 has an RMS level of 0 dBFS, a sine −3 dBFS.
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
FULL_SCALE = 32_766 / 32_768  # a sample this high stands at the end of 16 bit
CLIPPED_RUN = 3  # equal samples in a row at full scale: a peak alone may touch it
CREST_STEP = 4.5 / 32_768  # a crest three samples wide in 16 bit falls by four steps to the next sample at most
BANDWIDTH_DB = 60.0
LOUDEST_DBFS = 200.0  # only damaged float samples are beyond it, and their squares overflow
SHORTEST_LOUDNESS_S = 0.4  # one gating block of ITU-R BS.1770
LOWEST_LOUDNESS_HZ = 3000  # sample rate: below it the shelf of the K weighting, at 1.5 kHz, is no stable filter
# Nominal centres of the third-octave bands from 25 Hz to 20 kHz, and their exact ones, base ten (IEC 61260-1).
THIRD_OCTAVES_HZ = (25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000,
                    2500, 3150, 4000, 5000, 6300, 8000, 10_000, 12_500, 16_000, 20_000)  # fmt: skip
_EXACT_CENTRES_HZ = 10 ** (np.arange(14, 44) / 10)
_SEGMENT = 8192
_BATCH = 16  # segments that are transformed at once: with their spectra 1 MiB, which stays in the cache
_BLOCK = 1 << 16  # samples that are filtered at once, in float64
_INAUDIBLE = 1e-15  # −300 dBFS


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
        Share of samples in flat runs at full scale: see `clipped_share`.
    silent_share : float
        Share of frames below −60 dBFS.
    bandwidth_hz : float
        Highest frequency at which the average spectrum, without the DC offset, is within 60 dB of its peak.
    trim_start_s, trim_end_s : float
        What trimming 20 dB below the loudest frame keeps.
    truncated : bool
        Whether the file ends before its header says.
    content : str
        A hash of the decoded samples and their rate: the same for the same sound, whatever its container says around
        it.
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
        As `audiotag.audio.reading.read_sound`, and if its samples are far beyond what any sound has.
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
        content=_content(waveform, sample_rate),
        third_octaves=_third_octaves(frequencies, power),
    )


def average_spectrum(waveform: np.ndarray, sample_rate: int, dc: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Power of each frequency bin, by Welch's method; summed over all it is the mean square.

    What ``scipy.signal.welch`` says of Hann windows of 8192 samples, but a few at a time, so that neither the cache
    nor, for long sounds, the memory overflows, and in float32: 130 dB below the strongest bin all is rounding.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), at least one
    sample_rate : int
        In Hz.
    dc : float
        What is taken off every sample first.

    Returns
    -------
    tuple[numpy.ndarray, numpy.ndarray]
        Frequencies in Hz and powers in full scale squared, both of shape ``(bins,)``.
    """
    from scipy.fft import rfft, rfftfreq

    segment = min(_SEGMENT, len(waveform))
    hann = window("hann", segment) if segment > 1 else np.ones(1, np.float32)
    segments = np.lib.stride_tricks.sliding_window_view(waveform, segment)[:: segment - segment // 2]
    power = np.zeros(segment // 2 + 1)
    for at in range(0, len(segments), _BATCH):
        batch = segments[at : at + _BATCH] - np.float32(dc)
        batch *= hann
        parts = rfft(batch, axis=1, overwrite_x=True).view(batch.dtype)  # real and imaginary by turns
        power += np.einsum("ij,ij->j", parts, parts).reshape(-1, 2).sum(axis=1)
    power[1 : (segment + 1) // 2] *= 2  # all but the bins at 0 Hz and half the sample rate stand for two
    return rfftfreq(segment, 1 / sample_rate), power / (len(segments) * segment * np.square(hann, dtype=float).sum())


def loudness_lufs(waveform: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness in LUFS; NaN where the clip is shorter than one gating block or all of it is gated.

    NaN too below a sample rate of 3 kHz, which the K weighting is not made for.
    """
    if len(waveform) < SHORTEST_LOUDNESS_S * sample_rate or sample_rate < LOWEST_LOUDNESS_HZ:
        return float("nan")
    loudness = _meter(sample_rate).integrated_loudness(waveform)
    return float(loudness) if np.isfinite(loudness) else float("nan")


def clipped_share(waveform: np.ndarray) -> float:
    """Share of samples that are clipped, 0 to 1.

    Clipped is a run of three or more equal samples at full scale (from 32766 of 32768 up) that is entered or left by a
    step of more than four parts in 32768. The crest of a sound that just fits is not: it is round, and where it is so
    slow that 16 bits make it flat, the next samples are near. Samples beyond full scale, which float files and decoded
    MP3 and OGG may hold, count as full scale: any player and any file of integers cuts them there.
    """
    if max(waveform.max(), -waveform.min()) < FULL_SCALE:
        return 0.0
    samples = np.zeros(len(waveform) + 2, waveform.dtype)  # silence around, so that every run has two ends
    np.clip(waveform, -1, 1, out=samples[1:-1])
    full = (samples >= FULL_SCALE) | (samples <= -FULL_SCALE)
    edges = np.flatnonzero(np.diff(full[1:] & (samples[1:] == samples[:-1]), prepend=False, append=False))
    first, last = edges[::2], edges[1::2]
    steps = np.maximum(np.abs(samples[first] - samples[first - 1]), np.abs(samples[last] - samples[last + 1]))
    runs = last - first + 1
    return float(runs[(runs >= CLIPPED_RUN) & (steps > CREST_STEP)].sum() / len(waveform))


def _frame_levels_dbfs(waveform: np.ndarray) -> np.ndarray:
    """RMS level of each frame of 2048 samples in dBFS, at least −200; shape ``(frames,)``."""
    with np.errstate(divide="ignore"):
        return np.maximum(10 * np.log10(frame_powers(waveform)), -200.0)


def _content(waveform: np.ndarray, sample_rate: int) -> str:
    """SHA-256, which today's processors have circuits for, cut to 128 bits."""
    content = hashlib.sha256(f"{sample_rate} Hz".encode())
    content.update(np.ascontiguousarray(waveform, dtype="<f4").data)
    return content.hexdigest()[:32]


def bandwidth_hz(frequencies: np.ndarray, power: np.ndarray) -> float:
    """Highest frequency in Hz at which an `average_spectrum` is within 60 dB of its peak; 0 for silence."""
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


class _OnePass:
    """The filters of a loudness meter as one: both in one pass, by blocks, and as fast in silence as in sound."""

    def __init__(self, filters: Iterable[Any]) -> None:
        self.sections = np.array([[*one.b, *one.a] for one in filters])

    def apply_filter(self, samples: np.ndarray) -> np.ndarray:
        """The samples, filtered; the meter asks for this."""
        from scipy.signal import sosfilt

        filtered = np.empty_like(samples)
        state = np.zeros((len(self.sections), 2))
        for at in range(0, len(samples), _BLOCK):
            # In digital silence the filters' state decays to denormal numbers, which take twenty times as long.
            block = np.add(samples[at : at + _BLOCK], _INAUDIBLE, dtype=np.float64)
            filtered[at : at + _BLOCK], state = sosfilt(self.sections, block, zi=state)
        return filtered


@lru_cache(maxsize=8)
def _meter(sample_rate: int) -> Any:
    import pyloudnorm

    # Filters of one's own are set as pyloudnorm's guide says; their coefficients, and what is gated, are the library's.
    meter = pyloudnorm.Meter(sample_rate, filter_class="custom")
    meter._filters = {"K-weighting": _OnePass(pyloudnorm.Meter(sample_rate)._filters.values())}
    return meter
