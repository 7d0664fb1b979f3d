"""Runs: their state follows from files and processes; they are found by their names."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from audiotag.errors import AudiotagError
from audiotag.training import runs as runs_module
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import (
    MAX_STARTING_S,
    SHARED_FOLD,
    Run,
    RunSettings,
    create_run,
    find_run,
    list_runs,
)
from audiotag.workspace import Workspace, read_json, write_json

from .conftest import PLAN, PROGRESS, by_this_process, dead_pid


@pytest.mark.parametrize("year", [1971, 2300])
def test_state_of_a_run_whose_clock_was_wrong_is_not_starting_for_ever(run: Run, year: int) -> None:
    time_s = (year - 1970) * 31_556_952
    os.utime(run.folder / "settings.json", (time_s, time_s))
    assert run.state() == "interrupted"


def test_state_of_a_run_that_was_just_made_is_starting(run: Run) -> None:
    assert run.state() == "starting"
    assert run.is_active()


def test_run_that_no_process_ever_began_is_interrupted(run: Run) -> None:
    long_ago = time.time() - MAX_STARTING_S - 10
    os.utime(run.folder / "settings.json", (long_ago, long_ago))
    assert run.state() == "interrupted"
    assert not run.is_active()


def test_state_with_a_living_process(run: Run) -> None:
    by_this_process(run)
    assert run.state() == "starting"
    run.write_event("run-started", **PLAN)
    assert run.state() == "running"
    run.stop()
    assert run.state() == "stopping"
    assert run.is_active()


def test_run_that_waits_for_its_device_is_queued_until_it_begins(run: Run) -> None:
    me = psutil.Process()
    run.write_process(me.pid, me.create_time(), waiting_since=time.time())
    assert run.state() == "queued"
    run.write_event("run-started", **PLAN)  # one that goes on has events of before
    assert run.state() == "queued"
    assert run.is_active()
    run.stop()
    assert run.state() == "stopping"
    (run.folder / "stop").unlink()
    by_this_process(run)
    assert run.state() == "running"


def test_process_that_died_while_it_waited_is_interrupted(run: Run) -> None:
    run.write_process(dead_pid(), time.time(), waiting_since=time.time())
    assert run.state() == "interrupted"


def test_run_whose_process_is_gone_is_interrupted(run: Run) -> None:
    run.write_event("run-started", **PLAN)
    run.write_process(dead_pid(), time.time())
    assert run.state() == "interrupted"
    run.stop()
    assert run.state() == "interrupted"
    assert not run.is_active()


def test_process_that_got_the_same_number_later_does_not_pass_for_the_worker(run: Run) -> None:
    run.write_event("run-started", **PLAN)
    run.write_process(os.getpid(), psutil.Process().create_time() - 3600)
    assert run.state() == "interrupted"


@pytest.mark.parametrize("state", ["finished", "failed", "stopped"])
@pytest.mark.parametrize("alive", [True, False])
def test_written_status_decides(run: Run, state: Any, alive: bool) -> None:
    run.write_event("run-started", **PLAN)
    run.stop()
    by_this_process(run) if alive else run.write_process(dead_pid(), time.time())
    run.write_status(state, "because")
    assert run.state() == state
    assert run.reason() == "because"
    assert not run.is_active()


def test_status_written_between_two_looks_is_not_taken_for_an_interruption(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.write_process(dead_pid(), time.time())

    def dies_now(pid: int, started: float) -> bool:
        run.write_status("finished")
        return False

    monkeypatch.setattr("audiotag.jobs.is_alive", dies_now)
    assert run.state() == "finished"


def test_settings_come_back_as_they_were_given(workspace: Workspace, tmp_path: Path) -> None:
    settings = RunSettings(str(tmp_path), load_recipe("capstone-intended"), (2, 4), 3, "cuda:0,cuda:1")
    assert create_run(workspace, settings).settings() == settings


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"dataset": "x", "recipe": {"new": 1}, "folds": [], "held_out": null, "device": ""}']
)
def test_settings_that_cannot_be_read_are_an_error_that_names_the_run(run: Run, content: str) -> None:
    (run.folder / "settings.json").write_text(content)
    with pytest.raises(AudiotagError, match=run.name):
        run.settings()


def test_run_on_a_dataset_that_is_gone_is_refused_and_leaves_nothing(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="gone"):
        create_run(workspace, RunSettings(str(tmp_path / "gone"), load_recipe("quick")))
    assert list_runs(workspace) == []
    assert not workspace.runs.exists()


def test_two_runs_of_one_second_are_two_folders(workspace: Workspace, tmp_path: Path) -> None:
    made = [create_run(workspace, RunSettings(str(tmp_path), load_recipe("quick"))) for _ in range(3)]
    assert len({run.name for run in made}) == 3
    assert {run.name for run in list_runs(workspace)} == {run.name for run in made}


def test_runs_made_at_once_are_folders_of_their_own(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_module.time, "strftime", lambda pattern: "2026-01-02-030405")
    settings = RunSettings(str(tmp_path), load_recipe("quick"))
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: create_run(workspace, settings), range(24)))
    assert len({run.name for run in made}) == 24
    assert all(run.settings() == settings for run in made)
    assert all(run.name.startswith("2026-01-02-030405-quick") for run in made)


def test_worker_whose_process_file_was_damaged_writes_it_again(run: Run) -> None:
    by_this_process(run)
    run.write_event("run-started", **PLAN)
    (run.folder / "process.json").write_bytes(b"")
    run.mend_process()
    os.utime(run.folder / "settings.json", (0, 0))
    assert run.state() == "interrupted"
    run.mend_process()
    assert run.state() == "running"
    assert (run.folder / "process.json.damaged").exists()


@pytest.mark.parametrize("name", ["../x", "..", ".", "", "a/b", "nothing"])
def test_only_a_run_of_the_workspace_is_found(workspace: Workspace, run: Run, name: str) -> None:
    for folder in (workspace.root / "x", workspace.root, workspace.runs, workspace.runs / "a" / "b"):
        write_json(folder / "settings.json", {})  # something is there: it is the name that is refused
    with pytest.raises(AudiotagError, match="no run named"):
        find_run(workspace, name)
    assert find_run(workspace, run.name) == run


def test_progress_and_log_are_empty_before_the_first(run: Run) -> None:
    assert run.progress() == []
    assert run.log_tail() == ""
    assert run.reason() == ""
    (run.folder / "log.txt").write_bytes("\n".join(map(str, range(50))).encode() + b"\n\xff")
    assert run.log_tail(3).splitlines()[:2] == ["48", "49"]


def test_progress_is_that_of_the_folds_in_training(run: Run) -> None:
    for fold in (2, 1, SHARED_FOLD):
        run.write_progress(fold, batch=fold, **PROGRESS)
    assert sorted(found["fold"] for found in run.progress()) == [SHARED_FOLD, 1, 2]
    run.write_progress(1, batch=7, **PROGRESS)
    run.clear_progress(2)
    run.clear_progress(5)  # never began
    assert [(found["fold"], found["batch"]) for found in run.progress()] == [(1, 7), (SHARED_FOLD, SHARED_FOLD)]
    assert read_json(run.folder / "shared" / "progress.json")["fold"] == SHARED_FOLD


def test_a_datasets_fold_zero_is_not_the_shared_network(run: Run) -> None:
    assert {run.fold_folder(fold).name for fold in (SHARED_FOLD, 0, 1)} == {"shared", "fold-0", "fold-1"}
