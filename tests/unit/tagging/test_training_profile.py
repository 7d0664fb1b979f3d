"""A clip gets a note if its bandwidth or level differs from that of all training sounds, and no other clip does."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soxr
from scipy.signal import butter, sosfiltfilt

from audiotag.audio.reading import wav_bytes
from audiotag.errors import AudiotagError
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.tagger import Tagger
from audiotag.tagging.training_profile import (
    MAX_MEASURED_S,
    lowest_bandwidth_hz,
    profile,
    sound_levels,
    unlike_training_sounds,
)

RATE = 44_100


def noise(seed: int, level_db: float = -20.0, seconds: float = 2.0) -> np.ndarray:
    waveform = np.random.default_rng(seed).normal(size=round(seconds * RATE))
    return (waveform * 10 ** (level_db / 20)).astype(np.float32)


def low_passed(waveform: np.ndarray, highest_hz: float) -> np.ndarray:
    return sosfiltfilt(butter(12, highest_hz, fs=RATE, output="sos"), waveform).astype(np.float32)


def notes_of(waveform: np.ndarray, sounds: dict) -> list[str]:
    return unlike_training_sounds("clip.wav", sound_levels(waveform, RATE), sounds)


@pytest.fixture(scope="module")
def sounds() -> dict:
    """Of full-band noise between −30 and −10 dBFS."""
    return profile([sound_levels(noise(seed, -30 + seed), RATE) for seed in range(21)])


def test_profile_has_the_percentiles_of_the_clips(sounds: dict) -> None:
    assert sounds["clips"] == 21
    assert sounds["rms_dbfs"] == pytest.approx([-29.6, -20, -10.4], abs=0.3)
    assert min(sounds["bandwidth_hz"]) > 20_000
    assert json.loads(json.dumps(sounds)) == sounds


def test_clip_like_the_training_sounds_gets_no_note(sounds: dict) -> None:
    for level_db in (-30, -20, -10):
        assert notes_of(noise(99, level_db), sounds) == []


def test_low_passed_clip_gets_a_note_on_its_bandwidth(sounds: dict) -> None:
    (note,) = notes_of(low_passed(noise(99), 3000), sounds)
    assert note.startswith("clip.wav is unlike the training sounds: its highest frequency is 3.")
    assert notes_of(low_passed(noise(99), 18_000), sounds) == []


@pytest.mark.parametrize("highest_hz", [1000, 5000, 12_000, 14_000, 16_000, 22_000])
def test_the_quick_look_at_the_bandwidth_gives_the_same_notes(sounds: dict, highest_hz: int) -> None:
    limit = lowest_bandwidth_hz(sounds)
    clip = noise(98) if highest_hz == 22_000 else low_passed(noise(98), highest_hz)
    quick = unlike_training_sounds("clip.wav", sound_levels(clip, RATE, limit), sounds)
    assert quick == notes_of(clip, sounds)


def test_clip_from_a_telephone_gets_a_note_on_its_bandwidth(sounds: dict) -> None:
    (note,) = notes_of(soxr.resample(soxr.resample(noise(99), RATE, 8000), 8000, RATE), sounds)
    assert "its highest frequency is 3." in note or "its highest frequency is 4.0" in note


def test_clip_of_wider_band_than_the_training_sounds_gets_no_note() -> None:
    narrow = profile([sound_levels(low_passed(noise(seed), 4000), RATE) for seed in range(5)])
    assert notes_of(noise(99, -28), narrow) == []


def test_much_softer_and_much_louder_clips_get_a_note_on_their_level(sounds: dict) -> None:
    (note,) = notes_of(noise(99, -60), sounds)
    assert note == (
        "clip.wav is quieter than the training sounds: its level is −60 dBFS RMS, theirs are −30 to −10 dBFS; "
        "raise its level, or do not rely on its tags."
    )
    soft = profile([sound_levels(noise(seed, -60), RATE) for seed in range(5)])
    (note,) = notes_of(noise(99, -20), soft)
    assert note.startswith("clip.wav is louder than the training sounds: its level is −20 dBFS RMS")
    assert "lower its level" in note


def test_level_and_bandwidth_get_a_note_each(sounds: dict) -> None:
    assert len(notes_of(low_passed(noise(99, -70), 2000), sounds)) == 2


def test_silence_gets_no_note(sounds: dict) -> None:
    assert sound_levels(np.zeros(RATE, np.float32), RATE) == {}
    assert notes_of(np.zeros(RATE, np.float32), sounds) == []
    assert notes_of(np.zeros(0, np.float32), sounds) == []


def test_silent_clips_do_not_count_in_a_profile(sounds: dict) -> None:
    clips = [sound_levels(noise(seed, -30 + seed), RATE) for seed in range(21)]
    assert profile([*clips, {}, {}]) == sounds
    assert profile([{}]) == profile([]) == {}


def test_without_a_profile_there_is_no_note() -> None:
    assert notes_of(noise(99, -80), {}) == []


def test_only_the_first_minute_of_a_long_sound_is_measured() -> None:
    minute = noise(1, seconds=MAX_MEASURED_S)
    assert sound_levels(np.concatenate([minute, noise(2, -80)]), RATE) == sound_levels(minute, RATE)


@pytest.mark.parametrize("seconds", [1 / RATE, 0.001, 0.05])
def test_sounds_of_any_length_are_measured(seconds: float) -> None:
    clip = sound_levels(noise(3, seconds=seconds), RATE)
    assert np.isfinite(clip["rms_dbfs"])
    assert clip.keys() == {"rms_dbfs", "bandwidth_hz"}


def test_tagger_puts_the_note_beside_the_tags(tiny_ensemble: Path, tmp_path: Path, sounds: dict) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "mine")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"sounds": sounds}))
    tagger = Tagger(folder)
    assert tagger.tag(wav_bytes(noise(99), RATE), "a.wav").notes == ()
    (note,) = tagger.tag(wav_bytes(low_passed(noise(99), 3000), RATE), "b.wav").notes
    assert note.startswith("b.wav is unlike the training sounds")
    assert not any("training sounds" in note for note in tagger.tag(wav_bytes(0 * noise(99), RATE), "c.wav").notes)
    assert Tagger(tiny_ensemble).tag(wav_bytes(low_passed(noise(99), 3000), RATE), "b.wav").notes == ()


@pytest.mark.parametrize(
    "sounds",
    [{"clips": 3}, {"bandwidth_hz": [1, 2, 3]}, {"bandwidth_hz": [1, 2], "rms_dbfs": [1, 2, 3]}, {"rms_dbfs": 1}],
)
def test_card_with_a_wrong_profile_is_refused(tiny_ensemble: Path, tmp_path: Path, sounds: dict) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "mine")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"sounds": sounds}))
    with pytest.raises(AudiotagError, match="of the training sounds must be three numbers"):
        read_card(folder)
