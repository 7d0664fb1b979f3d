"""Sounds for the noise gate: silence, noises, hum and wind, made here from a seed.

All are stationary over a minute, mono, and scaled to a level; what exceeds full scale is clipped, as by a recorder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LOWEST_NOISE_HZ = 20.0  # below it, pink and brown noise are flat
HUM_HZ = 50.0
HUM_HARMONICS = 24
HUM_RATE = 4_000  # in Hz: the highest harmonic is at 1,200 Hz
WIND_CORNER_HZ = 60.0  # the spectrum of wind in a microphone falls above it
GUST_S = 1.5  # over which the strength of the wind changes
GUST_DEVIATION_DB = 6.0
SILENCE = "silence"

Render = Callable[[np.random.Generator, int, int], np.ndarray]


@dataclass(frozen=True)
class Kind:
    """A kind of sound that should get no tag.

    Attributes
    ----------
    name : str
    render : callable(rng, samples, sample_rate)
        Makes a waveform of any level.
    own_labels : tuple[str, ...]
        Labels that are right for it, in lower case with spaces; an ensemble that has one is not blamed for it.
    """

    name: str
    render: Render
    own_labels: tuple[str, ...] = ()

    def is_own_label(self, label: str) -> bool:
        """Whether a label is right for this kind, however it is spelt.

        >>> Kind("wind", wind, ("wind",)).is_own_label("Wind"), Kind("wind", wind, ("wind",)).is_own_label("Wind_chime")
        (True, False)
        """
        return " ".join(label.lower().replace("_", " ").replace("-", " ").split()) in self.own_labels


def at_level(waveform: np.ndarray, level_dbfs: float) -> np.ndarray:
    """A waveform with an RMS level in dB re full scale, clipped to ±1, float32; silence stays silence.

    >>> round(float(np.sqrt(np.mean(at_level(np.sin(np.arange(1000)), -20.0) ** 2))), 4)
    0.1
    """
    rms = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    if not rms:
        return np.zeros(len(waveform), np.float32)
    return np.clip(waveform * (10 ** (level_dbfs / 20) / rms), -1, 1).astype(np.float32)


def silence(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Samples that are all 0."""
    return np.zeros(samples)


def white_noise(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Gaussian noise with the same power at all frequencies."""
    return rng.standard_normal(samples)


def pink_noise(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Gaussian noise whose power falls by 3 dB per octave above 20 Hz."""
    return shaped_noise(rng, samples, sample_rate, lambda hz: np.maximum(hz, LOWEST_NOISE_HZ) ** -0.5)


def brown_noise(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Gaussian noise whose power falls by 6 dB per octave above 20 Hz."""
    return shaped_noise(rng, samples, sample_rate, lambda hz: np.maximum(hz, LOWEST_NOISE_HZ) ** -1.0)


def hum(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Hum of the mains: 50 Hz that wanders by 0.1 Hz, and harmonics, of which those of 100 Hz are stronger."""
    import soxr

    length = int(np.ceil(samples / sample_rate * HUM_RATE)) + 1
    phase = 2 * np.pi * np.cumsum(HUM_HZ + 0.1 * slow_curve(rng, length, HUM_RATE, 10.0)) / HUM_RATE
    waveform = np.zeros(length)
    for harmonic in range(1, HUM_HARMONICS + 1):
        amplitude = (1.0 if harmonic == 1 else 0.8 if harmonic % 2 == 0 else 0.3) / harmonic
        waveform += amplitude * np.sin(harmonic * phase + rng.uniform(0, 2 * np.pi))
    return np.resize(soxr.resample(waveform, HUM_RATE, sample_rate), samples)


def wind(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Noise like wind in a microphone: it falls by 9 dB per octave above 60 Hz, and its level comes in gusts."""
    noise = shaped_noise(rng, samples, sample_rate, lambda hz: (1 + (hz / WIND_CORNER_HZ) ** 2) ** -0.75)
    return noise * 10 ** (GUST_DEVIATION_DB * slow_curve(rng, samples, sample_rate, GUST_S) / 20)


def shaped_noise(
    rng: np.random.Generator, samples: int, sample_rate: int, amplitude: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Gaussian noise with an amplitude spectrum, without a constant part."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(samples, real=True)
    gain = amplitude(np.fft.rfftfreq(size, 1 / sample_rate))
    gain[0] = 0
    return irfft(rfft(rng.standard_normal(size)) * gain, size)[:samples]


def slow_curve(rng: np.random.Generator, samples: int, sample_rate: int, time_s: float) -> np.ndarray:
    """A random curve of variance 1 that changes over ``time_s``."""
    points = int(samples / sample_rate / time_s) + 3
    values = rng.standard_normal(points)
    at = np.arange(samples) / sample_rate / time_s
    before = at.astype(int)
    share = (1 - np.cos(np.pi * (at - before))) / 2  # from 0 to 1, level at both ends
    return values[before] * (1 - share) + values[before + 1] * share


NOISES = (
    Kind(SILENCE, silence, ("silence",)),
    Kind("white noise", white_noise, ("white noise", "noise", "static")),
    Kind("pink noise", pink_noise, ("pink noise", "noise", "static")),
    Kind("brown noise", brown_noise, ("brown noise", "noise")),
    Kind("50 Hz hum", hum, ("hum", "mains hum")),
    Kind("wind", wind, ("wind", "wind noise", "wind noise (microphone)")),
)
