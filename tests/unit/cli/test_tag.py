"""``audiotag tag`` and ``submit`` write what is asked for, whatever files are broken and wherever a run is stopped."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag import in_hand
from audiotag.cli import progress
from audiotag.cli.exit_codes import Terminated
from audiotag.tagging import tagger
from audiotag.tagging.ensemble import read_card
from audiotag.tagging.out_of_fold import FILE, OutOfFold
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.tagging.thresholds import save_thresholds
from audiotag.workspace import Workspace

from ..conftest import CommandResult

RATE = 44_100


@pytest.fixture
def measured_ensemble(tiny_ensemble: Path, tmp_path: Path) -> Path:
    """The tiny ensemble with out-of-fold scores, as if it had been trained."""
    import hashlib

    folder = shutil.copytree(tiny_ensemble, tmp_path / "measured")
    draw = np.random.default_rng(0)
    targets = (draw.random((100, 3)) < 0.4).astype(np.float32)
    scores = np.clip(0.3 * targets + draw.normal(0.3, 0.1, targets.shape), 0.01, 0.99).astype(np.float32)
    content = OutOfFold(scores, targets, np.arange(100) % 2 + 1).to_bytes()
    (folder / FILE).write_bytes(content)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"out_of_fold": hashlib.sha256(content).hexdigest()}))
    return folder


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_tag_tags_sounds_names_broken_files_and_changes_nothing(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, contents: Callable
) -> None:
    before = contents(sounds)
    result = run("tag", sounds, "--ensemble", tiny_ensemble)
    assert result.status == 1
    lines = result.out.splitlines()
    begins = ["a.wav", "b.WAV", "deep/c.wav", "  deep/c.wav was sampled at 8000 Hz"]
    assert [line.split(":")[0] for line in lines] == begins
    assert all("Bark 0." in line and "(2 of 2 folds)" in line and "Hiss" not in line for line in lines[:3])
    assert "2 left out:" in result.err
    assert "empty.ogg is empty (0 bytes)" in result.err
    assert "letter.mp3 cannot be read as a sound" in result.err
    assert "notes.txt" not in result.out + result.err
    assert contents(sounds) == before


def test_tag_writes_and_prints_the_same_json(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    printed = run("tag", sounds, "--ensemble", tiny_ensemble, "--json", "--out", tmp_path / "tags.json")
    assert printed.status == 1
    rows = printed.json()
    assert json.loads((tmp_path / "tags.json").read_text(encoding="utf-8")) == rows
    assert [row["clip"] for row in rows] == ["a.wav", "b.WAV", "deep/c.wav", "empty.ogg", "letter.mp3"]
    good, bad = rows[:3], rows[3:]
    assert [len(row["notes"]) for row in good] == [0, 0, 1]
    assert [list(row) for row in bad] == [["clip", "path", "problem"]] * 2
    assert bad[0]["problem"].startswith("empty.ogg is empty")
    for row in good:
        assert list(row) == ["clip", "path", "duration_s", "tags", "scores", "notes"]
        assert {tag["label"] for tag in row["tags"]} == {"Bark", "Bell"}
        assert all(tag["score"] == row["scores"][tag["label"]] and tag["folds"] == 2 for tag in row["tags"])
        assert set(row["scores"]) == {"Bark", "Bell", "Hiss"}
    one_fold = run("tag", sounds / "a.wav", "--ensemble", tiny_ensemble, "--folds", "2", "--json")
    assert one_fold.status == 0
    assert [tag["folds"] for tag in one_fold.json()[0]["tags"]] == [1, 1]
    assert one_fold.json()[0]["scores"] != rows[0]["scores"]


def test_exit_code_is_0_for_good_clips_and_2_for_broken_ones(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path
) -> None:
    assert run("tag", sounds / "a.wav", "--ensemble", tiny_ensemble)[::2] == (0, "")
    result = run("tag", sounds / "empty.ogg", sounds / "missing.wav", "--ensemble", tiny_ensemble)
    assert (result.status, result.out) == (2, "")
    assert "empty.ogg is empty" in result.err
    assert "missing.wav does not exist" in result.err


def test_missing_paths_are_refused_before_the_engines_are_measured(
    run: Callable[..., CommandResult], tmp_path: Path, tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audiotag.tagging.tagger.Tagger", None)  # it would measure them
    result = run("tag", tmp_path / "a.wav", tmp_path / "b", "--ensemble", tiny_ensemble)
    assert result.status == 2
    assert f"there is no such file or folder: {tmp_path / 'a.wav'}, {tmp_path / 'b'}; check the path." in result.err


def test_tag_lists_twenty_broken_files_and_says_where_all_are_listed(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    names = [f"bad-{number:02}.wav" for number in range(40)]
    for name in names:
        (sounds / name).touch()
    printed = run("tag", sounds, "--ensemble", tiny_ensemble, "--json")
    assert printed.status == 1
    assert {row["clip"] for row in printed.json() if "problem" in row} == {*names, "empty.ogg", "letter.mp3"}
    assert "42 left out:" in printed.err
    assert sum(" is empty" in line for line in printed.err.splitlines()) == 20
    assert "… and 22 more; --json lists all." in printed.err
    written = run("tag", sounds, "--ensemble", tiny_ensemble, "--out", tmp_path / "tags.parquet")
    assert f"… and 22 more; {tmp_path / 'tags.problems.csv'} lists all." in written.err
    with (tmp_path / "tags.problems.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert {row["fname"] for row in listed} == {*names, "empty.ogg", "letter.mp3"}
    assert listed[0] == {
        "fname": "bad-00.wav",
        "path": str(sounds / "bad-00.wav"),
        "problem": "bad-00.wav is empty (0 bytes); copy or record it again.",
    }


def test_silent_clip_has_no_label_above_its_threshold(
    run: Callable[..., CommandResult], tmp_path: Path, tiny_ensemble: Path, write_wav: Callable
) -> None:
    result = run("tag", write_wav(tmp_path / "quiet.wav", np.zeros(44_100)), "--ensemble", tiny_ensemble)
    assert result.status == 0
    assert result.out.splitlines() == [
        "quiet.wav: no label reaches its threshold",
        "  quiet.wav is silent: no sample is above -90 dBFS.",
    ]


def test_tag_finds_an_ensemble_of_the_workspace_by_name(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path
) -> None:
    shutil.copytree(tiny_ensemble, Workspace().ensembles / "mine")
    assert run("tag", sounds / "a.wav", "--ensemble", "mine").status == 0
    result = run("tag", sounds / "a.wav", "--ensemble", "mien")
    assert (result.status, result.out) == (2, "")
    assert re.match(r"audiotag: there is no ensemble named mien; choose one of (\w+, )*mine\.", result.err)


def test_tag_refuses_a_folder_without_sounds_and_an_unknown_fold(
    run: Callable[..., CommandResult], tmp_path: Path, sounds: Path, tiny_ensemble: Path
) -> None:
    (tmp_path / "none").mkdir()
    result = run("tag", tmp_path / "none", "--ensemble", tiny_ensemble)
    assert result.status == 2
    assert result.err.startswith(f"audiotag: no sound files in {tmp_path / 'none'}; WAV, FLAC, OGG, MP3, M4A")
    result = run("tag", sounds, "--ensemble", tiny_ensemble, "--folds", "1,7")
    assert result.status == 2
    assert result.err.startswith("audiotag: folds must be among 1, 2 in tiny, got 7")


def test_tag_refuses_a_damaged_ensemble_by_name(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(tiny_ensemble, tmp_path / "broken")
    (broken / "fold-2.safetensors").write_bytes(b"not these")
    result = run("tag", sounds, "--ensemble", broken)
    assert result.status == 2
    assert result.err.startswith("audiotag: broken/fold-2.safetensors is damaged: its checksum is not the card's")


def test_tag_refuses_an_output_that_cannot_be_written_before_it_starts(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger.Tagger, "__init__", lambda *args: pytest.fail("has started"))
    (sounds / "tags.csv").mkdir()
    for out, reason in (
        (
            "tags.xlsx",
            "--out must end in .csv, .json or .parquet, got tags.xlsx; for another ending, name the format with "
            "--format (audacity, csv, json, parquet).",
        ),
        (sounds / "tags.csv", f"--out cannot be written to {sounds / 'tags.csv'}; choose another place."),
        (sounds / "notes.txt/tags.csv", f"{sounds / 'notes.txt'} cannot be used: file exists; choose another place."),
    ):
        result = run("tag", sounds, "--ensemble", tiny_ensemble, "--out", out)
        assert (result.status, result.out, result.err) == (2, "", f"audiotag: {reason}\n")


def test_table_of_tags_can_be_scored(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    run("tag", sounds, "--ensemble", tiny_ensemble, "--out", tmp_path / "tags.csv")
    (tmp_path / "truth.csv").write_text("fname,labels\na.wav,Bark\nb.WAV,Hiss\n")
    result = run("score", tmp_path / "tags.csv", "--truth", tmp_path / "truth.csv", "--json")
    assert result.status == 0
    assert result.json()["clips"] == 2
    assert set(result.json()["per_class"]) == {"Bark", "Bell", "Hiss"}


def test_tag_writes_the_same_table_as_csv_json_and_parquet(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new"  # a folder that is not there yet
    for suffix in ("csv", "json", "parquet"):
        result = run("tag", sounds, "--ensemble", tiny_ensemble, "--out", out / f"tags.{suffix}")
        assert (result.status, result.out) == (1, "")
        assert f"tags.{suffix} has 3 clips;" in result.err
    table = table_of(out / "tags.csv")
    assert list(table[0]) == ["fname", "Bark", "Bell", "Hiss", "tags"]
    assert [row["fname"] for row in table] == ["a.wav", "b.WAV", "deep/c.wav"]
    assert pd.read_parquet(out / "tags.parquet").astype(str).to_dict("records") == table
    rows = [row for row in json.loads((out / "tags.json").read_text()) if "problem" not in row]
    for row, cells in zip(rows, table, strict=True):
        assert cells["fname"] == row["clip"]
        assert set(cells["tags"].split(",")) == {"Bark", "Bell"}
        assert all(0 < float(cells[label]) == score < 1 for label, score in row["scores"].items())
        assert cells["tags"].split(",") == [tag["label"] for tag in row["tags"]]


def test_timeline_has_one_row_per_window(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    common = (sounds, "--ensemble", tiny_ensemble, "--overlap", "0.5", "--timeline")
    for suffix in ("csv", "json", "parquet"):
        assert run("tag", *common, "--out", tmp_path / f"windows.{suffix}").status == 1
    table = table_of(tmp_path / "windows.csv")
    assert list(table[0]) == ["fname", "start_s", "end_s", "Bark", "Bell", "Hiss"]
    assert [(row["fname"], row["start_s"], row["end_s"]) for row in table] == [
        ("a.wav", "0.0", "0.5"),
        *(("b.WAV", str(start), str(start + 1)) for start in (0.0, 0.5, 1.0, 1.5)),
        ("deep/c.wav", "0.0", "1.0"),
    ]
    tags = Tagger(tiny_ensemble, TagSettings()).tag(sounds / "b.WAV")
    np.testing.assert_allclose([float(row["Bell"]) for row in table[1:5]], tags.timeline[:, 1], atol=1e-4)
    assert pd.read_parquet(tmp_path / "windows.parquet").astype(str).to_dict("records") == table
    rows = {row["clip"]: row for row in json.loads((tmp_path / "windows.json").read_text())}
    assert [window["start_s"] for window in rows["b.WAV"]["timeline"]] == [0, 0.5, 1, 1.5]
    assert run("tag", *common, "--json").json() == list(rows.values())
    refused = run("tag", *common)
    assert (refused.status, refused.out) == (2, "")
    assert "--timeline goes into a file or JSON; add --out FILE or --json" in refused.err


def test_audacity_folder_gets_one_label_track_per_clip(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tracks"
    assert run("tag", sounds, "--ensemble", tiny_ensemble, "--audacity", folder).status == 1
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.txt")) == [
        "a.wav.txt",
        "b.WAV.txt",
        "deep/c.wav.txt",
    ]
    ranges = [line.split("\t") for line in (folder / "b.WAV.txt").read_text().splitlines()]
    assert [(start, end, text.split()[0]) for start, end, text in ranges] == [
        ("0.000000", "2.500000", "Bark"),  # both always reach their threshold, so that all windows are one range
        ("0.000000", "2.500000", "Bell"),
    ]


@pytest.mark.parametrize(
    ("options", "out"),
    [
        ((), True),
        (("--tta",), False),
        (("--combine", "geometric", "--overlap", "0"), True),
        (("--combine", "weighted", "--folds", "2", "--windows", "max"), False),
    ],
    ids=["default", "tta", "geometric", "weighted"],
)
def test_command_and_library_give_the_same_scores(
    run: Callable[..., CommandResult], sounds: Path, measured_ensemble: Path, tmp_path: Path, options: tuple, out: bool
) -> None:
    values = dict(zip(options[::2], options[1::2], strict=False))
    settings = TagSettings(
        combine=values.get("--combine", "mean"),
        tta="--tta" in options,
        overlap=float(values.get("--overlap", 0.5)),
        windows=values.get("--windows"),
        folds=(2,) if "--folds" in values else (),
    )
    library = Tagger(measured_ensemble, settings)
    file = ("--out", tmp_path / "tags.json") if out else ()
    result = run("tag", sounds, "--ensemble", measured_ensemble, *options, "--json", *file)
    rows = [row for row in result.json() if "problem" not in row]
    assert len(rows) == 3
    for row in rows:
        tags = library.tag(Path(row["path"]))
        for label, score in zip(library.card.labels, tags.scores, strict=True):
            assert row["scores"][label] == pytest.approx(score, abs=0.51e-4)
        assert [tag["label"] for tag in row["tags"]] == [tag.label for tag in tags.tags]


def test_weights_without_out_of_fold_scores_are_refused(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path
) -> None:
    result = run("tag", sounds, "--ensemble", tiny_ensemble, "--combine", "weighted")
    assert result.status == 2
    assert "tiny holds no out-of-fold scores to fit weights to" in result.err
    result = run("tag", sounds, "--ensemble", tiny_ensemble, "--threshold", "f1")
    assert result.status == 2
    assert "tiny holds no out-of-fold scores" in result.err


def test_thresholds_are_those_of_the_options_else_the_saved_ones_else_the_cards(
    run: Callable[..., CommandResult], sounds: Path, measured_ensemble: Path
) -> None:
    card = read_card(measured_ensemble)

    def tags(*options: str) -> tuple[list[str], str]:
        result = run("tag", sounds / "a.wav", "--ensemble", measured_ensemble, "--json", *options)
        assert result.status == 0
        return sorted(tag["label"] for tag in result.json()[0]["tags"]), result.err

    assert tags() == (["Bark", "Bell"], "")
    assert tags("--threshold", "0") == (["Bark", "Bell", "Hiss"], "")
    assert tags("--threshold", "1", "--threshold", "Hiss=0.01") == (["Hiss"], "")
    save_thresholds(Workspace(), card, (1.0, 1.0, 0.01))
    saved, message = tags()
    assert saved == ["Hiss"]
    assert message == "Tags use the thresholds that you saved for tiny; --threshold card takes its own.\n"
    assert tags("--threshold", "card") == (["Bark", "Bell"], "")
    assert tags("--threshold", "Bark=1") == (["Bell"], "")
    for aim in ("f1", "precision=0.8"):
        least = held_out_of(measured_ensemble).thresholds(*(("f1",) if aim == "f1" else ("precision", 0.8)))
        scores = Tagger(measured_ensemble).tag(sounds / "a.wav").scores
        passing = sorted(label for label, score, at in zip(card.labels, scores, least, strict=True) if score >= at)
        assert tags("--threshold", aim) == (passing, "")


def held_out_of(folder: Path) -> OutOfFold:
    from audiotag.tagging.out_of_fold import read_out_of_fold

    found = read_out_of_fold(folder, read_card(folder))
    assert found is not None
    return found


def test_tag_does_not_overwrite_its_input(
    run: Callable[..., CommandResult], tmp_path: Path, tiny_ensemble: Path
) -> None:
    (tmp_path / "list.csv").write_text("fname\n")
    result = run("tag", tmp_path / "list.csv", "--ensemble", tiny_ensemble, "--out", tmp_path / "list.csv")
    assert result.status == 2
    assert "--out would write over" in result.err
    assert (tmp_path / "list.csv").read_text() == "fname\n"


def test_only_the_problems_are_written_if_nothing_could_be_tagged(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out/tags.csv"
    result = run("tag", sounds / "empty.ogg", sounds / "letter.mp3", "--ensemble", tiny_ensemble, "--out", out)
    assert result.status == 2
    assert [path.name for path in out.parent.iterdir()] == ["tags.problems.csv"]
    assert run("tag", sounds / "a.wav", "--ensemble", tiny_ensemble, "--out", out).status == 0
    assert [path.name for path in out.parent.iterdir()] == ["tags.csv"]  # the problems of the run before are deleted


def m4a_of(waveform: np.ndarray) -> bytes:
    import av

    content = io.BytesIO()
    with av.open(content, "w", format="ipod") as file:
        stream = file.add_stream("aac", rate=RATE, layout="mono", bit_rate=128_000)
        frame = av.AudioFrame.from_ndarray(waveform[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        for part in av.AudioResampler("fltp", "mono", RATE, frame_size=1024).resample(frame):
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return content.getvalue()


@pytest.mark.usefixtures("decoder_patience")
def test_sounds_that_their_decoder_dies_of_are_named_and_the_others_tagged(
    run: Callable[..., CommandResult], fake_decoder: ModuleType, tiny_ensemble: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for seed, name in enumerate(("a.m4a", "g.m4a", "z.m4a")):
        (folder / name).write_bytes(m4a_of(np.random.default_rng(seed).normal(0, 0.1, RATE // 2)))
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


def sound_bytes(suffix: str, seed: int, subtype: str | None = None) -> bytes:
    waveform = np.random.default_rng(seed).normal(0, 0.1, RATE // 5)
    if suffix == "m4a":
        return m4a_of(waveform)
    content = io.BytesIO()
    soundfile.write(content, waveform, RATE, format=suffix.upper(), subtype=subtype)
    return content.getvalue()


def good_files() -> dict[str, bytes]:
    """Sounds of 0.2 s in several formats, some with a wrong suffix, some without their end."""
    files = {}
    for seed, suffix in enumerate(("wav", "flac", "ogg", "mp3", "m4a")):
        content = sound_bytes(suffix, seed)
        files[f"good.{suffix}"] = content
        files[f"wrong-name-{suffix}.{'wav' if suffix != 'wav' else 'flac'}"] = content
        if suffix not in ("m4a", "ogg"):  # so short a sound is then unreadable
            files[f"end-missing.{suffix}"] = content[: len(content) * 7 // 10]
    return files


USUAL_SUFFIXES = (
    ".wav", ".flac", ".ogg", ".mp3", ".opus", ".oga", ".m4a", ".aac", ".wma", ".mka", ".webm", ".mp4", ".m4v", ".mov",
    ".mkv", ".3gp", ".avi",
)  # fmt: skip


def broken_files() -> dict[str, bytes]:
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
        files[f"head-only.{suffix}"] = sound_bytes(suffix, 1)[:30]
    m4a = sound_bytes("m4a", 1)
    files["table-missing.m4a"] = m4a[: len(m4a) // 2]
    wav = bytearray(sound_bytes("wav", 1))
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
    run: Callable[..., CommandResult], tmp_path: Path, tiny_ensemble: Path
) -> None:
    folder = tmp_path / "archive"
    broken = broken_files()
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
    good = good_files()
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


STOPPED_SCRIPT = """
import os, signal, sys
from audiotag.tagging.journal import Journal
add, left = Journal.add, [int(sys.argv.pop(1))]
def stopped(self, row):
    if not left[0]:
        self._file.write(b'{"clip": "torn')
        self._file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    add(self, row)
