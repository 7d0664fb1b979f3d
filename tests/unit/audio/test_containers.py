"""A truncated file is recognised by its container, and a complete one is never called truncated."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio.reading import read_sound

RATE = 44_100
Tone = Callable[..., np.ndarray]
LIST = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"  # a chunk of odd size, so one byte of padding follows


def riff(pcm: bytes, data_size: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """A 16-bit mono WAV whose data chunk announces ``data_size`` bytes."""
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + form + before + b"data" + struct.pack("<I", data_size) + pcm + after
    return b"RIFF" + struct.pack("<I", min(len(body), 0xFFFFFFFF)) + body


def without_count(mp3: bytes) -> bytes:
    """An MP3 without its first frame, which counts the others, and with ID3 tags at both ends, as music files have."""
    kilobits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)[mp3[2] >> 4]
    first_frame = 144_000 * kilobits // RATE + (mp3[2] >> 1 & 1)
    return b"ID3\x03\0\0\0\0\x07\x76" + bytes(1014) + mp3[first_frame:] + b"TAG" + bytes(125)


def test_an_ogg_cut_inside_its_last_page_is_truncated(tmp_path: Path, tone: Tone) -> None:
    whole = tmp_path / "whole.ogg"
    soundfile.write(whole, tone(1000, 3.0), RATE)
    cut = tmp_path / "cut.ogg"
    cut.write_bytes(whole.read_bytes()[:-9])
    assert [note.split(":")[0] for note in read_sound(cut, RATE).notes] == ["cut.ogg is truncated"]


def test_an_ogg_without_its_last_pages_is_truncated(tmp_path: Path) -> None:
    whole = tmp_path / "whole.ogg"
    soundfile.write(whole, 0.3 * np.random.default_rng(0).uniform(-1, 1, 5 * RATE), RATE)
    content = whole.read_bytes()
    cut = tmp_path / "cut.ogg"
    cut.write_bytes(content[: content.rfind(b"OggS")])
    assert [note.split(":")[0] for note in read_sound(cut, RATE).notes] == ["cut.ogg is truncated"]


@pytest.mark.parametrize(
    ("before", "after", "data_size"),
    [
        (b"", LIST, None),
        (LIST, b"", None),
        (b"", b"", 0xFFFFFFFF),  # FFmpeg to a pipe
        (b"", b"", 0x7FFFF000),  # SoX to a pipe
        (b"", b"", 0x80000000),  # arecord to a pipe
    ],
)
def test_a_complete_wav_with_unusual_chunks_is_not_truncated(
    tmp_path: Path, tone: Tone, before: bytes, after: bytes, data_size: int | None
) -> None:
    pcm = np.round(32767 * tone()).astype("<i2").tobytes()
    path = tmp_path / "odd.wav"
    path.write_bytes(riff(pcm, len(pcm) if data_size is None else data_size, before, after))
    sound = read_sound(path, RATE)
    assert sound.notes == ()
    assert len(sound.waveform) == RATE


def test_a_cut_wav_with_chunks_before_its_data_is_truncated(tmp_path: Path, tone: Tone) -> None:
    pcm = np.round(32767 * tone()).astype("<i2").tobytes()
    path = tmp_path / "cut.wav"
    path.write_bytes(riff(pcm[:-2000], len(pcm), before=LIST))
    assert len(read_sound(path, RATE).notes) == 1


@pytest.mark.parametrize("container", ["WAVEX", "RF64", "W64", "AIFF", "AU", "CAF"])
def test_a_complete_file_of_another_container_is_not_truncated(tmp_path: Path, tone: Tone, container: str) -> None:
    path = tmp_path / "odd.wav"
    soundfile.write(path, tone(), RATE, format=container, subtype="PCM_16")
    sound = read_sound(path, RATE)
    assert sound.header.container == container
    assert sound.notes == ()
    assert len(sound.waveform) == RATE


@pytest.mark.parametrize("duration_s", [0.4, 3.0])
def test_a_complete_mp3_without_a_frame_count_is_not_truncated(tmp_path: Path, tone: Tone, duration_s: float) -> None:
    path = tmp_path / "music.mp3"
    soundfile.write(path, tone(1000, duration_s), RATE, bitrate_mode="CONSTANT", compression_level=0.5)
    path.write_bytes(without_count(path.read_bytes()))
    sound = read_sound(path, RATE)
    assert sound.notes == ()
    assert sound.duration_s == pytest.approx(duration_s, abs=0.06)
