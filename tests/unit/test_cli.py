"""Each command does its job, ends with the status it promises, and says in a sentence what it could not do."""

import csv
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from audiotag.cli import main
from audiotag.data import starter
from audiotag.errors import AudiotagError
from audiotag.sound.settings import SpectrogramSettings
from audiotag.tagging import tagger
from audiotag.training import worker
from audiotag.training.runs import Run, list_runs
from audiotag.workspace import Workspace

COMMANDS = ("demo", "scan", "train", "estimate", "publish", "tag", "score", "app")


class Outcome(NamedTuple):
    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """``run("tag", path, …)``: the command in this process."""

    def run_command(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        output = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Outcome(ended.value.code, output.out, output.err)

    return run_command


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's worker works here, not detached: it fails before it would train."""

    def start(run: Run) -> None:
        monkeypatch.setattr(sys, "argv", ["worker", str(run.folder)])
        worker.main()

    monkeypatch.setattr(Run, "start", start)
    monkeypatch.setattr(os, "nice", lambda increment: 0, raising=False)


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
def dataset(sounds: Path) -> Path:
    names = ("a.wav", "b.WAV", "empty.ogg", "gone.wav")
    (sounds / "t.csv").write_text("fname,label\n" + "".join(f"{name},Hum\n" for name in names))
    return sounds


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_is_given_and_fits_the_screen(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    outcome = run(*command, "--help")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(" ".join(["usage: audiotag", *command]))
    assert max(map(len, outcome.out.splitlines())) <= 120
    assert all(name in outcome.out for name in COMMANDS) or command


def test_an_unknown_command_is_refused_with_the_known_ones(run: Callable[..., Outcome]) -> None:
    outcome = run("tga")
    assert outcome.status == 2
    assert all(name in outcome.err for name in COMMANDS)


def test_demo_renders_and_what_it_renders_can_be_scanned(
    run: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = starter.StarterCounts(curated=2, noisy=2, test=1)
    render = starter.render_starter
    monkeypatch.setattr(starter, "render_starter", lambda *args, **named: render(*args, **named, counts=few, workers=1))
    outcome = run("demo", tmp_path / "starter", "--seed", 3)
    assert outcome.status == 0
    assert f"{tmp_path / 'starter'} is ready" in outcome.out
    scanned = run("scan", tmp_path / "starter", "--json")
    assert scanned.status == 0
    assert {name: row["clips"] for name, row in scanned.json()["subsets"].items()} == {
        "curated": 2,
        "noisy": 2,
        "test": 1,
    }


def test_demo_refuses_a_folder_of_other_files(run: Callable[..., Outcome], sounds: Path, contents: Callable) -> None:
    before = contents(sounds)
    outcome = run("demo", sounds)
    assert outcome.status == 2
    assert outcome.err.startswith("audiotag: ")
    assert str(sounds) in outcome.err
    assert contents(sounds) == before


def test_scan_counts_what_is_good_and_lists_what_is_not(
    run: Callable[..., Outcome], dataset: Path, contents: Callable
) -> None:
    before = contents(dataset)
    outcome = run("scan", dataset)
    assert outcome.status == 1
    assert "2 left out:" in outcome.err
    assert "empty.ogg is empty (0 bytes)" in outcome.err
    assert "gone.wav is listed in t.csv but is not in" in outcome.err
    table = [line.split() for line in outcome.out.splitlines()]
    assert ["clips", "2"] in table
    assert ["mean_s", "1.50"] in table
    assert contents(dataset) == before
    assert Workspace().dataset_folders() == [dataset]


def test_scan_gives_the_same_as_json(run: Callable[..., Outcome], dataset: Path) -> None:
    outcome = run("scan", dataset, "--json")
    assert outcome.status == 1
    values = outcome.json()
    assert values["dataset"] == str(dataset)
    assert values["labels"] == ["Hum"]
    assert [problem["clip"] for problem in values["problems"]] == ["gone.wav", "empty.ogg"]
    assert values["subsets"]["curated"] == {
        "clips": 2,
        "hours": pytest.approx(3 / 3600),
        "labels": 1,
        "combinations": 1,
        "labels_a_clip": 1.0,
        "mean_s": 1.5,
        "median_s": 1.5,
        "shortest_s": 0.5,
        "longest_s": 2.5,
    }
    assert isinstance(values["subsets"]["curated"]["clips"], int)


def test_scan_measures_every_clip_and_writes_table_and_dashboard(
    run: Callable[..., Outcome], dataset: Path, tmp_path: Path
) -> None:
    table, page = tmp_path / "index.csv", tmp_path / "dashboard.html"
    assert run("scan", dataset, "--measure", "--out", table, "--html", page).status == 1
    rows = {row["clip"]: row for row in csv.DictReader(table.read_text().splitlines())}
    assert set(rows) == {"a.wav", "b.WAV", "empty.ogg"}
    assert rows["a.wav"]["labels"] == "Hum"
    assert float(rows["a.wav"]["rms_dbfs"]) < 0
    assert rows["empty.ogg"]["rms_dbfs"] == ""
    text = page.read_text()
    assert "plotly" in text
    assert "level in the third-octave band (dBFS)" in text
    assert "empty.ogg is empty (0 bytes)" in text
    assert "https://cdn" not in text.split("</script>")[-1]  # opens without a network
    parquet = tmp_path / "index.parquet"
    assert run("scan", dataset, "--out", parquet).status == 1  # what is measured is kept
    assert pd.read_parquet(parquet)["rms_dbfs"].notna().sum() == 2


def test_scan_refuses_a_table_of_another_kind_before_the_work(run: Callable[..., Outcome], dataset: Path) -> None:
    outcome = run("scan", dataset, "--out", "index.xlsx")
    assert outcome.status == 2
    assert "--out must end in .csv or .parquet, got index.xlsx" in outcome.err


def test_scan_of_clips_that_all_are_bad_has_done_nothing(run: Callable[..., Outcome], dataset: Path) -> None:
    for name in ("a.wav", "b.WAV"):
        (dataset / name).write_bytes(b"")
    outcome = run("scan", dataset)
    assert outcome.status == 2
    assert "no clip can be read" in outcome.out
    assert "4 left out:" in outcome.err
    assert run("scan", dataset, "--json").json()["subsets"] == {}


def test_scan_of_no_dataset_says_what_was_looked_for(run: Callable[..., Outcome], tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        outcome = run("scan", path)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith(f"audiotag: {path} is ")
        assert "CSV" in outcome.err


def test_train_names_what_is_missing_and_makes_no_run(run: Callable[..., Outcome], dataset: Path) -> None:
    for arguments, reason in (
        ((), "there are no starter sounds yet; run audiotag demo first"),
        ((dataset / "missing",), f"{dataset / 'missing'} is not there"),
        ((dataset, "--recipe", "qiuck"), "qiuck is no recipe: there are capstone, capstone-intended, default, quick"),
        ((dataset, "--recipe", dataset / "missing.toml"), f"{dataset / 'missing.toml'} is no recipe"),
    ):
        outcome = run("train", *arguments)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith(f"audiotag: {reason}")
    assert list_runs(Workspace()) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"f_max": 44_100.0},
        {"hop_length": 0},
        {"win_length": 4096},
        {"n_fft": 256, "win_length": 256, "hop_length": 128, "n_mels": 200},
        {"clip_s": 0.1, "win_length": 8192, "n_fft": 8192},
    ],
    ids=["f_max above half the sample rate", "hop 0", "window above n_fft", "more mels than bins", "clip too short"],
)
def test_settings_that_cannot_work_are_refused_with_the_librarys_sentence(
    run: Callable[..., Outcome], dataset: Path, tmp_path: Path, settings: dict[str, float]
) -> None:
    with pytest.raises(AudiotagError) as refused:
        SpectrogramSettings(**settings)  # type: ignore[arg-type]
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    stage = '[[stages]]\nsubset = "curated"\nepochs = 1\nlr = 1e-3\n'
    recipe = tmp_path / "mine.toml"
    recipe.write_text(f'title = "Mine"\nabout = ""\n{stage}[spectrogram]\n{lines}')
    outcome = run("train", dataset, "--recipe", recipe)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == f"audiotag: mine.toml: {refused.value}\n"
    preset = Workspace().presets / "mine.toml"
    preset.parent.mkdir(parents=True)
    preset.write_text(lines)
    outcome = run("train", dataset, "--preset", "mine")
    assert outcome.err == f"audiotag: {preset}: {refused.value}\n"


def test_train_refuses_a_preset_that_there_is_not(run: Callable[..., Outcome], dataset: Path) -> None:
    outcome = run("train", dataset, "--preset", "nine")
    assert outcome.status == 2
    assert "nine is no preset; there are capstone, argus, warm-up." in outcome.err
    assert list_runs(Workspace()) == []


@pytest.mark.parametrize("option", ["--folds", "--epochs"])
@pytest.mark.parametrize("numbers", ["1,two", ""])
def test_train_refuses_numbers_that_are_none(
    run: Callable[..., Outcome], dataset: Path, option: str, numbers: str
) -> None:
    outcome = run("train", dataset, option, numbers)
    assert outcome.status == 2
    assert option in outcome.err
    assert numbers in outcome.err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--epochs", "1,2,3"), "epochs must be one number, or one a stage (2 in quick), got 3"),
        (("--fraction", "20"), "fraction must be above 0, at most 1, got 20.0; in per cent?"),
        (("--balance", "-1"), "balance must be 0 (each clip once) to 2, got -1.0"),
        (("--device", "gpu"), "device must be one of"),
        (("--folds", "0"), "folds must be among 1, 2, 3, 4, 5 here, got 0"),
    ],
)
def test_train_refuses_choices_that_do_not_fit_and_makes_no_run(
    run: Callable[..., Outcome], dataset: Path, options: tuple[str, ...], reason: str
) -> None:
    outcome = run("train", dataset, *options)
    assert (outcome.status, outcome.out) == (2, "")
    assert reason in outcome.err
    assert list_runs(Workspace()) == []


