"""Each command does its job, ends with the status it promises, and says in a sentence what it could not do."""

import csv
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.starter import render
from audiotag.starter.render import render_starter
from audiotag.training import worker
from audiotag.training.runs import Run, list_runs
from audiotag.workspace import Workspace

from ..conftest import CommandResult

COMMANDS = ("demo", "scan", "train", "estimate", "publish", "tag", "submit", "score", "gains", "app")


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
    run: Callable[..., CommandResult], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    outcome = run(*command, "--help")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(" ".join(["usage: audiotag", *command]))
    assert max(map(len, outcome.out.splitlines())) <= 120
    assert all(name in outcome.out for name in COMMANDS) or command


def test_an_unknown_command_is_refused_with_the_known_ones(run: Callable[..., CommandResult]) -> None:
    outcome = run("tga")
    assert outcome.status == 2
    assert all(name in outcome.err for name in COMMANDS)


def test_demo_renders_and_what_it_renders_can_be_scanned(
    run: Callable[..., CommandResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = render.StarterCounts(curated=2, noisy=2, test=1)
    monkeypatch.setattr(
        render, "render_starter", lambda *args, **named: render_starter(*args, **named, counts=few, workers=1)
    )
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


def test_demo_refuses_a_folder_of_other_files(
    run: Callable[..., CommandResult], sounds: Path, contents: Callable
) -> None:
    before = contents(sounds)
    outcome = run("demo", sounds)
    assert outcome.status == 2
    assert outcome.err.startswith("audiotag: ")
    assert str(sounds) in outcome.err
    assert contents(sounds) == before


def test_scan_counts_what_is_good_and_lists_what_is_not(
    run: Callable[..., CommandResult], dataset: Path, contents: Callable
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


def test_scan_gives_the_same_as_json(run: Callable[..., CommandResult], dataset: Path) -> None:
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
    run: Callable[..., CommandResult], dataset: Path, tmp_path: Path
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


def test_scan_refuses_a_table_of_another_kind_before_the_work(run: Callable[..., CommandResult], dataset: Path) -> None:
    outcome = run("scan", dataset, "--out", "index.xlsx")
    assert outcome.status == 2
    assert "--out must end in .csv or .parquet, got index.xlsx" in outcome.err


def test_scan_of_clips_that_all_are_bad_has_done_nothing(run: Callable[..., CommandResult], dataset: Path) -> None:
    for name in ("a.wav", "b.WAV"):
        (dataset / name).write_bytes(b"")
    outcome = run("scan", dataset)
    assert outcome.status == 2
    assert "no clip can be read" in outcome.out
    assert "4 left out:" in outcome.err
    assert run("scan", dataset, "--json").json()["subsets"] == {}


def test_scan_of_no_dataset_says_what_was_looked_for(run: Callable[..., CommandResult], tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        outcome = run("scan", path)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith(f"audiotag: {path} is ")
        assert "CSV" in outcome.err


def test_train_names_what_is_missing_and_makes_no_run(run: Callable[..., CommandResult], dataset: Path) -> None:
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
    run: Callable[..., CommandResult], dataset: Path, tmp_path: Path, settings: dict[str, float]
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


def test_train_refuses_a_preset_that_there_is_not(run: Callable[..., CommandResult], dataset: Path) -> None:
    outcome = run("train", dataset, "--preset", "nine")
    assert outcome.status == 2
    assert "nine is no preset; there are capstone, argus, warm-up." in outcome.err
    assert list_runs(Workspace()) == []


@pytest.mark.parametrize("option", ["--folds", "--epochs"])
@pytest.mark.parametrize("numbers", ["1,two", ""])
def test_train_refuses_numbers_that_are_none(
    run: Callable[..., CommandResult], dataset: Path, option: str, numbers: str
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
    run: Callable[..., CommandResult], dataset: Path, options: tuple[str, ...], reason: str
) -> None:
    outcome = run("train", dataset, *options)
    assert (outcome.status, outcome.out) == (2, "")
    assert reason in outcome.err
    assert list_runs(Workspace()) == []


def test_resume_keeps_the_runs_own_dataset_and_names_a_run_that_there_is_not(
    run: Callable[..., CommandResult], dataset: Path
) -> None:
    assert "leave out the dataset" in run("train", dataset, "--resume", "x").err
    assert "there is no run named x; the newest are none yet" in run("train", "--resume", "x").err


@pytest.mark.usefixtures("in_process")
def test_train_on_a_dataset_without_the_recipes_subset_fails_with_the_reason(
    run: Callable[..., CommandResult], dataset: Path
) -> None:
    recipe = dataset / "noise.toml"
    recipe.write_text('title = "Noise"\nabout = ""\n[[stages]]\nsubset = "noisy"\nepochs = 1\nlr = 1e-3\n')
    outcome = run("train", dataset, "--recipe", recipe, "--json")
    assert outcome.status == 2
    assert "the run failed. recipe noise trains on noisy clips, but t has none of them; choose another recipe." in outcome.err
    (name,) = [made.name for made in list_runs(Workspace())]
    assert f"audiotag train --resume {name} continues" in outcome.err
    assert f"run {name} is" not in outcome.err


def test_publish_names_an_unknown_run_and_a_bad_name(run: Callable[..., CommandResult], tmp_path: Path) -> None:
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


@pytest.mark.parametrize("port", ["0", "99999999", "http"])
def test_app_refuses_a_port_that_is_none(run: Callable[..., CommandResult], port: str) -> None:
    outcome = run("app", "--port", port)
    assert outcome.status == 2
    assert f"must be a number from 1 to 65535, got {port}" in outcome.err


def test_train_refuses_folds_before_there_is_a_run(
    run: Callable[..., CommandResult], dataset: Path, tmp_path: Path
) -> None:
    outcome = run("train", dataset, "--folds", "9")
    assert (outcome.status, outcome.out) == (2, "")
    assert "folds must be among 1, 2, 3, 4, 5 here, got 9" in outcome.err
    assert list(Workspace().runs.glob("*")) == []


def test_scan_takes_the_columns_that_it_is_told(
    run: Callable[..., CommandResult], dataset: Path, tmp_path: Path
) -> None:
    (tmp_path / "odd.csv").write_text("sound|what\n")
    outcome = run("scan", tmp_path / "odd.csv", "--file-column", "gone")
    assert outcome.status == 2
    assert "odd.csv needs a column named gone, it has sound, what" in outcome.err
