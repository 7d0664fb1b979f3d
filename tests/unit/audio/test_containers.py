"""A truncated file is recognised by its container, and a complete one is never called truncated."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio import containers, riff_layout
from audiotag.audio.containers import adts_length, detect_container, is_cut
from audiotag.audio.pcm_file import find_layout
from audiotag.audio.pcm_layout import Content
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


def adts_frames(*sizes: int) -> bytes:
    """Frames of an AAC stream with these sizes in bytes; their sounds are zeros."""
    return b"".join(
        b"\xff\xf1\x50" + bytes([0x80 | size >> 11, size >> 3 & 255, (size & 7) << 5 | 31, 0xFC]) + bytes(size - 7)
        for size in sizes
    )


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\xff" * 3000,
        b"\xff\xf1" * 1500,
        b"\xff\xf1\x7c" * 1000,
        b"\xff\xf1\x50\x80\0\0" * 500,
        bytes(3000),
        b"\xff",
    ],
)
@pytest.mark.parametrize("scanned", [8, 9, 64, 1 << 20])
def test_frames_of_an_aac_stream_are_counted_past_junk(
    monkeypatch: pytest.MonkeyPatch, junk: bytes, scanned: int
) -> None:
    monkeypatch.setattr(containers, "SCAN_BYTES", scanned)
    stream = adts_frames(8, 300, 8191) + junk + adts_frames(20) + junk + adts_frames(100)
    assert adts_length(stream + junk) == (5 * 1024, 44_100)
    assert not is_cut(stream + junk, "ADTS")
    assert is_cut(stream[:-1], "ADTS")
    assert detect_container(stream) == "ADTS"


def test_a_sync_word_inside_a_frame_is_not_a_frame() -> None:
    inside = bytearray(adts_frames(100, 100))
    inside[50:57] = adts_frames(30)[:7]
    assert adts_length(bytes(inside)) == (2 * 1024, 44_100)


def test_damage_of_many_bytes_is_passed_over_in_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    read_at = containers._read_at
    monkeypatch.setattr(containers, "_read_at", lambda *of: reads.append(of) or read_at(*of))
    monkeypatch.setattr(containers, "bisect_left", lambda *of: pytest.fail("nothing looks like a frame here"))
    assert adts_length(adts_frames(20) + b"\xff" * 30_000_000) == (1024, 44_100)
    assert len(reads) < 40


@pytest.mark.parametrize(
    ("container", "part"), [("MP4", b"\0\0\0\x08free"), ("AVI", b"RIFF\x01\0\0\0x\0"), ("MOV", b"\0\0\0\x08wide")]
)
def test_a_file_of_endless_small_parts_is_not_followed_to_its_end(
    monkeypatch: pytest.MonkeyPatch, container: str, part: bytes
) -> None:
    monkeypatch.setattr(containers, "MAX_PARTS", 100)
    reads = []
    read_at = containers._read_at
    monkeypatch.setattr(containers, "_read_at", lambda *of: reads.append(of) or read_at(*of))
    assert not is_cut(part * 1000, container)
    assert len(reads) == 100


def test_chunks_of_a_wav_are_not_read_into_memory_and_not_followed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(riff_layout, "MAX_PARTS", 100)
    head = b"RIFF\0\0\0\0WAVE"
    body = riff(bytes(8), 8)[12:]
    assert find_layout(head + b"junk\0\0\0\0" * 200 + body) is None
    assert find_layout(head + b"junk\0\0\0\0" * 90 + body).subtype == "PCM_16"

    reads = []
    read = Content.at
    monkeypatch.setattr(Content, "at", lambda *of: reads.append(of[2]) or read(*of))
    form = b"fmt " + struct.pack("<IHHIIHH", 0x7FFFFFFE, 1, 1, RATE, 2 * RATE, 2, 16)
    assert find_layout(head + form) is None
    assert max(reads) < 100
