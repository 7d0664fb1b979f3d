"""What the loudest segments of a sound prove of its bandwidth holds for its whole spectrum."""

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from audiotag.features.bandwidth_bound import certainly_reaches
from audiotag.features.measures import average_spectrum, bandwidth_hz

RATE = 44_100


def sound(kind: str, rng: np.random.Generator, samples: int) -> np.ndarray:
    """Noise of some colour, a click in silence, a tone with faint noise, or low-passed noise with an offset."""
    white = rng.normal(size=samples)
    if kind == "white":
        waveform = white
    elif kind == "red":
        waveform = np.cumsum(white)
        waveform -= np.linspace(waveform[0], waveform[-1], samples)
    elif kind == "click":
        waveform = np.zeros(samples)
        waveform[rng.integers(samples)] = 1
    elif kind == "tone":
        waveform = np.sin(np.arange(samples) * 0.05) + 10 ** rng.uniform(-6, -2) * white
    else:
        cut_hz = rng.uniform(500, 20_000)
        waveform = sosfiltfilt(butter(8, cut_hz, fs=RATE, output="sos"), white) + rng.normal()
    return (10 ** rng.uniform(-3, 0) * waveform / max(np.abs(waveform).max(), 1e-9)).astype(np.float32)


@pytest.mark.parametrize("kind", ["white", "red", "click", "tone", "low-passed"])
def test_no_sound_is_said_to_reach_a_frequency_above_its_bandwidth(kind: str) -> None:
    rng = np.random.default_rng(0)
    proved = 0
    for _ in range(30):
        waveform = sound(kind, rng, int(rng.integers(100, 3 * RATE)))
        dc = float(np.mean(waveform, dtype=np.float64))
        bandwidth = bandwidth_hz(*average_spectrum(waveform, RATE, dc))
        for frequency_hz in (*rng.uniform(20, RATE / 2, 8), bandwidth, bandwidth + 1):
            reaches = certainly_reaches(waveform, RATE, dc, frequency_hz)
            assert not reaches or frequency_hz <= bandwidth, (len(waveform), frequency_hz, bandwidth)
            proved += reaches
    assert proved > (100 if kind == "white" else 0)  # it is of use


def test_an_infinite_frequency_and_a_sound_shorter_than_a_segment_prove_nothing() -> None:
    noise = np.random.default_rng(1).normal(size=RATE).astype(np.float32)
    assert not certainly_reaches(noise, RATE, 0.0, np.inf)
    assert not certainly_reaches(noise[:8191], RATE, 0.0, 100.0)
    assert certainly_reaches(noise[:8192], RATE, 0.0, 100.0)
