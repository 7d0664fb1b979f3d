"""``audiotag tag`` writes what is asked for, and refuses what it cannot do."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.tagging import tagger
from audiotag.tagging.export.base import EXPORTS
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import Workspace

from ..conftest import CommandResult
from .conftest import table_of


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
        assert list(row) == [
            "clip", "path", "duration_s", "tags", "scores", "familiarity", "unlike", "held_back", "notes", "recorded",
            "events",
        ]  # fmt: skip
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
        "  quiet.wav is silent: no sample is above −90 dBFS.",
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
            "--out must end in .csv, .json, .jsonl or .parquet, got tags.xlsx; for another ending, name the format "
            "with --format (audacity, birdnet, csv, json, jsonl, kaleidoscope, parquet, raven, raven-per-clip, "
            "webvtt).",
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
    assert list(table[0]) == ["fname", "Bark", "Bell", "Hiss", "tags", "familiarity", "unlike", "held_back", "recorded"]
    assert [row["fname"] for row in table] == ["a.wav", "b.WAV", "deep/c.wav"]
    assert pd.read_parquet(out / "tags.parquet").astype(object).fillna("").astype(str).to_dict("records") == table
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
    assert list(table[0]) == ["fname", "start_s", "end_s", "Bark", "Bell", "Hiss", "familiarity", "recorded"]
    assert [(row["fname"], row["start_s"], row["end_s"]) for row in table] == [
        ("a.wav", "0.0", "0.5"),
        *(("b.WAV", str(start), str(start + 1)) for start in (0.0, 0.5, 1.0, 1.5)),
        ("deep/c.wav", "0.0", "1.0"),
    ]
    tags = Tagger(tiny_ensemble, TagSettings()).tag(sounds / "b.WAV")
    np.testing.assert_allclose([float(row["Bell"]) for row in table[1:5]], tags.timeline[:, 1], atol=1e-4)
    stored = pd.read_parquet(tmp_path / "windows.parquet").astype(object).fillna("").astype(str)
    assert stored.to_dict("records") == table
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


def test_tag_does_not_overwrite_its_input(
    run: Callable[..., CommandResult], tmp_path: Path, tiny_ensemble: Path
) -> None:
    (tmp_path / "list.csv").write_text("fname\n")
    result = run("tag", tmp_path / "list.csv", "--ensemble", tiny_ensemble, "--out", tmp_path / "list.csv")
    assert result.status == 2
    assert "--out would write over" in result.err
    assert (tmp_path / "list.csv").read_text() == "fname\n"


def test_tag_does_not_overwrite_a_sound_of_a_folder(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    before = (sounds / "deep/c.wav").read_bytes()
    (tmp_path / "link").symlink_to(sounds)
    for out in (sounds / "deep/c.wav", tmp_path / "link/deep/c.wav", sounds / "new.OGG"):
        result = run("tag", sounds, "--ensemble", tiny_ensemble, "--out", out, "--format", "csv")
        assert result.status == 2
        assert f"--out would write {out}, which is among the sounds of {sounds} by its name" in result.err
    assert (sounds / "deep/c.wav").read_bytes() == before
    assert not (sounds / "new.OGG").exists()


def test_only_the_problems_are_written_if_nothing_could_be_tagged(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out/tags.csv"
    result = run("tag", sounds / "empty.ogg", sounds / "letter.mp3", "--ensemble", tiny_ensemble, "--out", out)
    assert result.status == 2
    assert [path.name for path in out.parent.iterdir()] == ["tags.problems.csv"]
    assert run("tag", sounds / "a.wav", "--ensemble", tiny_ensemble, "--out", out).status == 0
    assert [path.name for path in out.parent.iterdir()] == ["tags.csv"]  # the problems of the run before are deleted


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


def test_every_export_format_is_named_in_the_help(run: Callable[..., CommandResult]) -> None:
    shown = run("tag", "--help").out
    assert [name for name in EXPORTS.names() if name not in shown] == []
    for option in ("--event-gap", "--event-min", "--event-hysteresis"):
        assert option in shown


def test_time_ranges_of_all_clips_go_into_one_file_or_one_file_per_clip(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (sounds / "a.wav").rename(sounds / "SITE_20190528_213000.wav")
    command = ("tag", sounds, "--ensemble", tiny_ensemble, "--threshold", "card")
    assert run(*command, "--format", "kaleidoscope", "--out", tmp_path / "k.csv", "--event-gap", "1").status == 1
    with (tmp_path / "k.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["IN FILE"] for row in rows} == {"SITE_20190528_213000.wav", "b.WAV", "c.wav"}
    assert [row["TIME"] for row in rows if row["DATE"]] == ["21:30:00", "21:30:00"]
    out = tmp_path / "subtitles"
    assert run(*command, "--format", "webvtt", "--out", out, "--json").status == 1
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.vtt")) == [
        "SITE_20190528_213000.wav.vtt", "b.WAV.vtt", "deep/c.wav.vtt",
    ]  # fmt: skip
    safe = run(*command, "--format", "raven", "--out", tmp_path / "r.txt", "--spreadsheet")
    assert safe.status == 1
    assert (tmp_path / "r.txt").read_bytes().startswith(b"\xef\xbb\xbfSelection\tView\tChannel\tBegin Time (s)\t")


def test_settings_of_time_ranges_change_the_events_and_need_a_file_that_has_them(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    command = ("tag", sounds / "b.WAV", "--ensemble", tiny_ensemble)
    plain = run(*command, "--json").json()[0]
    assert {event["label"] for event in plain["events"]} == {"Bark", "Bell"}
    assert run(*command, "--json", "--event-min", "60").json()[0]["events"] == []
    refused = run(*command, "--out", tmp_path / "t.csv", "--event-gap", "1")
    assert refused.status == 2
    assert "--event-gap is for formats with time ranges; add --format raven" in refused.err
    wrong = run(*command, "--json", "--event-hysteresis", "2")
    assert wrong.status == 2
    assert "hysteresis must be a number from 0 to 1, got 2.0" in wrong.err


def test_clip_that_cannot_have_a_file_of_its_own_stops_no_other(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (sounds / "a.wav").rename(sounds / f"{'a' * 250}.wav")
    (tmp_path / "tracks").mkdir()
    (tmp_path / "tracks/deep").write_text("a file where a folder is to be")
    (tmp_path / "tracks/letter.mp3.txt").write_text("of an earlier sound")
    command = ("tag", sounds, "--ensemble", tiny_ensemble, "--out", tmp_path / "tags.csv")
    assert run(*command, "--audacity", tmp_path / "tracks").status == 1
    with (tmp_path / "tags.problems.csv").open(newline="") as file:
        problems = {row["fname"]: row["problem"] for row in csv.DictReader(file)}
    assert len(problems) == 4
    assert "its name is too long for a file of its own" in problems[f"{'a' * 250}.wav"]
    assert f"because {tmp_path / 'tracks/deep'} is a file" in problems["deep/c.wav"]
    assert sorted(path.name for path in (tmp_path / "tracks").iterdir()) == ["b.WAV.txt", "deep"]
