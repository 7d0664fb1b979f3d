"""Rows have the beginning of their clips in few bytes, and a clip that cannot be read has a sentence."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.ui.similar.row_sounds import MAX_COLUMNS, MAX_PLAYED_S, SETTINGS, load_rows

WriteWav = Callable[..., Path]
Tone = Callable[..., np.ndarray]


def played(part: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(part[part.index(b"RIFF") :]), dtype="float32")[0]


def test_a_short_clip_is_played_whole(tmp_path: Path, tone: Tone, write_wav: WriteWav) -> None:
    (row,) = load_rows([(write_wav(tmp_path / "a.wav", tone(440, 1.25)), "a.wav")])
    np.testing.assert_allclose(played(row.sound), tone(440, 1.25), atol=2 / 32_768)
    assert (row.duration_s, row.length, row.problem) == (pytest.approx(1.25), "1.2 s", "")


def test_of_a_long_clip_the_beginning_is_played_and_said_to_be(tmp_path: Path, write_wav: WriteWav) -> None:
    waveform = 0.1 * np.sin(np.arange(95 * 8000) / 7)
    (row,) = load_rows([(write_wav(tmp_path / "a.wav", waveform, 8000), "a.wav")])
    assert row.duration_s == MAX_PLAYED_S
    assert len(played(row.sound)) == MAX_PLAYED_S * SETTINGS.sample_rate
    assert row.length == "first 10 s of 2 min"


@pytest.mark.parametrize("duration_s", [0.01, 1.0, MAX_PLAYED_S])
def test_the_spectrogram_is_small_and_covers_the_sound(
    tmp_path: Path, tone: Tone, write_wav: WriteWav, duration_s: float
) -> None:
    (row,) = load_rows([(write_wav(tmp_path / "a.wav", tone(1000, duration_s)), "a.wav")])
    bands, columns = row.spectrogram.shape
    assert bands == SETTINGS.n_mels
    assert columns <= MAX_COLUMNS
    assert row.start_s + columns * row.column_s == pytest.approx(duration_s, abs=1.5 * row.column_s)
    assert row.spectrogram.max() == 255


def test_a_clip_that_cannot_be_read_has_a_sentence_with_its_name(
    tmp_path: Path, tone: Tone, write_wav: WriteWav
) -> None:
    (tmp_path / "b.wav").write_text("no sound")
    good, broken, missing = load_rows(
        [
            (write_wav(tmp_path / "a.wav", tone(440)), "a.wav"),
            (tmp_path / "b.wav", "x/b.wav"),
            (tmp_path / "c.wav", "x/c.wav"),
        ]
    )
    assert good.problem == ""
    assert "x/b.wav" in broken.problem
    assert "x/c.wav" in missing.problem
    assert broken.sound == missing.sound == b""
