"""A sweep is found again by its settings, and trains what is missing, on the same folds and labels."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from audiotag import cluster
from audiotag.data.corrections import Correction
from audiotag.errors import AudiotagError
from audiotag.training import begun, sweep_job
from audiotag.training.begun import begin_as, note_begin, open_session
from audiotag.training.leader_board import leader_board
from audiotag.training.run_options import RunOptions
from audiotag.training.run_progress import plan_of
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.training.session import Session
from audiotag.training.sweep_job import train_missing
from audiotag.training.sweep_settings import parse_varied
from audiotag.training.sweeps import Sweep, SweepSettings, find_or_create_sweep, find_sweep, list_sweeps
from audiotag.workspace import Workspace, read_json, write_json

from .short_runs import RECIPE

VARY = ["n_mels=16,24", "clip_s=0.25,0.5"]
TINY = """
title = "Tiny"
about = "For tests."
folds = 2
batch_size = 4
[spectrogram]
sample_rate = 8000
clip_s = 0.25
n_fft = 256
win_length = 256
hop_length = 64
n_mels = 16
f_max = 4000.0
[network]
depth = 18
width = 0.0625
stem = 4
activation = "relu"
[[stages]]
subset = "curated"
epochs = 1
lr = 0.01
"""


def settings_of(dataset: Path, workspace: Workspace, *vary: str, **options: Any) -> SweepSettings:
    return SweepSettings.of(RunOptions(str(dataset), corrected=False, **options), parse_varied(vary or VARY), workspace)


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return str(path)


@pytest.fixture
def sweep(short_sounds: Path, workspace: Workspace, recipe: str) -> Sweep:
    return find_or_create_sweep(settings_of(short_sounds, workspace, recipe=recipe), workspace)[0]


@pytest.fixture
def with_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_require_ray", lambda: None)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The runs that are started, each of which is finished at once."""
    runs: list[Run] = []

    def start(run: Run) -> None:
        runs.append(run)
        run.write_process(os.getpid(), psutil.Process().create_time())
        run.write_event("run-started", folds=[1, 2], labels=["Hum"], stages=[], devices=["cpu"])
        run.write_status("finished")

    monkeypatch.setattr(Run, "start", start)
    monkeypatch.setattr(sweep_job, "POLL_S", 0)
    return runs


def test_the_same_settings_find_the_sweep_again_and_others_make_a_new_one(
    sweep: Sweep, short_sounds: Path, workspace: Workspace, recipe: str
) -> None:
    same = settings_of(short_sounds, workspace, recipe=recipe)
    assert find_or_create_sweep(same, workspace) == (sweep, False)
    assert sweep.settings() == same
    other, is_new = find_or_create_sweep(settings_of(short_sounds, workspace, recipe=recipe, seed=7), workspace)
    assert (is_new, other == sweep) == (True, False)
    assert set(list_sweeps(workspace)) == {sweep, other}
    assert find_sweep(workspace, sweep.name) == sweep
    with pytest.raises(AudiotagError, match="there is no sweep named mine; the newest are "):
        find_sweep(workspace, "mine")


@pytest.mark.usefixtures("with_ray")
def test_a_sweep_that_is_repeated_elsewhere_trains_there_what_is_missing(
    sweep: Sweep, started: list[Run], short_sounds: Path, workspace: Workspace, recipe: str
) -> None:
    train_missing(sweep)
    finished, cut_off, *_ = started
    cut_off.write_status("stopped")
    there = settings_of(short_sounds, workspace, recipe=recipe, on="ray")
    assert find_or_create_sweep(there, workspace) == (sweep, False)
    assert sweep.settings().options.on == "ray"
    assert {each.settings.on for each in sweep.settings().runs} == {"ray"}
    assert (finished.settings().on, cut_off.settings().on) == ("", "ray")
    find_or_create_sweep(settings_of(short_sounds, workspace, recipe=recipe), workspace)
    assert (sweep.settings().options.on, cut_off.settings().on) == ("", "")


