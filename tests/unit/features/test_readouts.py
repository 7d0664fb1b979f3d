"""Read-outs state what settings mean in physical units, and warn where a setting loses sound."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from audiotag.features.log_mel import log_mel
from audiotag.features.mel import empty_bands, mel_frequencies
from audiotag.features.readouts import energy_outside, read_outs
from audiotag.features.settings import PRESETS, SpectrogramSettings

CAPSTONE = PRESETS["capstone"]
Tone = Callable[..., np.ndarray]


def test_the_readouts_warn_of_empty_bands_and_a_low_floor() -> None:
    settings = CAPSTONE.with_changes(n_fft=1024, n_mels=256)
    noise = np.random.default_rng(0).standard_normal(settings.clip_samples)
    shown = {figure.name: figure for figure in read_outs(settings, log_mel(noise, settings), noise)}
    assert shown["Network input"].value == "256 × 128"
    assert shown["Frame step"].value == "15.6 ms"
    assert shown["Empty bands"].value == str(len(empty_bands(settings)))
    assert shown["Empty bands"].warning
    assert not shown["At the floor"].warning
    dark = np.where(np.arange(256)[:, None] < 200, -60.0, np.zeros((256, 128)))
    assert {figure.name: figure for figure in read_outs(settings, dark, noise)}["At the floor"].warning


@pytest.mark.parametrize(
    ("window", "win_length", "n_fft", "resolution"),
    # A window of 1024 padded to 2560 parts tones no better than 1024 alone.
    [("hann", 1024, 1024, "86 Hz"), ("hann", 1024, 2560, "86 Hz"), ("rectangular", 1024, 1024, "52 Hz")],
)
def test_the_resolution_depends_on_the_window_and_not_on_n_fft(
    window: Any, win_length: int, n_fft: int, resolution: str
) -> None:
    settings = SpectrogramSettings(window=window, win_length=win_length, n_fft=n_fft)
    noise = np.random.default_rng(0).standard_normal(settings.clip_samples)
    shown = {figure.name: figure.value for figure in read_outs(settings, log_mel(noise, settings), noise)}
    assert shown["Resolution"] == resolution


@pytest.mark.parametrize("window", ["hann", "hamming", "blackman", "rectangular"])
def test_the_peak_of_a_tone_is_as_wide_as_the_resolution(window: Any, tone: Tone) -> None:
    settings = SpectrogramSettings(window=window, n_fft=65_536, n_mels=200, f_min=850, f_max=1150)
    waveform = tone(1000, settings.clip_s, 0.5)
    spectrum = log_mel(waveform, settings)[:, 10:-10].mean(axis=1)
    hertz = mel_frequencies(settings)
    peak = hertz[spectrum > spectrum.max() - 6.02]
    shown = {figure.name: figure.value for figure in read_outs(settings, log_mel(waveform, settings), waveform)}
    assert peak[-1] - peak[0] == pytest.approx(float(shown["Resolution"].split()[0]), abs=6)


def test_energy_outside_the_bands_is_the_energy_of_tones_outside(tone: Tone) -> None:
    settings = SpectrogramSettings(f_min=500, f_max=5000)
    low, middle = tone(100, 2.0, 0.3), tone(1000, 2.0, 0.3)
    assert energy_outside(low, settings) == pytest.approx(1, abs=1e-3)
    assert energy_outside(middle, settings) == pytest.approx(0, abs=1e-3)
    assert energy_outside(low + middle, settings) == pytest.approx(0.5, abs=1e-3)
    assert energy_outside(np.zeros(88_200), settings) == 0