Journal.add = stopped
from audiotag.cli.main import main
main(sys.argv[1:])
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """24 sounds, and two files that are not sounds."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(24):
        waveform = np.random.default_rng(number).normal(0, 0.1, RATE // 5 * (1 + number % 4))
        soundfile.write(folder / f"{number:02}.wav", waveform, RATE)
    (folder / "10-empty.wav").touch()
    (folder / "20-letter.wav").write_text("Dear sir")
    return folder


def test_killed_run_goes_on_and_writes_the_file_of_an_undisturbed_run(
    run: Callable[..., CommandResult], archive: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    command = ("tag", archive, "--ensemble", tiny_ensemble, "--out")
    alone = run(*command, tmp_path / "alone.csv")
    assert alone.status == 1
    out = tmp_path / "stopped.csv"
    killed = subprocess.run(
        [sys.executable, "-c", STOPPED_SCRIPT, "15", *map(str, command), str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=120,
    )
    assert killed.returncode == -9, killed.stderr
    assert not out.exists()
    assert out.with_name(".stopped.csv.partial.jsonl").read_text().count("\n") == 16  # and its fingerprint
    went_on = run(*command, out)
    assert went_on.status == 1
    assert "Resuming stopped.csv: 14 clips are already tagged." in went_on.err  # and a broken one
    assert "24 clips, 14 of them tagged before" in went_on.err
    assert "2 left out:" in went_on.err  # both were tried again, or for the first time
    assert out.read_bytes() == (tmp_path / "alone.csv").read_bytes()
    problems = (tmp_path / "alone.problems.csv").read_bytes()
    assert (tmp_path / "stopped.problems.csv").read_bytes() == problems
    assert not list(tmp_path.glob(".*"))


def stopped_after(done: int, end: BaseException | type[BaseException] = KeyboardInterrupt) -> Callable[..., None]:
    """`Progress.count` that is interrupted like by Ctrl-C or SIGTERM when so many clips are done."""
    count = progress.Progress.count

    def interrupted(self: progress.Progress, *arguments: Any) -> None:
        count(self, *arguments)
        if self.good == done:
            raise end

    return interrupted


@pytest.mark.parametrize(("suffix", "options"), [("csv", ()), ("json", ("--timeline",))], ids=["clips", "windows"])
def test_ctrl_c_keeps_finished_clips(
    run: Callable[..., CommandResult],
    archive: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    options: tuple[str, ...],
) -> None:
    command = ("tag", archive, "--ensemble", tiny_ensemble, *options, "--out")
    run(*command, tmp_path / f"alone.{suffix}")
    count = progress.Progress.count
    for done, end, status in ((9, KeyboardInterrupt, 130), (17, Terminated(signal.SIGTERM), 143)):
        monkeypatch.setattr(progress.Progress, "count", stopped_after(done, end))
        stopped = run(*command, tmp_path / f"tags.{suffix}")
        assert stopped.status == status
        assert f"{done} clips are tagged; run the same command again to resume." in stopped.err
        assert not (tmp_path / f"tags.{suffix}").exists()
        monkeypatch.setattr(progress.Progress, "count", count)
    went_on = run(*command, tmp_path / f"tags.{suffix}")
    assert "Resuming tags" in went_on.err
    assert (tmp_path / f"tags.{suffix}").read_bytes() == (tmp_path / f"alone.{suffix}").read_bytes()


def test_unfinished_run_with_other_settings_starts_anew_and_says_why(
    run: Callable[..., CommandResult],
    archive: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "tags.csv"
    stop = pytest.MonkeyPatch()
    stop.setattr(progress.Progress, "count", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run("tag", archive, "--ensemble", tiny_ensemble, "--out", out).status == 130
    stop.undo()
    result = run("tag", archive, "--ensemble", tiny_ensemble, "--overlap", "0", "--threshold", "0.3", "--out", out)
    assert "because this has changed: tagging options and thresholds. Starting again from the beginning." in result.err
    assert "tagged before" not in result.err


@pytest.fixture
def competition(tmp_path: Path) -> Path:
    """A dataset in the competition's layout: a sample submission, and no labels of the test clips."""
    folder = tmp_path / "competition"
    for part in ("train_curated", "train_noisy", "test"):
        (folder / part).mkdir(parents=True)
        for number in range(4):
            waveform = np.random.default_rng(number).normal(0, 0.1, RATE // 2)
            soundfile.write(folder / part / f"{part}-{number}.wav", waveform, RATE)
        if part != "test":
            rows = "".join(
                f"{part}-{number}.wav,{label}\n" for number, label in enumerate(("Hiss", "Bark", "Meow", "Hiss"))
            )
            (folder / f"{part}.csv").write_text(f"fname,labels\n{rows}")
    names = ("test-2.wav", "test-0.wav", "test-gone.wav", "test-3.wav", "test-1.wav")
    (folder / "sample_submission.csv").write_text(
        "fname,Hiss,Meow,Bark\n" + "".join(f"{name},0,0,0\n" for name in names)
    )
    return folder


def test_submission_has_the_samples_columns_and_order_and_zeros_for_what_is_unknown(
    run: Callable[..., CommandResult], competition: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (competition / "test/test-3.wav").write_text("Dear sir")
    out = tmp_path / "submission.csv"
    result = run("submit", competition, "--ensemble", tiny_ensemble, "--out", out)
    assert (result.status, result.out) == (1, "")
    assert "tiny does not know Meow: 1 of 3 labels get zeros." in result.err
    assert "2 left out:" in result.err
    assert "test-gone.wav does not exist" in result.err
    rows = table_of(out)
    assert list(rows[0]) == ["fname", "Hiss", "Meow", "Bark"]
    assert [row["fname"] for row in rows] == ["test-2.wav", "test-0.wav", "test-gone.wav", "test-3.wav", "test-1.wav"]
    library = Tagger(tiny_ensemble)
    for row in rows:
        scores = [float(row[label]) for label in ("Hiss", "Meow", "Bark")]
        if row["fname"] in ("test-gone.wav", "test-3.wav"):
            assert scores == [0, 0, 0]
        else:
            bark, _, hiss = library.tag(competition / "test" / row["fname"]).scores
            assert scores == pytest.approx([hiss, 0, bark], abs=2e-6)
    assert [row["fname"] for row in table_of(tmp_path / "submission.problems.csv")] == ["test-gone.wav", "test-3.wav"]


def test_submission_takes_folds_and_passes(
    run: Callable[..., CommandResult], competition: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = tmp_path / "submission.csv"
    run("submit", competition, "--ensemble", tiny_ensemble, "--folds", "2", "--tta", "--out", out)
    library = Tagger(tiny_ensemble, TagSettings(folds=(2,), tta=True))
    for row in table_of(out):
        if row["fname"] != "test-gone.wav":
            expected = library.tag(competition / "test" / row["fname"]).scores[0]
            assert float(row["Bark"]) == pytest.approx(expected, abs=2e-6)


def test_submission_without_a_sample_has_all_test_clips_and_the_ensembles_labels(
    run: Callable[..., CommandResult],
    competition: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (competition / "sample_submission.csv").unlink()
    refused = run("submit", competition, "--ensemble", tiny_ensemble)
    assert refused.status == 2
    assert "competition has no test clips and no sample_submission.csv" in refused.err
    names = ("test-1.wav", "test-0.wav", "test-3.wav", "test-2.wav")
    (competition / "test_truth.csv").write_text("fname,labels\n" + "".join(f"{name},Hiss\n" for name in names))
    result = run("submit", competition, "--ensemble", tiny_ensemble)
    assert result.status == 0
    assert "submission.csv has 4 clips;" in result.err
    rows = table_of(tmp_path / "submission.csv")
    assert list(rows[0]) == ["fname", "Bark", "Bell", "Hiss"]
    assert [row["fname"] for row in rows] == list(names)
    scored = run("score", tmp_path / "submission.csv", "--truth", competition / "test_truth.csv", "--json")
    assert scored.json()["clips"] == 4


def test_submission_is_refused_if_the_ensemble_knows_no_label_of_it(
    run: Callable[..., CommandResult], competition: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (competition / "sample_submission.csv").write_text("fname,Meow,Purr\ntest-0.wav,0,0\n")
    (competition / "train_curated.csv").write_text("fname,labels\ntrain_curated-0.wav,Meow\n")
    (competition / "train_noisy.csv").write_text("fname,labels\ntrain_noisy-0.wav,Purr\n")
    result = run("submit", competition, "--ensemble", tiny_ensemble, "--out", tmp_path / "s.csv")
    assert (result.status, result.out) == (2, "")
    assert "tiny knows none of the 2 labels of sample_submission.csv, it knows Bark, Bell, Hiss" in result.err
    assert not (tmp_path / "s.csv").exists()


def test_stopped_submission_goes_on(
    run: Callable[..., CommandResult], competition: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    command = ("submit", competition, "--ensemble", tiny_ensemble, "--out")
    run(*command, tmp_path / "alone.csv")
    with pytest.MonkeyPatch.context() as stop:
        stop.setattr(progress.Progress, "count", stopped_after(2))
        assert run(*command, tmp_path / "stopped.csv").status == 130
    went_on = run(*command, tmp_path / "stopped.csv")
    assert "Resuming stopped.csv: 2 clips are already tagged." in went_on.err
    assert (tmp_path / "stopped.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()


@pytest.mark.parametrize("way", ["abort", "kill once"])
def test_file_that_ends_the_process_is_named_by_the_next_command_which_tags_the_rest(
    run: Callable[..., CommandResult],
    archive: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    fake_libsndfile: ModuleType,
    way: str,
) -> None:
    command = [sys.executable, "-m", "audiotag", "tag", str(archive), "--ensemble", str(tiny_ensemble), "--out"]
    alone = run(*command[3:], tmp_path / "alone.csv")
    assert alone.status == 1
    fake_libsndfile.deadly(archive / "07.wav", way)
    out = tmp_path / "died.csv"
    died = subprocess.run([*command, str(out)], capture_output=True, text=True, timeout=120, check=False)
    assert died.returncode == (-6 if way == "abort" else -9), died.stderr
    assert not out.exists()
    assert archive / "07.wav" in in_hand.files_in(out.with_name(".died.csv.partial.in-hand"))
    went_on = run(*command[3:], out)
    assert went_on.status == 1, went_on.err
    assert "An earlier command ended while it read " in went_on.err
    assert not list(tmp_path.glob(".*"))
    if way == "kill once":  # as by somebody: nothing is lost
        assert out.read_bytes() == (tmp_path / "alone.csv").read_bytes()
        return
    problems = {row["fname"]: row["problem"] for row in table_of(tmp_path / "died.problems.csv")}
    assert sorted(problems) == ["07.wav", "10-empty.wav", "20-letter.wav"]
    assert problems["07.wav"].startswith("07.wav cannot be read: its decoder crashed on it")
    assert problems["07.wav"] in went_on.err
    lines = (tmp_path / "alone.csv").read_bytes().splitlines(keepends=True)
    assert out.read_bytes() == b"".join(line for line in lines if not line.startswith(b"07.wav"))


def test_command_onto_the_screen_passes_the_file_that_ended_it_before(
    run: Callable[..., CommandResult], archive: Path, tiny_ensemble: Path, fake_libsndfile: ModuleType
) -> None:
    for path in sorted(archive.iterdir())[4:]:
        path.unlink()
    fake_libsndfile.deadly(archive / "01.wav", "abort")
    command = [sys.executable, "-m", "audiotag", "tag", str(archive), "--ensemble", str(tiny_ensemble), "--json"]
    died = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert died.returncode == -6, died.stderr
    went_on = run(*command[3:])
    assert went_on.status == 1, went_on.err
    (sentence,) = (
        line for line in went_on.err.splitlines() if line.startswith("An earlier command ended while it read ")
    )
    assert str(archive / "01.wav") in sentence  # and perhaps what another thread was reading
    assert "01.wav cannot be read: its decoder crashed on it" in went_on.err
    assert [row["clip"] for row in json.loads(went_on.out) if "problem" not in row] == ["00.wav", "02.wav", "03.wav"]
    assert not list((Workspace().root / "in-hand").iterdir())


def test_table_for_a_spreadsheet_holds_no_formula_and_other_tables_are_exact(
    run: Callable[..., CommandResult], tmp_path: Path, tiny_ensemble: Path, tone: Callable, write_wav: Callable
) -> None:
    write_wav(tmp_path / "sounds/=1+1.wav", tone(500, 1.0))
    (tmp_path / "sounds/@SUM(1).wav").touch()
    command = ("tag", tmp_path / "sounds", "--ensemble", tiny_ensemble, "--out")
    run(*command, tmp_path / "t.csv", "--spreadsheet")
    assert (tmp_path / "t.csv").read_text().splitlines()[1].startswith("'=1+1.wav,0.")
    assert (tmp_path / "t.problems.csv").read_text().splitlines()[1].startswith("'@SUM(1).wav,")
    run(*command, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines()[1].startswith("=1+1.wav,0.")
    outcome = run(*command, tmp_path / "t.parquet", "--spreadsheet")
    assert "--spreadsheet is for a CSV file; add --out FILE.csv, or leave it out." in outcome.err


def test_names_of_files_cannot_move_the_cursor_or_fake_lines(
    run: Callable[..., CommandResult], tmp_path: Path, tiny_ensemble: Path, tone: Callable, write_wav: Callable
) -> None:
    name = "\x1b[2J\rBark\naudiotag: all done.\u202e"
    write_wav(tmp_path / f"sounds/{name}.wav", tone(500, 1.0))
    (tmp_path / f"sounds/{name}.ogg").touch()
    outcome = run("tag", tmp_path / "sounds", "--ensemble", tiny_ensemble)
    for text in (outcome.out, outcome.err):
        assert not set(text) & set("\x1b\r\u202e")
        assert "\naudiotag: all done" not in text
        assert "\\x1b[2J\\rBark\\naudiotag: all done.\\u202e" in text
    (row, _) = json.loads(run("tag", tmp_path / "sounds", "--ensemble", tiny_ensemble, "--json").out)
    assert Path(row["clip"]).stem == name
