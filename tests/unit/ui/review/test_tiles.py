"""Tiles have the sound, the length and the hash of their clips, and clips that cannot be read have none."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.review.grid import GridClip
from audiotag.training.clip_contents import content_of
from audiotag.ui.review import tiles
from audiotag.ui.review.tiles import pack_tiles

WriteWav = Callable[..., Path]
Tone = Callable[..., np.ndarray]


def clip(path: Path, score: float = 0.5) -> GridClip:
    return GridClip("curated", path.name, path, ("Bark",), score)


def sound_in(block: bytes) -> tuple[dict, np.ndarray]:
    end = 4 + int.from_bytes(block[:4], "little")
    header = json.loads(block[4:end])
    wav = block[block.index(b"RIFF", end) :]
    return header["head"], soundfile.read(io.BytesIO(wav), dtype="float32")[0]


def test_a_tile_has_the_whole_sound_its_length_and_its_hash(tmp_path: Path, tone: Tone, write_wav: WriteWav) -> None:
    path = write_wav(tmp_path / "a.wav", tone(440, 1.25))
    (tile,), seen = pack_tiles([clip(path, 0.25)], 12)
    assert seen == 1
    assert (tile.tile.name, tile.tile.score, tile.tile.length) == ("a.wav", 0.25, "1.2 s")
    header, played = sound_in(tile.tile.block)
    assert header["duration_s"] == pytest.approx(1.25)
    np.testing.assert_allclose(played, tone(440, 1.25), atol=2 / 32_768)
    assert tile.known_content() == content_of(path) != ""


def test_a_long_sound_is_cut_and_its_hash_comes_later(
    tmp_path: Path, tone: Tone, write_wav: WriteWav, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "MAX_TILE_S", 2.0)
    path = write_wav(tmp_path / "long.wav", np.tile(tone(440, 1.0), 100))
    (tile,), _ = pack_tiles([clip(path)], 12)
    assert tile.tile.length == "first 2 s of 2 min"
    header, played = sound_in(tile.tile.block)
    assert header["duration_s"] == 2.0
    assert len(played) == 2 * 44_100
    assert tile.content.result(60) == content_of(path) == tile.known_content() != ""


def test_a_sound_of_hours_has_no_hash(
    tmp_path: Path, tone: Tone, write_wav: WriteWav, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "MAX_TILE_S", 2.0)
    monkeypatch.setattr(tiles, "MAX_HASHED_S", 5.0)
    (tile,), _ = pack_tiles([clip(write_wav(tmp_path / "hours.wav", np.tile(tone(440, 1.0), 10)))], 12)
    assert tile.known_content() == ""


def test_clips_that_cannot_be_read_are_passed_over(tmp_path: Path, tone: Tone, write_wav: WriteWav) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    paths = [broken, *(write_wav(tmp_path / f"{number}.wav", tone(440, 0.5)) for number in range(3))]
    clips = [clip(paths[0]), clip(tmp_path / "gone.wav"), *map(clip, paths[1:])]
    found, seen = pack_tiles(clips, 2)
    assert [each.clip.clip for each in found] == ["0.wav", "1.wav"]
    assert seen == 4
    rest, seen = pack_tiles(clips[seen:], 2)
    assert [each.clip.clip for each in rest] == ["2.wav"]
    assert seen == 1


def test_a_file_that_comes_back_or_changes_is_read_again(tmp_path: Path, tone: Tone, write_wav: WriteWav) -> None:
    path = tmp_path / "a.wav"
    assert pack_tiles([clip(path)], 1) == ([], 1)
    write_wav(path, tone(440, 1.0))
    assert [each.tile.length for each in pack_tiles([clip(path)], 1)[0]] == ["1.0 s"]
    write_wav(path, tone(440, 2.0))
    assert [each.tile.length for each in pack_tiles([clip(path)], 1)[0]] == ["2.0 s"]


def test_the_same_clip_is_packed_once(
    tmp_path: Path, tone: Tone, write_wav: WriteWav, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_wav(tmp_path / "a.wav", tone(440, 1.0))
    first = pack_tiles([clip(path)], 1)[0]
    monkeypatch.setattr(tiles, "pack_block", lambda *arguments: pytest.fail("it was packed again"))
    assert pack_tiles([clip(path)], 1)[0] == first


def test_clips_of_the_same_name_in_two_subsets_have_different_tiles(
    tmp_path: Path, tone: Tone, write_wav: WriteWav
) -> None:
    path = write_wav(tmp_path / "a.wav", tone(440, 1.0))
    twins = [GridClip(subset, "a.wav", path, (), 0.5) for subset in ("curated", "noisy")]
    assert len({each.tile.id for each in pack_tiles(twins, 2)[0]}) == 2


def test_a_name_that_is_not_valid_utf8_is_spelt_out(tmp_path: Path, tone: Tone, write_wav: WriteWav) -> None:
    path = write_wav(tmp_path / "a.wav", tone(440, 1.0)).rename(tmp_path / "caf\udce9.wav")
    (tile,), _ = pack_tiles([clip(path)], 1)
    assert tile.tile.name == "caf\\udce9.wav"
