"""A sound that is measured block by block has the measures of the whole sound, however it is divided."""

from dataclasses import asdict

import numpy as np
import pytest

from audiotag.features.accumulators import ClippingMeter
from audiotag.features.measures import Measures, WaveformMeter, measure_waveform
from audiotag.features.trimming import SilenceTrimmer, trim_bounds

RATE = 8000
ROUNDED = {"dc", "third_octaves"}  # sums in another order


def divided(samples: int, rng: np.random.Generator, pieces: int) -> list[slice]:
    """Slices of random lengths, some of them of one sample or empty."""
    ends = np.sort(np.concatenate([rng.integers(0, samples + 1, pieces), [0, 1, samples]]))
    return [slice(first, last) for first, last in zip([0, *ends], ends, strict=False)]


def by_blocks(waveform: np.ndarray, parts: list[slice], rate: int = RATE) -> Measures:
    meter = WaveformMeter(rate)
    for part in parts:
        if part.stop > part.start:
            meter.add(waveform[part])
    return meter.measures()


def sound(kind: str, samples: int, rng: np.random.Generator) -> np.ndarray:
    """A sound of a kind that is difficult to divide."""
    waveform = rng.standard_normal(samples) * 0.2
    if kind == "clipped":
        waveform = np.clip(20 * np.sin(np.arange(samples) / 40), -1, 1)
    elif kind == "at full scale":
        waveform = np.ones(samples)
    elif kind == "silence":
        waveform = np.zeros(samples)
    elif kind == "offset that begins later":
        waveform = 0.001 * waveform
        waveform[samples // 2 :] += 0.5
    elif kind == "silent ends":
        waveform[: samples // 3] = waveform[-samples // 4 :] = 0
    return waveform.astype(np.float32)


@pytest.mark.parametrize(
    "kind", ["noise", "clipped", "at full scale", "silence", "offset that begins later", "silent ends"]
)
@pytest.mark.parametrize("samples", [1, 2, 2047, 2049, 8191, 8193, 30_000, 150_000])
@pytest.mark.filterwarnings("error")
def test_measures_do_not_depend_on_the_blocks(kind: str, samples: int) -> None:
    rng = np.random.default_rng(samples)
    waveform = sound(kind, samples, rng)
    whole = asdict(measure_waveform(waveform, RATE))
    for pieces in (1, 7, 40):
        found = asdict(by_blocks(waveform, divided(samples, rng, pieces)))
        for name, value in whole.items():
            if name not in ROUNDED:
                np.testing.assert_equal(found[name], value, err_msg=name)
        assert found["dc"] == pytest.approx(whole["dc"], abs=1e-12)
        assert found["third_octaves"] == pytest.approx(whole["third_octaves"], rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("rate", [100, 300, 3000, 44_100, 192_000])
@pytest.mark.parametrize("pad_s", [0.001, 0.02, 1.0])
def test_trimming_does_not_depend_on_the_blocks(rate: int, pad_s: float) -> None:
    rng = np.random.default_rng(rate)
    for samples in (0, 1, 100, 2048, 5000, 60_000):
        waveform = sound("silent ends", samples, rng) if samples > 10 else np.ones(samples, np.float32)
        trimmer = SilenceTrimmer(rate, 20.0, pad_s)
        for part in divided(samples, rng, 9) if samples else []:
            trimmer.add(waveform[part])
        assert trimmer.bounds() == trim_bounds(waveform, rate, 20.0, pad_s)


def test_clipped_runs_are_counted_once_wherever_blocks_end() -> None:
    rng = np.random.default_rng(0)
    values = np.array([0, 0.5, 0.99999, 1, 1, 1, 1.5, -1, -1, -1, -1.2], np.float32)
    for _ in range(200):
        waveform = np.repeat(rng.choice(values, 30), rng.integers(1, 6, 30))
        whole, divided_meter = ClippingMeter(), ClippingMeter()
        whole.add(waveform)
        for part in divided(len(waveform), rng, 12):
            divided_meter.add(waveform[part])
        assert divided_meter.share() == whole.share() == expected_share(waveform)


def expected_share(waveform: np.ndarray) -> float:
    """The definition, run by run."""
    samples = [0.0, *np.clip(waveform, -1, 1).tolist(), 0.0]
    clipped, at = 0, 1
    while at < len(samples) - 1:
        end = at
        while samples[end] == samples[at] and end < len(samples) - 1:
            end += 1
        is_full = abs(samples[at]) >= 32_766 / 32_768
        step = max(abs(samples[at] - samples[at - 1]), abs(samples[end - 1] - samples[end]))
        clipped += (end - at) * (is_full and end - at >= 3 and step > 4.5 / 32_768)
        at = end
    return clipped / len(waveform)
