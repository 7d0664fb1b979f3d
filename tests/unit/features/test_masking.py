"""A masked sound keeps exactly what the mask says, and nothing of it is estimated."""

import numpy as np
import pytest

from audiotag.features.masking import MaskableSound, TimeFrequencyMap
from audiotag.features.mel import mel_frequencies, mel_matrix
from audiotag.features.settings import SpectrogramSettings

RATE = 44_100
SETTINGS = SpectrogramSettings(clip_s=1.0, n_mels=64)
BANDS = mel_frequencies(SETTINGS)
FRAMES = np.arange(51) * 0.02


def mask_of(values: np.ndarray) -> TimeFrequencyMap:
    return TimeFrequencyMap(np.broadcast_to(values, (len(BANDS), len(FRAMES))).astype(float), BANDS, FRAMES)


def sine(hertz: float) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype(np.float32)


def level_db(waveform: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(waveform, dtype=np.float64)) + 1e-20))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000])
@pytest.mark.parametrize("samples", [1, 500, 44_103])
def test_a_mask_of_ones_gives_the_waveform_back(rate: int, samples: int) -> None:
    waveform = np.random.default_rng(0).uniform(-1, 1, samples).astype(np.float32)
    assert np.abs(MaskableSound(waveform, rate).part(mask_of(np.ones((1, 1)))) - waveform).max() < 1e-5


def test_what_a_mask_keeps_and_what_its_complement_keeps_add_up_to_the_sound() -> None:
    rng = np.random.default_rng(1)
    waveform = rng.uniform(-1, 1, RATE).astype(np.float32)
    values = rng.random((len(BANDS), len(FRAMES))) > 0.5
    sound = MaskableSound(waveform, RATE)
    both = sound.part(mask_of(values)) + sound.part(mask_of(~values))
    assert np.abs(both - waveform).max() < 1e-5


def test_a_mask_of_bands_keeps_the_tone_inside_and_removes_the_one_outside() -> None:
    low, high = sine(500), sine(6000)
    kept = MaskableSound(low + high, RATE).part(mask_of((BANDS > 3000)[:, None]))
    middle = slice(RATE // 10, -RATE // 10)
    assert level_db((kept - high)[middle]) < level_db(high) - 60


def test_a_mask_of_frames_silences_the_rest_of_the_sound() -> None:
    waveform = sine(1000)
    kept = MaskableSound(waveform, RATE).part(mask_of((FRAMES >= 0.5)[None]))
    assert np.abs(kept[: round(0.42 * RATE)]).max() < 1e-6
    assert np.abs(kept - waveform)[round(0.58 * RATE) :].max() < 1e-5


def test_gains_between_band_centres_are_the_transposed_filter_bank_divided_by_its_sum() -> None:
    matrix = mel_matrix(SETTINGS).toarray()
    bins = np.fft.rfftfreq(SETTINGS.n_fft, 1 / RATE)
    values = np.random.default_rng(2).random((len(BANDS), 1))
    between = (bins >= BANDS[0]) & (bins <= BANDS[-1])
    wanted = (matrix.T @ values)[between] / matrix.sum(axis=0)[between, None]
    found = mask_of(values).at(bins[between], FRAMES[:1])
    assert np.abs(found - wanted).max() < 1e-5
