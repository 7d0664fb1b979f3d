"""Headers that are read without a decoder, and what must not be mistaken for a plain file."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio.header import Header
from audiotag.audio.ogg_pages import checksum
from audiotag.audio.plain_headers import read_plain_header
from audiotag.audio.reading import read_crop, read_header, read_sound
from audiotag.errors import AudiotagError

RATE = 22_050


def tone(duration_s: float = 0.5, channels: int = 1) -> np.ndarray:
    samples = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(duration_s * RATE)) / RATE)
    return np.stack([samples] * channels, axis=1)


def encoded(samples: np.ndarray, format: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, subtype, format=format)
    return buffer.getvalue()


def pages(ogg: bytes) -> list[bytes]:
    return [b"OggS" + page for page in ogg.split(b"OggS")[1:]]


def with_granule(page: bytes, granule: int) -> bytes:
    page = page[:6] + struct.pack("<q", granule) + page[14:22] + bytes(4) + page[26:]
    return page[:22] + struct.pack("<I", checksum(page)) + page[26:]


def notes_of(content: bytes, name: str = "clip") -> tuple[str, ...]:
    """The notes of a sound, which its header has, too; both have the same length."""
    header, sound = read_header(content, name), read_sound(content, name=name)
    assert header.frames == len(sound.waveform)
    assert header.notes == sound.header.notes
    return header.notes


@pytest.mark.parametrize("samples", [1, 100, 22_050, 30_001])
@pytest.mark.parametrize(
    ("format", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAVEX", "PCM_U8"), ("OGG", "VORBIS"), ("MP3", None)],
)
def test_a_plain_header_is_that_of_the_decoder(tmp_path: Path, format: str, subtype: str | None, samples: int) -> None:
    path = tmp_path / f"clip.{format.lower()}"
    path.write_bytes(encoded(tone(2, 2)[:samples], format, subtype))
    with soundfile.SoundFile(path) as file:
        expected = Header(file.frames, file.samplerate, file.channels, file.format, file.subtype)
    assert read_plain_header(path) == read_plain_header(path.read_bytes()) == expected
    assert len(read_sound(path).waveform) == samples


def test_a_wav_that_was_cut_has_no_plain_header_and_its_header_says_so() -> None:
    for format in ("WAV", "AIFF", "AU"):
        content = encoded(tone(), format)
        assert "truncated" in notes_of(content[: len(content) // 2])[0]
        assert not notes_of(content)
    assert read_plain_header(encoded(tone(), "WAV")[:-4]) is None


def test_a_sample_rate_that_no_sound_has_is_refused_by_a_plain_header() -> None:
    with pytest.raises(AudiotagError, match="sample rate of 20 Hz"):
        read_header(encoded(tone(), "WAV", rate=20))


@pytest.mark.parametrize("granule", [0, -1, 10**9])
@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_false_place_in_the_last_page_of_an_ogg_is_not_believed(subtype: str, granule: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 48_000 * 4)
    *first, last = pages(encoded(noise, "OGG", subtype, 48_000))
    assert len(first) > 3
    content = b"".join([*first, with_granule(last, granule)])
    assert (
        notes_of(content)[0] == "clip is damaged: 1 of its pages states a false place in the sound; the rest is used."
    )
    if subtype == "VORBIS":  # FFmpeg leaves the last page of an Opus out
        assert read_header(content).duration_s == pytest.approx(4, abs=0.05)


def test_a_stream_of_a_broadcast_that_begins_late_is_not_said_to_state_less() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE * 8)
    head, setup, *sounding = pages(encoded(noise, "OGG", "VORBIS"))
    moved = [with_granule(page, int.from_bytes(page[6:14], "little") + 480_000) for page in sounding]
    assert notes_of(b"".join([head, setup, *moved])) == ()


def test_an_mp3_is_the_same_from_disk_and_as_an_upload(tmp_path: Path) -> None:
    """libsndfile refuses some MP3s from memory, and FFmpeg rounds differently: their content would be another one."""
    path = tmp_path / "clip.mp3"
    path.write_bytes(encoded(np.random.default_rng(0).normal(0, 0.1, RATE), "MP3"))
    assert not path.read_bytes().startswith(b"ID3")
    assert np.array_equal(read_sound(path).waveform, read_sound(path.read_bytes()).waveform)


def test_no_decoder_writes_about_an_mp3_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    mp3 = encoded(tone(), "MP3")
    junk = np.random.default_rng(0).bytes(100_000).replace(b"\xff", b"\0")
    for number, content in enumerate((mp3 + mp3, mp3[:2000] + bytes(700) + mp3[2000:], b"a" * 70_000, junk, b"ID3\3")):
        path = tmp_path / f"{number}.mp3"
        path.write_bytes(content)
        try:
            read_header(path)
            read_sound(path)
        except AudiotagError:
            pass
    assert capfd.readouterr().err == ""


def test_noise_that_is_named_mp3_is_of_no_known_format(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(bytes(range(1, 200)) * 500)
    with pytest.raises(AudiotagError, match=r"Format not recognised\.$"):
        read_header(tmp_path / "a.mp3")


def test_a_tag_that_states_more_than_the_file_is_passed_over() -> None:
    mp3 = encoded(tone(2), "MP3")
    assert read_header(b"ID3\3\0\0\x7f\x7f\x7f\x7f" + mp3).duration_s == pytest.approx(2, abs=0.06)


def test_text_in_utf_16_is_no_mp3(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes("hello, this is a text\r\n".encode("utf-16") + bytes(3))
    with pytest.raises(AudiotagError):
        read_header(tmp_path / "a.wav")


def test_a_crop_of_a_cut_adpcm_is_the_same_as_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    for subtype in ("IMA_ADPCM", "MS_ADPCM"):
        content = encoded(tone(2), "WAV", subtype)
        path.write_bytes(content[: len(content) // 2])
        whole = read_sound(path).waveform
        assert np.array_equal(read_crop(path, len(whole) - 1000, 1000), whole[-1000:])


def test_joined_wavs_of_different_formats_are_said_to_be_used_in_part() -> None:
    content = encoded(tone(0.5), "WAV") + encoded(tone(1), "WAV", rate=44_100)
    assert notes_of(content) == (
        "clip is several WAV files of different formats one after the other; only the first 0.50 s are used, so "
        "split it to use all.",
    )


def test_a_folder_leaves_no_file_open(tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("needs Linux's list of open files")
    before = len(list(descriptors.iterdir()))
    for _ in range(5):
        assert read_plain_header(tmp_path) is None
    assert len(list(descriptors.iterdir())) == before
