"""The sounds of the noise gate are what their names say: level, slope of the spectrum, frequencies, gusts."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import welch

from audiotag.trust.noise_sounds import NOISES, at_level, brown_noise, hum, pink_noise, silence, white_noise, wind
from audiotag.trust.speech import OWN_LABELS, babble, speech_kind

RATE = 44_100


def rendered(render: Callable, seconds: float = 8.0, seed: int = 0) -> np.ndarray:
    return render(np.random.default_rng(seed), round(seconds * RATE), RATE)


@pytest.mark.parametrize("kind", NOISES[1:], ids=lambda kind: kind.name)
@pytest.mark.parametrize("level", [-60.0, -20.0])
def test_each_sound_has_its_level_and_is_within_full_scale(kind: object, level: float) -> None:
    waveform = at_level(rendered(kind.render, 1.0), level)  # type: ignore[attr-defined]
    assert 20 * np.log10(np.sqrt(np.mean(np.square(waveform, dtype=float)))) == pytest.approx(level, abs=0.1)
    assert np.abs(waveform).max() <= 1
    assert (waveform.dtype, len(waveform)) == (np.float32, RATE)


@pytest.mark.parametrize(("render", "slope_db"), [(white_noise, 0.0), (pink_noise, -3.01), (brown_noise, -6.02)])
def test_noise_falls_by_its_slope_per_octave(render: Callable, slope_db: float) -> None:
    frequencies, power = welch(rendered(render), RATE, nperseg=8192)
    inside = (frequencies > 60) & (frequencies < 16_000)
    slope = np.polyfit(np.log2(frequencies[inside]), 10 * np.log10(power[inside]), 1)[0]
    assert slope == pytest.approx(slope_db, abs=0.15)


def test_hum_has_the_mains_frequency_and_its_harmonics_alone() -> None:
    frequencies, power = welch(rendered(hum), RATE, nperseg=2**17)
    near = np.abs((frequencies + 25) % 50 - 25) < 4
    assert power[near & (frequencies < 1300)].sum() > 0.999 * power.sum()
    assert frequencies[power.argmax()] == pytest.approx(50, abs=0.5)


def test_wind_is_low_and_comes_in_gusts() -> None:
    waveform = rendered(wind, 10)
    frequencies, power = welch(waveform, RATE, nperseg=8192)
    assert power[frequencies < 500].sum() > 0.9 * power.sum()
    levels = 10 * np.log10(np.mean(waveform.reshape(40, -1) ** 2, axis=1))
    assert np.std(levels) > 3
    still = rendered(brown_noise, 10).reshape(40, -1)
    assert np.std(10 * np.log10(np.mean(still**2, axis=1))) < 2.5


def test_babble_is_voiced_like_speech_and_pauses() -> None:
    waveform = rendered(babble, 10)
    assert len(waveform) == 10 * RATE
    assert np.isfinite(waveform).all()
    frequencies, power = welch(waveform, RATE, nperseg=8192)
    assert power[(frequencies > 80) & (frequencies < 4000)].sum() > 0.8 * power.sum()
    levels = np.sqrt(np.mean(waveform[: 10 * RATE].reshape(200, -1) ** 2, axis=1))
    assert 0.03 < (levels < 0.01 * levels.max()).mean() < 0.5


def test_sounds_are_the_same_for_a_seed_and_others_for_another() -> None:
    for kind in NOISES[1:]:
        np.testing.assert_array_equal(rendered(kind.render, 0.5), rendered(kind.render, 0.5))
        assert not np.array_equal(rendered(kind.render, 0.5), rendered(kind.render, 0.5, seed=1))
    assert not rendered(silence).any()
    assert not at_level(np.zeros(10), -20.0).any()


def test_labels_that_are_right_for_a_sound_are_recognised() -> None:
    kinds = {kind.name: kind for kind in (*NOISES, speech_kind()[0])}
    for label in ("Male_speech_and_man_speaking", "Speech", "Male speech, man speaking", "human-voice"):
        assert kinds["speech"].is_own_label(label)
    for label in ("Male_singing", "Rain", "Speech_balloon"):
        assert not kinds["speech"].is_own_label(label)
    assert kinds["wind"].is_own_label("Wind")
    assert not kinds["wind"].is_own_label("Wind_chime")
    assert all(label == label.lower() for label in OWN_LABELS)


def test_without_espeak_speech_is_the_babble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    kind, said = speech_kind()
    assert kind.render is babble
    assert "synthetic" in said


def test_with_espeak_speech_is_what_it_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A program that writes a tone as its speech stands for espeak-ng."""
    import soundfile

    tone = tmp_path / "tone.wav"
    soundfile.write(tone, 0.5 * np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050), 22_050)
    program = tmp_path / "espeak-ng"
    program.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --version ]; then echo "eSpeak NG text-to-speech: 1.51  Data at: /usr/share"; exit; fi\n'
        f'while [ "$1" != -w ]; do shift; done\ncp {tone} "$2"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    kind, said = speech_kind()
    assert said == "espeak-ng 1.51"
    waveform = rendered(kind.render, 8)
    assert len(waveform) == 8 * RATE
    spectrum = np.abs(np.fft.rfft(waveform))
    assert spectrum.argmax() / 8 == pytest.approx(440, abs=2)
    broken = tmp_path / "espeak-ng"
    broken.write_text("#!/bin/sh\nexit 1\n")
    assert speech_kind()[0].render is babble
