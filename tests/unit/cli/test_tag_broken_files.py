"""``audiotag tag`` names files that cannot be read, whatever they are, and tags the others."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from ..conftest import CommandResult
from .conftest import RATE, table_of


@pytest.mark.usefixtures("decoder_patience")
def test_sounds_that_their_decoder_dies_of_are_named_and_the_others_tagged(
    run: Callable[..., CommandResult], fake_decoder: ModuleType, tiny_ensemble: Path, tmp_path: Path, m4a: Callable
) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for seed, name in enumerate(("a.m4a", "g.m4a", "z.m4a")):
        (folder / name).write_bytes(m4a(np.random.default_rng(seed).normal(0, 0.1, RATE // 2)))
    for way in ("abort", "hang", "allocate", "kill"):
        (folder / f"{way}.m4a").write_bytes(fake_decoder.deadly((folder / "a.m4a").read_bytes(), way))
    result = run("tag", folder, "--ensemble", tiny_ensemble, "--out", tmp_path / "tags.csv")
    assert result.status == 1
    assert [row["fname"] for row in table_of(tmp_path / "tags.csv")] == ["a.m4a", "g.m4a", "z.m4a"]
    problems = {row["fname"]: row["problem"] for row in table_of(tmp_path / "tags.problems.csv")}
    assert problems == {
        "abort.m4a": "abort.m4a cannot be read: its decoder crashed on it; export it again as WAV.",
        "hang.m4a": "hang.m4a cannot be read: its decoder gave no sample for 2 s; export it again as WAV.",
        "allocate.m4a": "allocate.m4a cannot be read: its decoder needs more than 512 MB of memory; export it again "
        "as WAV.",
        "kill.m4a": "kill.m4a cannot be read: its decoder was killed twice, as if memory had run out; close other "
        "programs, or export it as WAV.",
    }
    assert "Traceback" not in result.err


def test_the_surround_sound_of_a_film_is_tagged(
    run: Callable[..., CommandResult], shared: Path, tiny_ensemble: Path
) -> None:
    result = run("tag", shared / "cases/sounds/surround_71.m4a", "--ensemble", tiny_ensemble, "--json")
    assert (result.status, result.err) == (0, "")
    (row,) = result.json()
    assert row["duration_s"] == 2.0
    assert row["notes"] == ["surround_71.m4a has 8 channels; their mean is used."]


def sound_bytes(suffix: str, seed: int, m4a: Callable) -> bytes:
    waveform = np.random.default_rng(seed).normal(0, 0.1, RATE // 5)
    if suffix == "m4a":
        return m4a(waveform)
    content = io.BytesIO()
    soundfile.write(content, waveform, RATE, format=suffix.upper())
    return content.getvalue()


def good_files(m4a: Callable) -> dict[str, bytes]:
    """Sounds of 0.2 s in several formats, some with a wrong suffix, some without their end."""
    files = {}
    for seed, suffix in enumerate(("wav", "flac", "ogg", "mp3", "m4a")):
        content = sound_bytes(suffix, seed, m4a)
        files[f"good.{suffix}"] = content
        files[f"wrong-name-{suffix}.{'wav' if suffix != 'wav' else 'flac'}"] = content
        if suffix not in ("m4a", "ogg"):  # so short a sound is then unreadable
            files[f"end-missing.{suffix}"] = content[: len(content) * 7 // 10]
    return files


USUAL_SUFFIXES = (
    ".wav", ".flac", ".ogg", ".mp3", ".opus", ".oga", ".m4a", ".aac", ".wma", ".mka", ".webm", ".mp4", ".m4v", ".mov",
    ".mkv", ".3gp", ".avi",
)  # fmt: skip


def broken_files(m4a: Callable) -> dict[str, bytes]:
    """Files that are named like sounds and cannot be read as sounds."""
    files: dict[str, bytes] = {}
    draw = np.random.default_rng(7)
    for suffix in USUAL_SUFFIXES:
        files[f"empty{suffix}"] = b""
        files[f"letter{suffix}"] = b"Dear sir, this is no sound.\n" * 40
        files[f"zeros{suffix}"] = bytes(3000)
        if suffix not in (".mp3", ".aac"):  # streams without a header: random bytes may look like a frame
            files[f"random{suffix}"] = draw.bytes(3000)
    for suffix in ("wav", "flac", "ogg", "m4a"):
        files[f"head-only.{suffix}"] = sound_bytes(suffix, 1, m4a)[:30]
    whole = sound_bytes("m4a", 1, m4a)
    files["table-missing.m4a"] = whole[: len(whole) // 2]
    wav = bytearray(sound_bytes("wav", 1, m4a))
    files["no-samples.wav"] = bytes(wav[:40]) + bytes(4)
    files["no-channels.wav"] = bytes(wav[:22]) + bytes(2) + bytes(wav[24:])
    files["no-rate.wav"] = bytes(wav[:24]) + bytes(4) + bytes(wav[28:])
    files["unknown-codec.wav"] = bytes(wav[:20]) + b"\xee\xee" + bytes(wav[22:])
    for name, value in (("nan", np.nan), ("infinite", -np.inf)):
        content = io.BytesIO()
        waveform = np.zeros(2000)
        waveform[1000] = value
        soundfile.write(content, waveform, RATE, format="WAV", subtype="FLOAT")
        files[f"{name}.wav"] = content.getvalue()
    for suffix in USUAL_SUFFIXES[:15]:
        files[f"page{suffix}"] = b"<!DOCTYPE html><html><title>404 Not Found</title></html>"
    files["picture.ogg"] = b"\x89PNG\r\n\x1a\n" + draw.bytes(500)
    files["archive.flac"] = b"PK\x03\x04" + draw.bytes(500)
    files["list.m4a"] = b"#EXTM3U\nhttp://127.0.0.1/a.aac\n"
    return files


GOOD_FILES = 60


def test_good_files_are_tagged_and_a_hundred_broken_ones_are_named(
    run: Callable[..., CommandResult], tmp_path: Path, tiny_ensemble: Path, m4a: Callable
) -> None:
    folder = tmp_path / "archive"
    broken = broken_files(m4a)
    for number, (name, content) in enumerate(broken.items()):
        (folder / f"box-{number % 7}").mkdir(parents=True, exist_ok=True)
        (folder / f"box-{number % 7}" / name).write_bytes(content)
    (folder / "folder.wav").mkdir()
    (folder / "gone.wav").symlink_to(folder / "nowhere.wav")
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    (folder / "to-folder.wav").symlink_to(folder / "box-1")
    os.mkfifo(folder / "pipe.wav")
    bad = {"folder.wav", "gone.wav", "loop.wav", "to-folder.wav", "pipe.wav"}
    bad |= {f"box-{number % 7}/{name}" for number, name in enumerate(broken)}
    assert len(bad) == 100
    good = good_files(m4a)
    sources = [tmp_path / name for name in good]
    for source, content in zip(sources, good.values(), strict=True):
        source.write_bytes(content)
    for number in range(GOOD_FILES):
        source = sources[number % len(sources)]
        os.link(source, folder / f"box-{number % 7}" / f"{number:03}-{source.name}")
    out = tmp_path / "tags.csv"
    result = run("tag", folder, "--ensemble", tiny_ensemble, "--out", out)
    assert result.status == 1
    tagged = [row["fname"] for row in table_of(out)]
    problems = table_of(tmp_path / "tags.problems.csv")
    assert {row["fname"] for row in problems} == bad
    assert len(tagged) == len(set(tagged)) == GOOD_FILES
    assert set(tagged).isdisjoint(bad)
    for row in problems:
        assert row["problem"].startswith(row["fname"])
        assert row["problem"].endswith(".")
        assert "Error:" not in row["problem"]
    assert f"{len(bad)} left out:" in result.err
