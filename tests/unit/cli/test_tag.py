"""``audiotag tag`` and ``submit``: what is asked for comes out, whatever is broken or stopped on the way."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.audio.opening import SUFFIXES
from audiotag.cli import progress
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
def sounds(tmp_path: Path, tone: Callable, write_wav: Callable) -> Path:
    """A folder of three good clips, one of them deep inside, and two bad ones."""
    folder = tmp_path / "sounds"
    write_wav(folder / "a.wav", tone(500, 0.5))
    write_wav(folder / "b.WAV", tone(1000, 2.5))
    write_wav(folder / "deep/c.wav", tone(2000, 1.0, sample_rate=8000), 8000)
    (folder / "empty.ogg").touch()
    (folder / "letter.mp3").write_text("Dear sir")
    (folder / "notes.txt").write_text("no sound by its name: not looked at")
    return folder


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


def test_tag_tags_the_good_names_the_bad_and_changes_nothing(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, contents: Callable
) -> None:
    before = contents(sounds)
    outcome = run("tag", sounds, "--ensemble", tiny_ensemble)
    assert outcome.status == 1
    lines = outcome.out.splitlines()
    begins = ["a.wav", "b.WAV", "deep/c.wav", "  deep/c.wav was sampled at 8000 Hz"]
    assert [line.split(":")[0] for line in lines] == begins
    assert all("Bark 0." in line and "(2 of 2 folds)" in line and "Hiss" not in line for line in lines[:3])
    assert "2 left out:" in outcome.err
    assert "empty.ogg is empty (0 bytes)" in outcome.err
    assert "letter.mp3 cannot be read as a sound" in outcome.err
    assert "notes.txt" not in outcome.out + outcome.err
    assert contents(sounds) == before


def test_tag_writes_a_table_of_all_scores(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    table = tmp_path / "new/tags.csv"
    outcome = run("tag", sounds, "--ensemble", tiny_ensemble, "--out", table)
    assert (outcome.status, outcome.out) == (1, "")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["fname", "Bark", "Bell", "Hiss", "tags"]
    assert [row["fname"] for row in rows] == ["a.wav", "b.WAV", "deep/c.wav"]
    for row in rows:
        assert set(row["tags"].split(",")) == {"Bark", "Bell"}
        assert all(0 < float(row[label]) < 1 for label in ("Bark", "Bell", "Hiss"))


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


def test_tag_of_good_clips_alone_is_all_done_and_of_bad_ones_alone_nothing(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path
) -> None:
    assert run("tag", sounds / "a.wav", "--ensemble", tiny_ensemble)[::2] == (0, "")
    outcome = run("tag", sounds / "empty.ogg", sounds / "missing.wav", "--ensemble", tiny_ensemble)
    assert (outcome.status, outcome.out) == (2, "")
    assert "empty.ogg is empty" in outcome.err
    assert "missing.wav is not there" in outcome.err


def test_tag_shows_some_bad_clips_and_says_where_all_are(
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


def test_tag_says_that_a_silent_clip_has_nothing_it_knows(
    run: Callable[..., CommandResult], tmp_path: Path, tiny_ensemble: Path, write_wav: Callable
) -> None:
    outcome = run("tag", write_wav(tmp_path / "quiet.wav", np.zeros(44_100)), "--ensemble", tiny_ensemble)
    assert outcome.status == 0
    assert outcome.out.splitlines() == [
        "quiet.wav: nothing I know",
        "  quiet.wav is silent: no sample is above -90 dBFS.",
    ]


def test_tag_finds_an_ensemble_of_the_workspace_by_name(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path
) -> None:
    shutil.copytree(tiny_ensemble, Workspace().ensembles / "mine")
    assert run("tag", sounds / "a.wav", "--ensemble", "mine").status == 0
    outcome = run("tag", sounds / "a.wav", "--ensemble", "mien")
    assert (outcome.status, outcome.out) == (2, "")
    assert re.match(r"audiotag: there is no ensemble named mien; there are (\w+, )*mine\.", outcome.err)


def test_tag_refuses_a_folder_without_sounds_and_an_unknown_fold(
    run: Callable[..., CommandResult], tmp_path: Path, sounds: Path, tiny_ensemble: Path
) -> None:
    (tmp_path / "none").mkdir()
    outcome = run("tag", tmp_path / "none", "--ensemble", tiny_ensemble)
    assert outcome.status == 2
    assert outcome.err.startswith(f"audiotag: no sound files in {tmp_path / 'none'}; WAV, FLAC, OGG, MP3, M4A")
    outcome = run("tag", sounds, "--ensemble", tiny_ensemble, "--folds", "1,7")
    assert outcome.status == 2
    assert outcome.err.startswith("audiotag: folds must be among 1, 2 in tiny, got 7")


def test_tag_refuses_a_damaged_ensemble_by_name(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(tiny_ensemble, tmp_path / "broken")
    (broken / "fold-2.safetensors").write_bytes(b"not these")
    outcome = run("tag", sounds, "--ensemble", broken)
    assert outcome.status == 2
    assert outcome.err.startswith("audiotag: broken/fold-2.safetensors is damaged: its checksum is not the card's")


def test_tag_refuses_an_output_that_cannot_be_before_it_starts(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger.Tagger, "__init__", lambda *args: pytest.fail("has started"))
    (sounds / "tags.csv").mkdir()
    for out, reason in (
        ("tags.xlsx", "--out must end in .csv, .json or .parquet, got tags.xlsx."),
        (sounds / "tags.csv", f"--out cannot be written to {sounds / 'tags.csv'}; choose another place."),
        (sounds / "notes.txt/tags.csv", f"{sounds / 'notes.txt'}: File exists."),
    ):
        outcome = run("tag", sounds, "--ensemble", tiny_ensemble, "--out", out)
        assert (outcome.status, outcome.out, outcome.err) == (2, "", f"audiotag: {reason}\n")


def test_a_table_of_tags_can_be_scored(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    run("tag", sounds, "--ensemble", tiny_ensemble, "--out", tmp_path / "tags.csv")
    (tmp_path / "truth.csv").write_text("fname,labels\na.wav,Bark\nb.WAV,Hiss\n")
    outcome = run("score", tmp_path / "tags.csv", "--truth", tmp_path / "truth.csv", "--json")
    assert outcome.status == 0
    assert outcome.json()["clips"] == 2
    assert set(outcome.json()["per_class"]) == {"Bark", "Bell", "Hiss"}


def test_tag_writes_the_same_table_as_csv_json_and_parquet(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    for suffix in ("csv", "json", "parquet"):
        outcome = run("tag", sounds, "--ensemble", tiny_ensemble, "--out", tmp_path / f"tags.{suffix}")
        assert outcome.status == 1
        assert f"tags.{suffix} has 3 clips;" in outcome.err
    table = table_of(tmp_path / "tags.csv")
    assert pd.read_parquet(tmp_path / "tags.parquet").astype(str).to_dict("records") == table
    rows = [row for row in json.loads((tmp_path / "tags.json").read_text()) if "problem" not in row]
    for row, cells in zip(rows, table, strict=True):
        assert cells["fname"] == row["clip"]
        assert all(float(cells[label]) == score for label, score in row["scores"].items())
        assert cells["tags"].split(",") == [tag["label"] for tag in row["tags"]]


def test_tag_writes_a_row_a_window(
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


def test_tag_writes_a_label_track_a_clip(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tracks"
    assert run("tag", sounds, "--ensemble", tiny_ensemble, "--audacity", folder).status == 1
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.txt")) == [
        "a.wav.txt",
        "b.WAV.txt",
        "deep/c.wav.txt",
    ]
    stretches = [line.split("\t") for line in (folder / "b.WAV.txt").read_text().splitlines()]
    assert [(start, end, text.split()[0]) for start, end, text in stretches] == [
        ("0.000000", "2.500000", "Bark"),  # both always pass, so that all windows are one stretch
        ("0.000000", "2.500000", "Bell"),
    ]


@pytest.mark.parametrize("out", [False, True], ids=["printed", "written"])
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--tta",),
        ("--combine", "geometric", "--overlap", "0"),
        ("--combine", "weighted", "--folds", "2", "--windows", "max"),
    ],
    ids=" ".join,
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
    outcome = run("tag", sounds, "--ensemble", measured_ensemble, *options, "--json", *file)
    rows = [row for row in outcome.json() if "problem" not in row]
    assert len(rows) == 3
    for row in rows:
        tags = library.tag(Path(row["path"]))
        for label, score in zip(library.card.labels, tags.scores, strict=True):
            assert row["scores"][label] == pytest.approx(score, abs=0.51e-4)
        assert [tag["label"] for tag in row["tags"]] == [tag.label for tag in tags.tags]


def test_weights_without_out_of_fold_scores_are_refused(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path
) -> None:
    outcome = run("tag", sounds, "--ensemble", tiny_ensemble, "--combine", "weighted")
    assert outcome.status == 2
    assert "tiny holds no out-of-fold scores to fit weights to" in outcome.err
    outcome = run("tag", sounds, "--ensemble", tiny_ensemble, "--threshold", "f1")
    assert outcome.status == 2
    assert "tiny holds no out-of-fold scores" in outcome.err


def test_thresholds_are_those_asked_for_else_those_kept_else_the_cards(
    run: Callable[..., CommandResult], sounds: Path, measured_ensemble: Path
) -> None:
    card = read_card(measured_ensemble)

    def tags(*options: str) -> tuple[list[str], str]:
        outcome = run("tag", sounds / "a.wav", "--ensemble", measured_ensemble, "--json", *options)
        assert outcome.status == 0
        return sorted(tag["label"] for tag in outcome.json()[0]["tags"]), outcome.err

    assert tags() == (["Bark", "Bell"], "")
    assert tags("--threshold", "0") == (["Bark", "Bell", "Hiss"], "")
    assert tags("--threshold", "1", "--threshold", "Hiss=0.01") == (["Hiss"], "")
    save_thresholds(Workspace(), card, (1.0, 1.0, 0.01))
    kept, said = tags()
    assert kept == ["Hiss"]
    assert said == "Tags by the thresholds that you kept for tiny; --threshold card takes its own.\n"
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


def test_tag_does_not_write_over_what_it_reads(
    run: Callable[..., CommandResult], tmp_path: Path, tiny_ensemble: Path
) -> None:
    (tmp_path / "list.csv").write_text("fname\n")
    outcome = run("tag", tmp_path / "list.csv", "--ensemble", tiny_ensemble, "--out", tmp_path / "list.csv")
    assert outcome.status == 2
    assert "--out would write over" in outcome.err
    assert (tmp_path / "list.csv").read_text() == "fname\n"


def test_nothing_is_written_where_nothing_could_be_tagged(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out/tags.csv"
    outcome = run("tag", sounds / "empty.ogg", sounds / "letter.mp3", "--ensemble", tiny_ensemble, "--out", out)
    assert outcome.status == 2
    assert [path.name for path in out.parent.iterdir()] == ["tags.problems.csv"]
    assert run("tag", sounds / "a.wav", "--ensemble", tiny_ensemble, "--out", out).status == 0
    assert [path.name for path in out.parent.iterdir()] == ["tags.csv"]  # no problem is left of the run before


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


def sound_bytes(suffix: str, seed: int, subtype: str | None = None) -> bytes:
    waveform = np.random.default_rng(seed).normal(0, 0.1, RATE // 5)
    if suffix == "m4a":
        return m4a_of(waveform)
    content = io.BytesIO()
    soundfile.write(content, waveform, RATE, format=suffix.upper(), subtype=subtype)
    return content.getvalue()


def good_files() -> dict[str, bytes]:
    """Sounds of 0.2 s in many forms, some under a wrong name, some whose end is missing."""
    files = {}
    for seed, suffix in enumerate(("wav", "flac", "ogg", "mp3", "m4a")):
        content = sound_bytes(suffix, seed)
        files[f"good.{suffix}"] = content
        files[f"wrong-name-{suffix}.{'wav' if suffix != 'wav' else 'flac'}"] = content
        if suffix not in ("m4a", "ogg"):  # a table at the end and a first page of so short a sound are all or nothing
            files[f"end-missing.{suffix}"] = content[: len(content) * 7 // 10]
    return files


def broken_files() -> dict[str, bytes]:
    """What is named like a sound and is none."""
    files: dict[str, bytes] = {}
    draw = np.random.default_rng(7)
    for suffix in SUFFIXES:
        files[f"empty{suffix}"] = b""
        files[f"letter{suffix}"] = b"Dear sir, this is no sound.\n" * 40
        files[f"zeros{suffix}"] = bytes(3000)
        if suffix not in (".mp3", ".aac"):  # streams without a head: there is always something that looks like a frame
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
    for suffix in SUFFIXES[:15]:
        files[f"page{suffix}"] = b"<!DOCTYPE html><html><title>404 Not Found</title></html>"
    files["picture.ogg"] = b"\x89PNG\r\n\x1a\n" + draw.bytes(500)
    files["archive.flac"] = b"PK\x03\x04" + draw.bytes(500)
    files["list.m4a"] = b"#EXTM3U\nhttp://127.0.0.1/a.aac\n"
    return files


def test_of_a_thousand_files_the_good_ones_are_tagged_and_the_hundred_broken_ones_named(
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
    for number in range(900):
        source = sources[number % len(sources)]
        os.link(source, folder / f"box-{number % 7}" / f"{number:03}-{source.name}")
    out = tmp_path / "tags.csv"
    outcome = run("tag", folder, "--ensemble", tiny_ensemble, "--out", out)
    assert outcome.status == 1
    tagged = [row["fname"] for row in table_of(out)]
    problems = table_of(tmp_path / "tags.problems.csv")
    assert {row["fname"] for row in problems} == bad
    assert len(tagged) == len(set(tagged)) == 900
    assert set(tagged).isdisjoint(bad)
    for row in problems:
        assert row["problem"].startswith(row["fname"])
        assert row["problem"].endswith(".")
        assert "Error:" not in row["problem"]
    assert f"{len(bad)} left out:" in outcome.err


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
    """Sixty sounds and two that are broken."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(60):
        waveform = np.random.default_rng(number).normal(0, 0.1, RATE // 5 * (1 + number % 7))
        soundfile.write(folder / f"{number:02}.wav", waveform, RATE)
    (folder / "10-empty.wav").touch()
    (folder / "40-letter.wav").write_text("Dear sir")
    return folder


def test_a_killed_run_goes_on_and_gives_the_file_of_one_left_alone(
    run: Callable[..., CommandResult], archive: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    command = ("tag", archive, "--ensemble", tiny_ensemble, "--out")
    alone = run(*command, tmp_path / "alone.csv")
    assert alone.status == 1
    out = tmp_path / "stopped.csv"
    killed = subprocess.run(
        [sys.executable, "-c", STOPPED_SCRIPT, "25", *map(str, command), str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=120,
    )
    assert killed.returncode == -9, killed.stderr
    assert not out.exists()
    assert out.with_name(".stopped.csv.partial.jsonl").read_text().count("\n") == 26  # and its fingerprint
    went_on = run(*command, out)
    assert went_on.status == 1
    assert "Going on with an unfinished run for stopped.csv: 24 clips are done." in went_on.err  # and a broken one
    assert "60 clips, 24 of them from before" in went_on.err
    assert "2 left out:" in went_on.err  # both were tried again, or for the first time
    assert out.read_bytes() == (tmp_path / "alone.csv").read_bytes()
    problems = (tmp_path / "alone.problems.csv").read_bytes()
    assert (tmp_path / "stopped.problems.csv").read_bytes() == problems
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("options", [(), ("--timeline",)], ids=["clips", "windows"])
@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_ctrl_c_keeps_what_is_done(
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

    def interrupted(self: progress.Progress, *arguments: Any) -> None:
        count(self, *arguments)
        if self.good == done:
            raise KeyboardInterrupt

    monkeypatch.setattr(progress.Progress, "count", interrupted)
    for done in (29, 44):
        stopped = run(*command, tmp_path / f"tags.{suffix}")
        assert stopped.status == 130
        assert f"{done} clips are done; the same command goes on from there." in stopped.err
        assert not (tmp_path / f"tags.{suffix}").exists()
    monkeypatch.setattr(progress.Progress, "count", count)
    went_on = run(*command, tmp_path / f"tags.{suffix}")
    assert "Going on with an unfinished run" in went_on.err
    assert (tmp_path / f"tags.{suffix}").read_bytes() == (tmp_path / f"alone.{suffix}").read_bytes()


def test_an_unfinished_run_of_other_settings_starts_anew_and_says_why(
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
    outcome = run("tag", archive, "--ensemble", tiny_ensemble, "--overlap", "0", "--threshold", "0.3", "--out", out)
    assert "had another combining, folds or windows and thresholds; starting anew." in outcome.err
    assert "from before" not in outcome.err


@pytest.fixture
def competition(tmp_path: Path) -> Path:
    """A dataset as the competition gives it: a sample submission, and no truth of the test clips."""
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


def test_submission_has_columns_and_order_of_the_sample_and_zeros_where_nothing_is_known(
    run: Callable[..., CommandResult], competition: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (competition / "test/test-3.wav").write_text("Dear sir")
    out = tmp_path / "submission.csv"
    outcome = run("submit", competition, "--ensemble", tiny_ensemble, "--out", out)
    assert (outcome.status, outcome.out) == (1, "")
    assert "tiny does not know Meow: 1 of 3 labels get zeros." in outcome.err
    assert "2 left out:" in outcome.err
    assert "test-gone.wav is not there" in outcome.err
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


def test_submission_of_a_dataset_without_a_sample_has_its_test_clips_and_the_ensembles_labels(
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
    outcome = run("submit", competition, "--ensemble", tiny_ensemble)
    assert outcome.status == 0
    assert "submission.csv has 4 clips;" in outcome.err
    rows = table_of(tmp_path / "submission.csv")
    assert list(rows[0]) == ["fname", "Bark", "Bell", "Hiss"]
    assert [row["fname"] for row in rows] == list(names)
    scored = run("score", tmp_path / "submission.csv", "--truth", competition / "test_truth.csv", "--json")
    assert scored.json()["clips"] == 4


def test_submission_of_an_ensemble_that_knows_none_of_the_labels_is_refused(
    run: Callable[..., CommandResult], competition: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (competition / "sample_submission.csv").write_text("fname,Meow,Purr\ntest-0.wav,0,0\n")
    (competition / "train_curated.csv").write_text("fname,labels\ntrain_curated-0.wav,Meow\n")
    (competition / "train_noisy.csv").write_text("fname,labels\ntrain_noisy-0.wav,Purr\n")
    outcome = run("submit", competition, "--ensemble", tiny_ensemble, "--out", tmp_path / "s.csv")
    assert (outcome.status, outcome.out) == (2, "")
    assert "tiny knows none of the 2 labels of sample_submission.csv, it knows Bark, Bell, Hiss" in outcome.err
    assert not (tmp_path / "s.csv").exists()


def test_a_stopped_submission_goes_on(
    run: Callable[..., CommandResult], competition: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    command = ("submit", competition, "--ensemble", tiny_ensemble, "--out")
    run(*command, tmp_path / "alone.csv")
    script = [sys.executable, "-c", STOPPED_SCRIPT, "2", *map(str, command), str(tmp_path / "stopped.csv")]
    killed = subprocess.run(script, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, timeout=120)
    assert killed.returncode == -9, killed.stderr
    went_on = run(*command, tmp_path / "stopped.csv")
    assert "Going on with an unfinished run for stopped.csv: 2 clips are done." in went_on.err
    assert (tmp_path / "stopped.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()
