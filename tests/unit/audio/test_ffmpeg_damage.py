"""Files for FFmpeg that are cut, damaged or no sounds are read as far as they go, or refused by name."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from audiotag.audio import ffmpeg_track
from audiotag.audio.ffmpeg import FFmpegFile
from audiotag.audio.opening import SUFFIXES
from audiotag.audio.reading import read_header, read_sound
from audiotag.data.index import scan
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError

from .ffmpeg_formats import ADTS, FASTSTART, FORMATS, FRAGMENTED, LIVE, M4A, MKV, MOV, WEBM, WMA, Format, noise, write


@pytest.mark.parametrize("suffix", [".m4a", ".opus", ".au", ".ts", ".mpg", ".aiff"])
@pytest.mark.parametrize(
    "content",
    [
        b"Dear sir, this is a letter. " * 50,
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        bytes(4000),
    ],
)
def test_a_file_that_is_not_a_sound_is_refused_by_name(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"letter{suffix}"
    path.write_bytes(content)
    what = "(cannot be read as a sound: it is a text|is a playlist|holds nothing but zeros)"
    for read in (read_sound, read_header):
        with pytest.raises(AudiotagError, match=rf"^letter\{suffix} {what}.*; .*\.$"):
            read(path)


def test_a_file_of_any_suffix_that_is_not_a_sound_is_refused_by_name(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        path = tmp_path / f"letter{suffix}"
        path.write_bytes(b"Dear sir, this is a letter. " * 50)
        with pytest.raises(AudiotagError, match=rf"^letter\{suffix} cannot be read as a sound"):
            read_header(path)
        path.write_bytes(b"")
        with pytest.raises(AudiotagError, match=rf"^letter\{suffix} is empty \(0 bytes\)"):
            read_header(path)


@pytest.mark.parametrize("form", [MOV, MKV, LIVE, FORMATS[-1]], ids=str)
def test_a_video_without_sound_is_refused_by_name(tmp_path: Path, form: Format) -> None:
    path = write(tmp_path / f"mute.{form.suffix}", form)
    for read in (read_sound, read_header):
        with pytest.raises(AudiotagError, match=rf"^mute\.{form.suffix} has no sound: .* its tracks are: video\.$"):
            read(path)


@pytest.mark.parametrize("form", [M4A, FRAGMENTED, MKV], ids=str)
def test_a_sound_track_without_samples_is_refused_by_name(tmp_path: Path, form: Format) -> None:
    path = write(tmp_path / f"zero.{form.suffix}", form, np.zeros((1, 0)))
    for read in (read_sound, read_header):
        with pytest.raises(
            AudiotagError,
            match=rf"^zero\.{form.suffix} (is empty: its header states 0 samples|cannot be read|has no sound)",
        ):
            read(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_sample_that_is_not_finite_is_refused(tmp_path: Path, value: float) -> None:
    form = Format("mov", "mov", "pcm_f32le", "MOV", "FLOAT")
    samples = noise(form, 0.5)
    samples[0, [5, 700]] = value
    with pytest.raises(AudiotagError, match=r"diverged\.mov holds 2 samples that are not numbers"):
        read_sound(write(tmp_path / "diverged.mov", form, samples))


@pytest.mark.parametrize("form", [FASTSTART, FRAGMENTED, ADTS, WEBM, MKV, WMA, *FORMATS[-2:]], ids=str)
@pytest.mark.parametrize("share", [0.98, 0.6])
def test_a_truncated_file_is_decoded_to_its_end_with_a_note(tmp_path: Path, form: Format, share: float) -> None:
    path = write(tmp_path / f"whole.{form.suffix}", form, noise(form, 2.5))
    whole = read_sound(path)
    cut = read_sound(path.read_bytes()[: int(share * path.stat().st_size)], name="cut")
    assert cut.truncated
    assert not whole.truncated
    assert [note.split(":")[0] for note in cut.notes] == ["cut is truncated"]
    equal = len(cut.waveform) - form.frame  # the last frame overlaps one that is missing
    assert share - 0.3 < equal / len(whole.waveform) < share + 0.15
    np.testing.assert_allclose(cut.waveform[:equal], whole.waveform[:equal], atol=1e-6)


@pytest.mark.parametrize("share", [0.98, 0.5])
def test_an_mp4_without_its_table_is_refused_by_name(tmp_path: Path, share: float) -> None:
    content = write(tmp_path / "whole.m4a", M4A, noise(M4A)).read_bytes()
    with pytest.raises(AudiotagError, match=r"^cut\.m4a (cannot be read as a sound: its MP4 is damaged|is truncated)"):
        read_sound(content[: int(share * len(content))], name="cut.m4a")


@pytest.mark.parametrize(
    ("form", "after"),
    [(M4A, bytes(1000)), (M4A, bytes(3)), (MOV, bytes(1000)), (ADTS, b"TAG" + bytes(125)), (WEBM, bytes(50))],
    ids=str,
)
def test_bytes_after_a_complete_file_do_not_make_it_truncated(tmp_path: Path, form: Format, after: bytes) -> None:
    path = write(tmp_path / f"noise.{form.suffix}", form, noise(form, 1.0))
    whole = read_sound(path).waveform
    path.write_bytes(path.read_bytes() + after)
    sound = read_sound(path)
    assert sound.notes == ()
    np.testing.assert_array_equal(sound.waveform, whole)


def test_a_damaged_file_raises_a_sentence_and_ffmpeg_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    refused = []
    for form in (FASTSTART, FRAGMENTED, ADTS, WEBM, MKV, WMA, MOV):
        content = write(tmp_path / f"noise.{form.suffix}", form, noise(form, 0.5)).read_bytes()
        for _ in range(20):
            damaged = np.frombuffer(content, np.uint8).copy()
            where = rng.integers(0, min(len(damaged), rng.choice([1000, len(damaged)])), rng.choice([1, 10, 100]))
            damaged[where] = rng.integers(0, 256, len(where))
            try:
                read_sound(damaged.tobytes(), name="damaged")
            except AudiotagError as error:
                refused.append(str(error))
    assert len(refused) > 10  # else the damage had no effect
    assert [reason for reason in refused if not (reason.startswith("damaged ") and reason.endswith("."))] == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("tag", [b"inf", b"nan", b"1e300", b"-9", b"x"])
def test_an_impossible_length_in_a_tag_is_ignored(tmp_path: Path, tag: bytes) -> None:
    path = write(tmp_path / "noise.mkv", MKV, noise(MKV, 1.0))
    content = path.read_bytes()
    at = content.find(b"00:00:01.")  # of the sound track; that of the video is 2 s
    path.write_bytes(content[:at] + (b"00:00:" + tag).ljust(18, b"\0") + content[at + 18 :])
    assert read_header(path).frames == len(read_sound(path).waveform)
    assert list(scan(open_dataset(tmp_path))["error"].isna()) == [True]


def test_file_that_points_to_impossible_positions_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "a.bin").write_bytes(b"12345678")
    with ffmpeg_track._File(tmp_path / "a.bin") as file:
        assert file.seek(-5) == -1
        assert file.seek(-9, 2) == -1
        assert file.seek(4) == 4
        assert file.read(2) == b"56"
    content = bytearray(write(tmp_path / "a.mkv", MKV, np.zeros((1, 44_100), np.float32)).read_bytes())
    rng = np.random.default_rng(0)
    for number in range(200):
        damaged = content.copy()
        for place in rng.integers(4, len(damaged), 20):
            damaged[place] = rng.integers(256)
        path = tmp_path / f"{number}.mkv"
        path.write_bytes(damaged)
        with suppress(AudiotagError), FFmpegFile(path, "MATROSKA", path.name) as sound:
            for _ in sound.blocks():
                pass
    assert "Traceback" not in capfd.readouterr().err