def test_resume_keeps_the_runs_own_dataset_and_names_a_run_that_there_is_not(
    run: Callable[..., Outcome], dataset: Path
) -> None:
    assert "leave the dataset away" in run("train", dataset, "--resume", "x").err
    assert "there is no run named x; the newest are none yet" in run("train", "--resume", "x").err


@pytest.mark.usefixtures("in_process")
def test_train_on_a_dataset_without_the_recipes_subset_fails_with_the_reason(
    run: Callable[..., Outcome], dataset: Path
) -> None:
    recipe = dataset / "noise.toml"
    recipe.write_text('title = "Noise"\nabout = ""\n[[stages]]\nsubset = "noisy"\nepochs = 1\nlr = 1e-3\n')
    outcome = run("train", dataset, "--recipe", recipe, "--json")
    assert outcome.status == 2
    assert "the run failed. recipe noise trains on noisy clips, t has none; choose another." in outcome.err
    (name,) = [made.name for made in list_runs(Workspace())]
    assert f"audiotag train --resume {name} goes on" in outcome.err
    assert f"run {name} is" not in outcome.err


def test_publish_names_an_unknown_run_and_a_bad_name(run: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = run("publish", "2026-01-01-quick", "mine")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("audiotag: there is no run named 2026-01-01-quick; the newest are none yet")
    folder = Workspace().runs / "2026-01-01-quick"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text("{}")
    for name in ("../mine", "a b", ""):
        outcome = run("publish", "2026-01-01-quick", name)
        assert outcome.status == 2
        assert outcome.err.startswith("audiotag: an ensemble's name must be")
        assert repr(name) in outcome.err
    assert "has no finished fold yet" in run("publish", "2026-01-01-quick", "mine").err
    assert not Workspace().ensembles.exists()


def test_tag_tags_the_good_names_the_bad_and_changes_nothing(
    run: Callable[..., Outcome], sounds: Path, tiny_ensemble: Path, contents: Callable
) -> None:
    before = contents(sounds)
    outcome = run("tag", sounds, "--ensemble", tiny_ensemble)
    assert outcome.status == 1
    lines = outcome.out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["a.wav", "b.WAV", "c.wav", "  c.wav was sampled at 8000 Hz"]
    assert all("Bark 0." in line and "(2 of 2 folds)" in line and "Hiss" not in line for line in lines[:3])
    assert "2 left out:" in outcome.err
    assert "empty.ogg is empty (0 bytes)" in outcome.err
    assert "letter.mp3 cannot be read as a sound" in outcome.err
    assert "notes.txt" not in outcome.out + outcome.err
    assert contents(sounds) == before


def test_tag_writes_a_table_of_all_scores(
    run: Callable[..., Outcome], sounds: Path, tiny_ensemble: Path, tmp_path: Path
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
    run: Callable[..., Outcome], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    printed = run("tag", sounds, "--ensemble", tiny_ensemble, "--json", "--out", tmp_path / "tags.json")
    assert printed.status == 1
    rows = printed.json()
    assert json.loads((tmp_path / "tags.json").read_text(encoding="utf-8")) == rows
    assert [row["clip"] for row in rows] == ["a.wav", "b.WAV", "deep/c.wav"]
    assert [len(row["notes"]) for row in rows] == [0, 0, 1]
    for row in rows:
        assert list(row) == ["clip", "path", "tags", "scores", "notes"]
        assert {tag["label"] for tag in row["tags"]} == {"Bark", "Bell"}
        assert all(tag["score"] == row["scores"][tag["label"]] and tag["folds"] == 2 for tag in row["tags"])
        assert set(row["scores"]) == {"Bark", "Bell", "Hiss"}
    one_fold = run("tag", sounds / "a.wav", "--ensemble", tiny_ensemble, "--folds", "2", "--json")
    assert one_fold.status == 0
    assert [tag["folds"] for tag in one_fold.json()[0]["tags"]] == [1, 1]
    assert one_fold.json()[0]["scores"] != rows[0]["scores"]


def test_tag_of_good_clips_alone_is_all_done_and_of_bad_ones_alone_nothing(
    run: Callable[..., Outcome], sounds: Path, tiny_ensemble: Path
) -> None:
    assert run("tag", sounds / "a.wav", "--ensemble", tiny_ensemble)[::2] == (0, "")
    outcome = run("tag", sounds / "empty.ogg", sounds / "missing.wav", "--ensemble", tiny_ensemble)
    assert (outcome.status, outcome.out) == (2, "")
    assert "empty.ogg is empty" in outcome.err
    assert "missing.wav is not there" in outcome.err


def test_tag_lists_every_bad_clip(run: Callable[..., Outcome], sounds: Path, tiny_ensemble: Path) -> None:
    names = [f"bad-{number:02}.wav" for number in range(40)]
    for name in names:
        (sounds / name).touch()
    outcome = run("tag", sounds, "--ensemble", tiny_ensemble, "--json")
    assert outcome.status == 1
    assert all(f"{name} is empty" in outcome.err for name in names)


def test_tag_says_that_a_silent_clip_has_nothing_it_knows(
    run: Callable[..., Outcome], tmp_path: Path, tiny_ensemble: Path, write_wav: Callable
) -> None:
    outcome = run("tag", write_wav(tmp_path / "quiet.wav", np.zeros(44_100)), "--ensemble", tiny_ensemble)
    assert outcome.status == 0
    assert outcome.out.splitlines() == [
        "quiet.wav: nothing I know",
        "  quiet.wav is silent: no sample is above -90 dBFS.",
    ]


def test_tag_finds_an_ensemble_of_the_workspace_by_name(
    run: Callable[..., Outcome], sounds: Path, tiny_ensemble: Path
) -> None:
    shutil.copytree(tiny_ensemble, Workspace().ensembles / "mine")
    assert run("tag", sounds / "a.wav", "--ensemble", "mine").status == 0
    outcome = run("tag", sounds / "a.wav", "--ensemble", "mien")
    assert (outcome.status, outcome.out) == (2, "")
    assert re.match(r"audiotag: there is no ensemble named mien; there are (\w+, )*mine\.", outcome.err)


def test_tag_refuses_a_folder_without_sounds_and_an_unknown_fold(
    run: Callable[..., Outcome], tmp_path: Path, sounds: Path, tiny_ensemble: Path
) -> None:
    (tmp_path / "none").mkdir()
    outcome = run("tag", tmp_path / "none", "--ensemble", tiny_ensemble)
    assert outcome.status == 2
    assert outcome.err.startswith(f"audiotag: no sound files in {tmp_path / 'none'}; WAV, FLAC, OGG, MP3, M4A")
    outcome = run("tag", sounds, "--ensemble", tiny_ensemble, "--folds", "1,7")
    assert outcome.status == 2
    assert outcome.err.startswith("audiotag: folds must be among 1, 2 in tiny, got 7")


def test_tag_refuses_a_damaged_ensemble_by_name(
    run: Callable[..., Outcome], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(tiny_ensemble, tmp_path / "broken")
    (broken / "fold-2.safetensors").write_bytes(b"not these")
    outcome = run("tag", sounds, "--ensemble", broken)
    assert outcome.status == 2
    assert outcome.err.startswith("audiotag: broken/fold-2.safetensors is damaged: its checksum is not the card's")


def test_tag_refuses_an_output_that_cannot_be_before_it_starts(
    run: Callable[..., Outcome], sounds: Path, tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger.Tagger, "__init__", lambda *args: pytest.fail("has started"))
    (sounds / "tags.csv").mkdir()
    for out, reason in (
        ("tags.xlsx", "--out must end in .csv or .json, got tags.xlsx."),
        (sounds / "tags.csv", f"--out cannot be written to {sounds / 'tags.csv'}; choose another place."),
        (sounds / "notes.txt/tags.csv", f"{sounds / 'notes.txt'}: File exists."),
    ):
        outcome = run("tag", sounds, "--ensemble", tiny_ensemble, "--out", out)
        assert (outcome.status, outcome.out, outcome.err) == (2, "", f"audiotag: {reason}\n")


def test_a_table_of_tags_can_be_scored(
    run: Callable[..., Outcome], sounds: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    run("tag", sounds, "--ensemble", tiny_ensemble, "--out", tmp_path / "tags.csv")
    (tmp_path / "truth.csv").write_text("fname,labels\na.wav,Bark\nb.WAV,Hiss\n")
    outcome = run("score", tmp_path / "tags.csv", "--truth", tmp_path / "truth.csv", "--json")
    assert outcome.status == 0
    assert outcome.json()["clips"] == 2
    assert set(outcome.json()["per_class"]) == {"Bark", "Bell", "Hiss"}


@pytest.mark.parametrize("port", ["0", "99999999", "http"])
def test_app_refuses_a_port_that_is_none(run: Callable[..., Outcome], port: str) -> None:
    outcome = run("app", "--port", port)
    assert outcome.status == 2
    assert f"must be a number from 1 to 65535, got {port}" in outcome.err


def test_train_refuses_folds_before_there_is_a_run(run: Callable[..., Outcome], dataset: Path, tmp_path: Path) -> None:
    outcome = run("train", dataset, "--folds", "9")
    assert (outcome.status, outcome.out) == (2, "")
    assert "folds must be among 1, 2, 3, 4, 5 here, got 9" in outcome.err
    assert list(Workspace().runs.glob("*")) == []


def test_scan_takes_the_columns_that_it_is_told(run: Callable[..., Outcome], dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("sound|what\n")
    outcome = run("scan", tmp_path / "odd.csv", "--file-column", "gone")
    assert outcome.status == 2
    assert "odd.csv needs a column named gone, it has sound, what" in outcome.err
