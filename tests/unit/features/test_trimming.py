"""Trimming equals fastaudio's, and a crop or padding lies where it is requested."""

import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from audiotag.features.settings import PRESETS
from audiotag.features.trimming import fit_length, trim_bounds
from audiotag.training.backend.fastaudio_compat import import_fastaudio

CAPSTONE = PRESETS["capstone"]
RATE = 44_100
Tone = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def remove_silence() -> Callable[[np.ndarray, int], np.ndarray]:
    fastaudio: types.ModuleType = import_fastaudio()
    import torch

    transform = fastaudio.RemoveSilence()

    def trimmed(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        sound = fastaudio.AudioTensor(torch.from_numpy(waveform.copy())[None], sr=sample_rate)
        return transform.encodes(sound).numpy()[0]

    return trimmed


def assert_trimmed_alike(remove_silence: Callable, waveform: np.ndarray, sample_rate: int) -> None:
    start, end = trim_bounds(waveform, sample_rate)
    np.testing.assert_array_equal(waveform[start:end], remove_silence(waveform, sample_rate))


@pytest.mark.parametrize("sample_rate", [8000, 22_050, 44_100, 48_000])
def test_trimming_equals_fastaudio_on_sounds_between_silences(
    tone: Tone, remove_silence: Callable, sample_rate: int
) -> None:
    rng = np.random.default_rng(0)
    for _ in range(12):
        sound = tone(rng.uniform(100, 3000), rng.uniform(0.01, 1), 10 ** rng.uniform(-3, 0), sample_rate)
        front, back = (np.zeros(rng.integers(0, sample_rate), dtype=np.float32) for _ in range(2))
        waveform = np.concatenate([front, sound, back])
        waveform += (10 ** rng.uniform(-5, -1) * rng.standard_normal(len(waveform))).astype(np.float32)
        assert_trimmed_alike(remove_silence, waveform, sample_rate)


def test_trimming_equals_fastaudio_near_its_lowest_level(remove_silence: Callable) -> None:
    rng = np.random.default_rng(2)
    for _ in range(12):
        level = 10 ** rng.uniform(-5, -3.3) * np.repeat(10 ** rng.uniform(-2, 0, 8), 5000)
        assert_trimmed_alike(remove_silence, (level * rng.standard_normal(40_000)).astype(np.float32), RATE)


def test_trimming_cuts_silence_and_keeps_the_sound(tone: Tone) -> None:
    start, end = trim_bounds(tone(1000, 0.5, silence_s=1.0), RATE)
    assert RATE - 4096 < start <= RATE
    assert 1.5 * RATE <= end < 1.5 * RATE + 4096


def test_trimming_equals_fastaudio_on_very_short_clips(remove_silence: Callable) -> None:
    rng = np.random.default_rng(1)
    for length in [1, 2, 3, 441, 880, 881, 882, 883, 1023, 1024, 1025, 1764, 2047, 2048, 2049, 2646, 3000]:
        assert_trimmed_alike(remove_silence, rng.standard_normal(length).astype(np.float32), RATE)


@pytest.mark.parametrize("length", [1, 500, 882, 5000, RATE])
def test_trimming_equals_fastaudio_on_digital_silence(remove_silence: Callable, length: int) -> None:
    assert_trimmed_alike(remove_silence, np.zeros(length, dtype=np.float32), RATE)


@pytest.mark.parametrize(("at", "first"), [(0, 0), (0.5, 500), (1, 1000)])
def test_a_crop_lies_at_the_requested_position(at: float, first: int) -> None:
    ramp = np.arange(CAPSTONE.clip_samples + 1000, dtype=np.float32)
    for padding in ("zeros", "zeros-after", "repeat"):
        crop = fit_length(ramp, CAPSTONE.with_changes(padding=padding), at)
        np.testing.assert_array_equal(crop, ramp[first : first + CAPSTONE.clip_samples])


@pytest.mark.parametrize(
    ("padding", "at", "front"),
    [("zeros", 0, 0), ("zeros", 0.5, 500), ("zeros", 1, 1000), ("zeros-after", 0.5, 0), ("zeros-after", 1, 0)],
)
def test_zeros_lie_on_the_requested_sides(padding: Any, at: float, front: int) -> None:
    ones = np.ones(CAPSTONE.clip_samples - 1000, dtype=np.float32)
    padded = fit_length(ones, CAPSTONE.with_changes(padding=padding), at)
    assert padded.dtype == np.float32
    np.testing.assert_array_equal(padded, np.pad(ones, (front, 1000 - front)))


@pytest.mark.parametrize("length", [1, 1000, 50_000])
def test_padding_by_repetition_starts_the_clip_again(length: int) -> None:
    ramp = np.arange(length, dtype=np.float32)
    repeated = fit_length(ramp, CAPSTONE.with_changes(padding="repeat"))
    np.testing.assert_array_equal(repeated, np.arange(CAPSTONE.clip_samples) % length)


@pytest.mark.parametrize("padding", ["zeros", "zeros-after", "repeat"])
def test_a_clip_of_the_exact_length_is_unchanged_and_an_empty_one_becomes_silence(padding: Any) -> None:
    settings = CAPSTONE.with_changes(padding=padding)
    exact = np.random.default_rng(0).standard_normal(settings.clip_samples).astype(np.float32)
    for at in (0, 0.3, 1):
        np.testing.assert_array_equal(fit_length(exact, settings, at), exact)
        np.testing.assert_array_equal(fit_length(exact[:0], settings, at), np.zeros(settings.clip_samples))
