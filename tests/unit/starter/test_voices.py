"""Every voice of the starter sounds sounds, at the pitch that it should have."""

import numpy as np
import pytest

from audiotag.starter.voices import VOICES, Note, Phrase, Player, Voice, sample_phrase


@pytest.fixture(scope="module")
def player() -> Player:
    return Player()


@pytest.mark.parametrize(("tuning", "expected_hz"), [(0.0, 440.0), (0.5, 440.0 * 2 ** (0.5 / 12))])
def test_note_sounds_at_its_pitch(player: Player, tuning: float, expected_hz: float) -> None:
    note = Note(start_s=0.0, length_s=1.0, key=69, velocity=100)
    mono = player.play(Phrase(bank=0, preset=73, tuning=tuning, skip_s=0.0, notes=(note,)), 44100).mean(axis=0)
    spectrum = np.abs(np.fft.rfft(mono[11025:33075] * np.hanning(22050), 1 << 17))
    peak_hz = np.fft.rfftfreq(1 << 17, 1 / 44100)[spectrum[: 1 << 11].argmax()]
    assert peak_hz == pytest.approx(expected_hz, rel=0.01)


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: "+".join(voice.labels))
def test_every_voice_is_audible_even_in_the_shortest_clip(player: Player, voice: Voice) -> None:
    for seed in range(3):
        phrase = sample_phrase(np.random.default_rng(seed), voice, 0.3)
        assert np.abs(player.play(phrase, 13230)).max() > 0.01
