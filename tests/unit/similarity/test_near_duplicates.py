"""A clip and its copy are near-duplicates, whatever was done to the copy; two recordings of a sound are not."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
import soxr

from audiotag.audio.reading import read_sound
from audiotag.similarity.band_energies import SETTINGS, band_energies
from audiotag.similarity.near_duplicates import (
    MIN_SIMILARITY,
    compare,
    nearest_pairs,
    pairs_with_common_patterns,
    patterns,
)

RATE = SETTINGS.sample_rate


def rain(seed: int, seconds: float = 4.0) -> np.ndarray:
    """Stationary noise with the spectrum of rain."""
    noise = np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE))
    return np.convolve(noise, [0.6, 0.3, 0.1], "same").astype(np.float32)


def bursts(seed: int) -> np.ndarray:
    """Bursts of noise at random times, each with a sharp begin and a decay, above a background."""
    rng = np.random.default_rng(seed)
    sound = rng.normal(0, 0.002, 4 * RATE)
    for start in rng.integers(0, 3 * RATE, 5):
        length = RATE // 2
        sound[start : start + length] += rng.normal(0, 0.2, length) * np.exp(-np.arange(length) / 2000)
    return sound.astype(np.float32)


def ticks(seed: int) -> np.ndarray:
    """A clock: the same tick twice a second, above the background of a room."""
    rng = np.random.default_rng(seed)
    sound = rng.normal(0, 0.001, 4 * RATE)
    tick = np.random.default_rng(7).normal(0, 0.3, 400) * np.exp(-np.arange(400) / 80)  # of one make of clock
    for start in range(int(rng.integers(0, RATE // 2)), 4 * RATE - 400, RATE // 2):
        sound[start : start + 400] += tick
    return sound.astype(np.float32)


def mp3(sound: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, sound, RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=0.65)
    return read_sound(file.getvalue()).waveform


SOUNDS: dict[str, Callable[[int], np.ndarray]] = {"rain": rain, "bursts": bursts, "ticks": ticks}
CHANGES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "softer": (lambda sound: sound / 2, 0.0),
    "louder": (lambda sound: np.clip(sound * 2, -1, 1), 0.0),
    "cut": (lambda sound: sound[round(0.7 * RATE) :], 0.7),
    "cut between frames": (lambda sound: sound[round(0.709 * RATE) :], 0.709),
    "cut at the end": (lambda sound: sound[: -round(0.7 * RATE)], 0.0),
    "of 8 kHz": (lambda sound: soxr.resample(soxr.resample(sound, RATE, 8000), 8000, RATE), 0.0),
    "MP3": (lambda sound: mp3(sound), 0.0),
}


@pytest.mark.parametrize("kind", SOUNDS)
@pytest.mark.parametrize("change", CHANGES)
def test_copy_is_found_at_its_offset(kind: str, change: str) -> None:
    original = SOUNDS[kind](1)
    apply, offset_s = CHANGES[change]
    copy = apply(original).astype(np.float32)
    match = compare(band_energies(original), band_energies(copy))
    assert match.similarity > MIN_SIMILARITY
    assert match.offset_s == pytest.approx(offset_s, abs=0.008)
    back = compare(band_energies(copy), band_energies(original))
    assert back.similarity == pytest.approx(match.similarity, abs=1e-4)
    assert back.offset_s == pytest.approx(-match.offset_s, abs=1e-4)


@pytest.mark.parametrize("kind", SOUNDS)
def test_other_recordings_of_the_same_kind_are_no_near_duplicates(kind: str) -> None:
    energies = [band_energies(SOUNDS[kind](seed)) for seed in range(8)]
    similarity = [compare(energies[i], energies[j]).similarity for i in range(8) for j in range(i)]
    assert max(similarity) < MIN_SIMILARITY - 0.1


def test_part_of_a_longer_recording_is_found_where_it_is() -> None:
    whole = rain(3, 20.0)
    part = whole[round(12.34 * RATE) : round(14.34 * RATE)]
    match = compare(band_energies(whole), band_energies(part))
    assert match.similarity > 0.9
    assert match.offset_s == pytest.approx(12.34, abs=0.008)


def test_clips_that_share_only_silence_are_not_similar() -> None:
    first, second = np.zeros(3 * RATE, np.float32), np.zeros(3 * RATE, np.float32)
    first[:RATE], second[:RATE] = rain(1, 1.0), rain(2, 1.0)
    assert compare(band_energies(first), band_energies(second)).similarity < 0.3
    nothing = band_energies(np.zeros(RATE, np.float32))
    assert compare(band_energies(first), nothing) == compare(nothing, nothing) == (0.0, 0.0)


@pytest.mark.parametrize("seconds", [0.0001, 0.01, 0.05])
def test_very_short_sounds_and_those_that_cannot_be_read_are_compared_without_an_error(seconds: float) -> None:
    short = band_energies(rain(1, seconds))
    unreadable = np.zeros((0, 0), np.int8)
    assert compare(unreadable, short).similarity == 0
    assert 0 <= compare(short, band_energies(rain(2))).similarity <= 1
    assert len(patterns(unreadable)) == 0
    assert patterns(short).dtype == np.uint32


def test_pairs_with_common_patterns_are_those_of_copies_whatever_their_length() -> None:
    whole = rain(3, 20.0)
    sounds = [
        rain(1), whole, ticks(9), rain(1)[RATE:] / 2, bursts(4), whole[7 * RATE : 9 * RATE], np.zeros(RATE, np.float32)
    ]  # fmt: skip
    assert pairs_with_common_patterns([patterns(band_energies(sound)) for sound in sounds]) == {(0, 3), (1, 5)}
    assert pairs_with_common_patterns([]) == set()


def test_pattern_that_many_clips_have_says_nothing() -> None:
    same = patterns(band_energies(rain(1)))
    assert pairs_with_common_patterns([same] * 60) == set()
    assert pairs_with_common_patterns([same] * 3) == {(0, 1), (0, 2), (1, 2)}


def test_nearest_pairs_are_those_of_an_exhaustive_search_without_silence() -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[11] = 0
    similarity = vectors @ vectors.T
    expected = set()
    for row in range(40):
        others = [other for other in np.argsort(-similarity[row]) if other not in (row, 11)][:3]
        expected |= {(min(row, other), max(row, other)) for other in others if row != 11}
    assert nearest_pairs(vectors, 3) == expected
    assert nearest_pairs(vectors[:1]) == nearest_pairs(np.zeros((0, 6), np.float32)) == set()
