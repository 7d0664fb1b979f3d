"""A file that is not a sound is refused by its name, with the reason."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio.reading import read_header, read_sound
from audiotag.errors import AudiotagError

RATE = 44_100
Tone = Callable[..., np.ndarray]


def empty_wav() -> bytes:
    """A valid WAV without samples."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(0), RATE, format="WAV")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("header.wav", empty_wav(), "is empty: its header states 0 samples"),
        ("nothing.flac", b"", "is empty (0 bytes)"),
        ("letter.wav", b"Dear sir, this is a letter. " * 50, "cannot be read as a sound"),
        ("letter.mp3", b"Dear sir, this is a letter. " * 50, "cannot be read as a sound"),
        ("letter.ogg", b"Dear sir, this is a letter. " * 50, "cannot be read as a sound"),
        ("letter.flac", b"Dear sir, this is a letter. " * 50, "cannot be read as a sound"),
        ("samples.raw", bytes(1000), "is a raw audio file without sample rate and format"),
    ],
)
def test_a_file_that_is_not_a_sound_is_refused_by_name(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for read in (lambda: read_sound(path, RATE), lambda: read_header(path)):
        with pytest.raises(AudiotagError) as error:
            read()
        assert str(error.value).startswith(f"{name} {reason}")
        assert "not exist" not in str(error.value)
        assert str(error.value).endswith(".")


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match=rf"^missing\.wav does not exist \(looked for {tmp_path / 'missing.wav'}\)"):
        read_sound(tmp_path / "missing.wav", RATE)


def test_an_upload_is_called_by_the_name_it_was_given() -> None:
    with pytest.raises(AudiotagError, match=r"^dropped\.wav is empty"):
        read_sound(b"", RATE, "dropped.wav")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_file_cut_inside_its_header_is_refused_by_name(tmp_path: Path, tone: Tone, suffix: str) -> None:
    whole = tmp_path / f"whole.{suffix}"
    soundfile.write(whole, tone(), RATE)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[:30])
    with pytest.raises(
        AudiotagError, match=rf"^cut\.{suffix} (cannot be read as a sound|is empty: its header states 0 samples)"
    ):
        read_sound(cut, RATE)
