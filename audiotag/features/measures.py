"""Measure a clip: levels, noise floor, loudness, bandwidth, clipping, silence and a hash of its samples.

Conventions: a waveform has shape ``(samples,)``; levels are in dB re full scale, as in `audiotag.audio.levels`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audiotag.audio.content import ContentHash
from audiotag.audio.levels import peak_dbfs
from audiotag.audio.streaming import LongSound
from audiotag.features.accumulators import ClippingMeter, FrameLevels, SpectrumMeter
from audiotag.features.loudness import LoudnessMeter
from audiotag.features.trimming import SilenceTrimmer

SILENT_FRAME_DBFS = -60.0
BANDWIDTH_DB = 60.0  # below the peak of the spectrum
BLOCK_SAMPLES = 1 << 22  # 95 s at 44.1 kHz, 16 MiB; a longer sound is measured in several blocks
SLICE_SAMPLES = 1 << 16  # measured at once, so that they stay in the processor's cache
# Nominal centres of the third-octave bands from 25 Hz to 20 kHz, and the exact ones, base ten (IEC 61260-1).
THIRD_OCTAVES_HZ = (25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000,
                    2500, 3150, 4000, 5000, 6300, 8000, 10_000, 12_500, 16_000, 20_000)  # fmt: skip
_EXACT_CENTRES_HZ = 10 ** (np.arange(14, 44) / 10)


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
        Fraction of samples in flat runs at full scale; see `audiotag.features.accumulators.ClippingMeter`.
    mix_note : str
        A sentence that names the file if its channels cancel each other in the mono mix; empty for any other file.
    silent_share : float
        Fraction of frames below −60 dBFS.
    bandwidth_hz : float
        Highest frequency at which the average spectrum, without the DC offset, is within 60 dB of its peak.
    trim_start_s, trim_end_s : float
        Bounds after trimming frames more than 20 dB below the loudest one.
    truncated : bool
        Whether the end of the file is missing.
    decode_note : str
        Sentences about what is lost, salvaged or in another place than one would expect; empty for a whole file.
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
    mix_note: str
    silent_share: float
    bandwidth_hz: float
    trim_start_s: float
    trim_end_s: float
    truncated: bool
    decode_note: str
    content: str
    third_octaves: tuple[float, ...]


def measure(path: Path, name: str | None = None) -> Measures:
    """Decode a clip at its own sample rate and measure it, block by block.

    Parameters
    ----------
    path : Path
    name : str, optional
        The name that messages use for the clip; the file name by default.

    Raises
    ------
    AudiotagError
        As `audiotag.audio.reading.read_sound`.
    """
    sound = LongSound(path, name=name)
    meter = None
    for block in sound.blocks(BLOCK_SAMPLES):
        meter = meter or WaveformMeter(sound.sample_rate)
        meter.add(block)
    assert meter is not None  # a sound without samples is refused
    measures = meter.measures(sound.truncated, " ".join(sound.header.notes))
    return replace(measures, mix_note=sound.cancelling_note) if sound.cancelling_note else measures


def measure_waveform(waveform: np.ndarray, sample_rate: int, truncated: bool = False) -> Measures:
    """Measure a waveform of shape ``(samples,)`` with at least one sample; its sample rate is in Hz."""
    meter = WaveformMeter(sample_rate)
    meter.add(waveform)
    return meter.measures(truncated)


class WaveformMeter:
    """Measures a mono sound whose samples are given block by block.

    The measures do not depend on the blocks, except for rounding: the DC offset to 1e-12, and through it powers of
    the spectrum to 130 dB below the difference between the DC offsets of the first block and of the sound.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate, self._length, self._sum = sample_rate, 0, 0.0
        self._peak_dbfs = float("-inf")
        self._content = ContentHash(sample_rate)
        self._levels, self._clipping = FrameLevels(), ClippingMeter()
        self._loudness, self._trimmer = LoudnessMeter(sample_rate), SilenceTrimmer(sample_rate)
        self._spectrum: SpectrumMeter | None = None

    @property
    def dc(self) -> float:
        """DC offset of the samples so far."""
        return self._sum / self._length

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, shape ``(samples,)``, float32."""
        self._length += len(block)
        self._sum += float(np.sum(block, dtype=np.float64))
        self._peak_dbfs = max(self._peak_dbfs, peak_dbfs(block))
        self._content.add(block)
        self._spectrum = self._spectrum or SpectrumMeter(self._rate, self.dc)
        meters = (self._levels, self._clipping, self._loudness, self._trimmer, self._spectrum)
        for at in range(0, len(block), SLICE_SAMPLES):
            for meter in meters:
                meter.add(block[at : at + SLICE_SAMPLES])

    def measures(self, truncated: bool = False, decode_note: str = "") -> Measures:
        """The measures of the whole sound, which needs at least one sample; call it once, after the last block."""
        assert self._spectrum is not None
        rms = self._levels.rms_dbfs()
        with np.errstate(divide="ignore"):
            levels_dbfs = np.maximum(10 * np.log10(self._levels.powers()), -200.0)
        start, end = self._trimmer.bounds()
        frequencies, power = self._spectrum.spectrum(self.dc)
        return Measures(
            peak_dbfs=self._peak_dbfs,
            rms_dbfs=rms,
            crest_db=self._peak_dbfs - rms if np.isfinite(rms) else float("nan"),
            noise_floor_dbfs=float(np.percentile(levels_dbfs, 10)),
            loudness_lufs=self._loudness.loudness_lufs(),
            dc=self.dc,
            clipped_share=self._clipping.share(),
            mix_note="",
            silent_share=float(np.mean(levels_dbfs < SILENT_FRAME_DBFS)),
            bandwidth_hz=bandwidth_hz(frequencies, power),
            trim_start_s=start / self._rate,
            trim_end_s=end / self._rate,
            truncated=truncated,
            decode_note=decode_note,
            content=self._content.hexdigest(),
            third_octaves=_third_octaves(frequencies, power),
        )


def average_spectrum(waveform: np.ndarray, sample_rate: int, dc: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Average the power spectrum over a waveform without its DC offset, by `SpectrumMeter`.

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
    meter = SpectrumMeter(sample_rate, dc)
    meter.add(waveform)
    return meter.spectrum(dc)


def loudness_lufs(waveform: np.ndarray, sample_rate: int) -> float:
    """Measure the integrated loudness of a waveform in LUFS, by `audiotag.features.loudness.LoudnessMeter`."""
    meter = LoudnessMeter(sample_rate)
    meter.add(waveform)
    return meter.loudness_lufs()


def clipped_share(waveform: np.ndarray) -> float:
    """Measure the fraction of clipped samples, 0 to 1, by `audiotag.features.accumulators.ClippingMeter`."""
    meter = ClippingMeter()
    meter.add(waveform)
    return meter.share()


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