def test_a_sweep_is_found_again_although_there_are_verdicts_now(
    short_sounds: Path, workspace: Workspace, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(corrected: bool | None) -> tuple[Sweep, bool]:
        options = RunOptions(str(short_sounds), recipe, corrected=corrected)
        return find_or_create_sweep(SweepSettings.of(options, parse_varied(VARY), workspace), workspace)

    sweep, _ = found(None)
    journal = SimpleNamespace(of=lambda *_: SimpleNamespace(verdicts=lambda: ["one"]))
    monkeypatch.setattr("audiotag.training.run_options.VerdictJournal", journal)
    assert found(None) == (sweep, False)
    assert found(True)[1]  # asked for


def test_only_the_missing_runs_are_trained(sweep: Sweep, started: list[Run]) -> None:
    train_missing(sweep)
    assert [run.settings() for run in started] == [each.settings for each in sweep.settings().runs]
    assert sweep.missing() == []
    first, second, third, _ = started
    (second.folder / "status.json").unlink()  # cut off
    (third.folder / "settings.json").rename(third.folder / "deleted.json")
    second.write_process(2**22 - 3, 0.0)
    started.clear()
    assert sweep.missing() == [2, 3]
    train_missing(sweep)
    assert started[0] == second
    assert started[1].settings() == sweep.settings().runs[2].settings
    assert sweep.runs()[3] == started[1] != third
    assert len(started) == 2
    assert sweep.runs()[1] == first


def test_a_sweep_that_is_asked_to_stop_stops_its_run_and_starts_no_other(
    sweep: Sweep, started: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = Run.start
    active: list[Run] = []

    def start(run: Run) -> None:
        finish(run)
        active.append(run)
        sweep.stop()

    def stop(run: Run) -> None:
        active.remove(run)
        run.write_status("stopped")

    monkeypatch.setattr(Run, "start", start)
    monkeypatch.setattr(Run, "stop", stop)
    monkeypatch.setattr(Run, "is_active", lambda run: run in active)
    train_missing(sweep)
    assert [run.state() for run in started] == ["stopped"]
    assert sweep.missing() == [1, 2, 3, 4]


def test_a_run_that_fails_does_not_end_the_sweep(
    sweep: Sweep, started: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = Run.start

    def start(run: Run) -> None:
        finish(run)
        if len(started) == 2:
            run.write_status("failed", "The disk is full.")

    monkeypatch.setattr(Run, "start", start)
    with pytest.raises(AudiotagError) as raised:
        train_missing(sweep)
    assert len(started) == 4
    assert str(raised.value) == (
        "1 of 4 runs did not finish. The run of n_mels 16, clip_s 0.5 failed. The disk is full. Start the same sweep "
        "again to resume it."
    )
    entry = leader_board(sweep).entries[-1]
    assert (entry.placed, entry.conclusion) == (None, "not ranked")


def test_later_runs_begin_with_the_labels_and_copies_of_the_first(
    short_sounds: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = RunSettings(str(short_sounds), RECIPE, corrected=True)
    first, second = create_run(workspace, settings), create_run(workspace, replace(settings, device="cpu"))
    note_begin(first, Session.open(settings, workspace, copies=[["curated/00.wav", "curated/01.wav"]]))
    since = Correction("curated", "00.wav", ("Hum",), ("Hiss",))
    monkeypatch.setattr(Session, "_find_corrections", lambda session: [since])  # a reviewer's verdict meanwhile
    assert open_session(second).corrections == [since]
    begin_as(second, first)
    later = open_session(second)
    assert (later.corrections, later.copies) == ([], [["curated/00.wav", "curated/01.wav"]])
    assert read_json(second.folder / begun.COPIES) == read_json(first.folder / begun.COPIES)
    begin_as(third := create_run(workspace, settings), create_run(workspace, settings))
    assert not (third.folder / begun.COPIES).exists()


@pytest.mark.usefixtures("forked_workers")
def test_a_sweep_really_trains_every_combination_on_the_same_clips(
    short_sounds: Path, workspace: Workspace, recipe: str
) -> None:
    settings = settings_of(short_sounds, workspace, "n_mels=16,24", recipe=recipe, folds=(1,), device="cpu")
    sweep, _ = find_or_create_sweep(settings, workspace)
    train_missing(sweep)
    plans = [plan_of(run.events()) for run in sweep.runs().values()]
    assert [run.state() for run in sweep.runs().values()] == ["finished"] * 2
    assert plans[0]["stages"][0]["clips"] == plans[1]["stages"][0]["clips"]  # type: ignore[index]
    clips = [read_json(run.fold_folder(1) / "clips.json") for run in sweep.runs().values()]
    assert clips[0] == clips[1]
    board = leader_board(sweep)
    assert [entry.placed.rank for entry in board.ranked if entry.placed] == [1, 2]
    assert {entry.shape for entry in board.entries} == {(1, 16, 32), (1, 24, 32)}
    small, large = sorted(board.entries, key=lambda entry: entry.number)
    assert small.parameters == large.parameters
    assert 0 < (small.macs or 0) < (large.macs or 0)
    assert sweep.progress() == {"done": 2, "total": 2, "left_s": 0.0}


def test_the_leader_board_ranks_finished_runs_and_lists_the_others(
    workspace: Workspace, short_sounds: Path, scored_sweep: Callable[..., Sweep]
) -> None:
    sweep = scored_sweep(workspace, short_sounds, (0, 50), "n_mels=64,128,256")
    board = leader_board(sweep)
    best, other, missing = board.entries
    assert [entry.number for entry in board.entries] == [2, 1, 3]
    assert (best.conclusion, best.placed and best.placed.lwlrap) == ("best", 1)
    assert (missing.conclusion, missing.run, missing.placed) == ("not started", "", None)
    assert (
        board.findings[0]
        == "The best is n_mels 128: lwlrap 1.0000 on 16 clips of 11 recordings that all runs held out."
    )
    assert board.cautions[0].startswith("The best of 2 was chosen on the clips that it is measured on, so its lwlrap ")
    values = board.to_dict()
    assert [entry["rank"] for entry in values["entries"]] == [1, 2, None]
    assert values["entries"][1]["against_best"]["difference"] == pytest.approx(other.placed.lwlrap - 1)  # type: ignore[union-attr]


def test_runs_that_are_chosen_with_a_fold_held_out_say_so(
    workspace: Workspace, short_sounds: Path, scored_sweep: Callable[..., Sweep]
) -> None:
    sweep = scored_sweep(workspace, short_sounds, (1, 2), "n_mels=64,128")
    held = replace(leader_board(sweep), held_out=5)
    assert any(sentence.startswith("Nothing was chosen on the dataset's fold 5") for sentence in held.cautions)
    possible = replace(leader_board(sweep), has_own_folds=True)
    assert any("--hold-out FOLD" in sentence for sentence in possible.cautions)


def test_damaged_files_are_refused_or_done_without(sweep: Sweep, started: list[Run]) -> None:
    train_missing(sweep)
    (sweep.folder / "runs.json").write_text("{")
    assert sweep.runs() == {}
    write_json(sweep.folder / "runs.json", {"1": "../elsewhere", "x": "y", "2": 3})
    assert sweep.runs() == {}
    write_json(sweep.folder / "sweep.json", {"options": {}, "vary": [], "runs": [{}]})
    with pytest.raises(AudiotagError, match=f"the settings of sweep {sweep.name} cannot be read: .*sweep.json"):
        sweep.settings()
