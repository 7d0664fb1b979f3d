"""Runs: their state is what the disk and the process table say, and what is read is never a part of something."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from audiotag.errors import AudiotagError
from audiotag.training.recipe import load_recipe
from audiotag.training.runs import (
    STARTING_S,
    Run,
    RunSettings,
    create_run,
    epochs_done,
    find_run,
    fold_rows,
    list_runs,
    remaining_s,
)
from audiotag.workspace import Workspace, read_json, write_bytes, write_json


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


@pytest.fixture
def run(workspace: Workspace, tmp_path: Path) -> Run:
    return create_run(workspace, RunSettings(str(tmp_path), load_recipe("quick")))


def by_this_process(run: Run) -> None:
    run.write_process(os.getpid(), psutil.Process().create_time())


def dead_pid() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_state_of_a_run_that_was_just_made_is_starting(run: Run) -> None:
    assert run.state() == "starting"
    assert run.is_active()


def test_run_that_no_process_ever_took_up_is_interrupted(run: Run) -> None:
    long_ago = time.time() - STARTING_S - 10
    os.utime(run.folder / "settings.json", (long_ago, long_ago))
    assert run.state() == "interrupted"
    assert not run.is_active()


def test_state_with_a_living_process(run: Run) -> None:
    by_this_process(run)
    assert run.state() == "starting"
    run.write_event("run-started")
    assert run.state() == "running"
    run.stop()
    assert run.state() == "stopping"
    assert run.is_active()


def test_run_whose_process_is_gone_is_interrupted(run: Run) -> None:
    run.write_event("run-started")
    run.write_process(dead_pid(), time.time())
    assert run.state() == "interrupted"
    run.stop()
    assert run.state() == "interrupted"
    assert not run.is_active()


def test_process_that_got_the_same_number_later_does_not_pass_for_the_worker(run: Run) -> None:
    run.write_event("run-started")
    run.write_process(os.getpid(), psutil.Process().create_time() - 3600)
    assert run.state() == "interrupted"


@pytest.mark.parametrize("state", ["finished", "failed", "stopped"])
@pytest.mark.parametrize("alive", [True, False])
def test_written_status_is_the_last_word(run: Run, state: Any, alive: bool) -> None:
    run.write_event("run-started")
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


def test_torn_last_line_of_the_events_is_left_for_later(run: Run) -> None:
    assert run.events() == []
    run.write_event("run-started", folds=[1, 2])
    run.write_event("fold-started", fold=1)
    whole = (run.folder / "events.jsonl").read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for cut in range(2, len(last) + 1):  # without its newline alone it is whole
        (run.folder / "events.jsonl").write_bytes(whole[:-cut])
        assert [event["event"] for event in run.events()] == ["run-started"]
    (run.folder / "events.jsonl").write_bytes(whole)
    assert [event["event"] for event in run.events()] == ["run-started", "fold-started"]


def test_line_cut_inside_a_letter_of_several_bytes_is_skipped(run: Run) -> None:
    run.write_event("run-started")
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write('{"event": "epoch", "subset": "gerä'.encode()[:-1])
    assert [event["event"] for event in run.events()] == ["run-started"]


def epoch(fold: int, stage: int, number: int, lwlrap: float = 0.5, seconds: float = 1.0) -> dict[str, Any]:
    return {
        "event": "epoch",
        "fold": fold,
        "stage": stage,
        "epoch": number,
        "lwlrap": lwlrap,
        "seconds": seconds,
    }


PLAN: dict[str, Any] = {
    "event": "run-started",
    "folds": [1, 2],
    "stages": [
        {"stage": 0, "subset": "noisy", "epochs": 2, "clips": 100},
        {"stage": 1, "subset": "curated", "epochs": 3, "clips": 50},
    ],
}


def test_steps_count_on_across_stages_and_anew_for_each_fold() -> None:
    events = [
        PLAN,
        epoch(1, 0, 1),
        epoch(1, 0, 2),
        epoch(1, 1, 1),
        {"event": "fold-started", "fold": 2},
        epoch(2, 0, 1),
    ]
    assert [(done["fold"], done["step"]) for done in epochs_done(events)] == [(1, 1), (1, 2), (1, 3), (2, 1)]


def test_remaining_time_counts_clips_not_epochs() -> None:
    assert remaining_s([]) is None
    assert remaining_s([PLAN]) is None
    # The whole is 2 folds × (2 × 100 + 3 × 50) = 700 clips; 100 took 10 s.
    assert remaining_s([PLAN, epoch(1, 0, 1, seconds=10)]) == pytest.approx(60)
    # 250 clips in 20 s: 0.08 s a clip, 450 to go.
    some = [epoch(1, 0, 1, seconds=8), epoch(1, 0, 2, seconds=8), epoch(1, 1, 1, seconds=4)]
    assert remaining_s([PLAN, *some]) == pytest.approx(36)
    fold = [epoch(1, 0, n) for n in (1, 2)] + [epoch(1, 1, n) for n in (1, 2, 3)]
    assert remaining_s([PLAN, *fold, *[event | {"fold": 2} for event in fold]]) == pytest.approx(0)


def test_fold_rows_tell_finished_folds_from_the_one_in_training() -> None:
    events = [
        PLAN,
        {"event": "fold-started", "fold": 1},
        epoch(1, 0, 1, lwlrap=0.4, seconds=2),
        epoch(1, 1, 1, lwlrap=0.9, seconds=3),
        epoch(1, 1, 2, lwlrap=0.8, seconds=3),
        {"event": "fold-finished", "fold": 1, "lwlrap": 0.81},
        {"event": "fold-started", "fold": 2},
    ]
    assert fold_rows(events) == [
        {"fold": 1, "state": "finished", "epochs": 3, "lwlrap": 0.81, "best": 0.9, "seconds": 8},
        {"fold": 2, "state": "training", "epochs": 0, "lwlrap": None, "best": None, "seconds": 0},
    ]
    assert [row["state"] for row in fold_rows(events, active=False)] == ["finished", "cut off"]


def test_settings_come_back_as_they_were_given(workspace: Workspace, tmp_path: Path) -> None:
    settings = RunSettings(str(tmp_path), load_recipe("default"), (2, 4), 3)
    assert create_run(workspace, settings).settings() == settings


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"dataset": "x", "recipe": {"new": 1}, "folds": [], "held_out": null}']
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


@pytest.mark.parametrize("name", ["../x", "..", ".", "", "a/b", "nothing"])
def test_only_a_run_of_the_workspace_is_found(workspace: Workspace, run: Run, name: str) -> None:
    for folder in (workspace.root / "x", workspace.root, workspace.runs, workspace.runs / "a" / "b"):
        write_json(folder / "settings.json", {})  # something is there: it is the name that is refused
    with pytest.raises(AudiotagError, match="no run named"):
        find_run(workspace, name)
    assert find_run(workspace, run.name) == run


class _Crash(Exception):
    pass


@pytest.mark.parametrize("at", ["fsync", "replace"])
def test_write_that_fails_half_way_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    path = tmp_path / "file.json"
    write_bytes(path, b"old")

    def fails(*_: object) -> None:
        raise _Crash

    with monkeypatch.context() as patched:
        patched.setattr(os, at, fails)
        with pytest.raises(_Crash):
            write_bytes(path, b"new, and longer")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.json"]
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


def test_value_that_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"kept": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"no": object()})
    assert read_json(tmp_path / "a.json") == {"kept": 1}
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_written_files_get_the_permissions_of_any_other_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    write_bytes(tmp_path / "written", b"content")
    assert stat.S_IMODE((tmp_path / "written").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_progress_and_log_are_empty_before_the_first(run: Run) -> None:
    assert run.progress() == {}
    assert run.log_tail() == ""
    assert run.reason() == ""
    run.write_progress(fold=1, batch=2)
    (run.folder / "log.txt").write_bytes("\n".join(map(str, range(50))).encode() + b"\n\xff")
    assert json.loads((run.folder / "progress.json").read_text()) == run.progress() == {"fold": 1, "batch": 2}
    assert run.log_tail(3).splitlines()[:2] == ["48", "49"]
