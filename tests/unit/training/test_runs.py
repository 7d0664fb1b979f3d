"""Runs: their state follows from files and processes, and no reader sees a half-written file."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock

from audiotag.errors import AudiotagError
from audiotag.training import runs as runs_module
from audiotag.training.recipe import load_recipe
from audiotag.training.runs import (
    ACTIVE,
    MAX_STARTING_S,
    RESUMABLE,
    SHARED_FOLD,
    WORKER,
    Run,
    RunSettings,
    create_run,
    delete_run,
    find_run,
    list_runs,
    restore_run,
)
from audiotag.workspace import Workspace, open_atomic, read_json, write_bytes, write_json

PLAN: dict[str, Any] = {
    "folds": [1, 2],
    "labels": ["a"],
    "stages": [{"stage": 0, "subset": "curated", "epochs": 1, "clips": 2, "pixels": 9, "shared": False}],
}
PROGRESS: dict[str, Any] = {"subset": "curated", "epoch": 1, "epochs": 2, "batches": 9, "loss": 0.5}


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


def test_torn_last_line_of_the_events_is_left_for_later(run: Run) -> None:
    assert run.events() == []
    run.write_event("run-started", **PLAN)
    run.write_event("fold-started", fold=1)
    whole = (run.folder / "events.jsonl").read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for cut in range(2, len(last) + 1):  # without its newline alone it is whole
        (run.folder / "events.jsonl").write_bytes(whole[:-cut])
        assert [event["event"] for event in run.events()] == ["run-started"]
    (run.folder / "events.jsonl").write_bytes(whole)
    assert [event["event"] for event in run.events()] == ["run-started", "fold-started"]


def test_line_cut_inside_a_letter_of_several_bytes_is_skipped(run: Run) -> None:
    run.write_event("run-started", **PLAN)
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write('{"event": "epoch", "subset": "gerä'.encode()[:-1])
    assert [event["event"] for event in run.events()] == ["run-started"]


@pytest.mark.parametrize("torn", [b"", b'{"event": "epo', b'{"event": "epoch", "subset": "ger\xc3'])
def test_event_after_a_torn_line_stands_on_a_line_of_its_own(run: Run, torn: bytes) -> None:
    run.write_event("run-started", **PLAN)
    run.write_event("fold-started", fold=1)
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(torn)
    run.mend_events()
    run.write_event("agreed", fold=1)
    assert [event["event"] for event in run.events()] == ["run-started", "fold-started", "agreed"]
    assert len((run.folder / "events.jsonl").read_bytes().splitlines()) == 3


def test_mending_leaves_whole_events_and_none_as_they_are(run: Run) -> None:
    run.mend_events()
    assert not (run.folder / "events.jsonl").exists()
    (run.folder / "events.jsonl").write_bytes(b'{"event": "run-sta')  # torn before the first was whole
    run.mend_events()
    assert run.events() == []
    run.write_event("run-started", **PLAN)
    before = (run.folder / "events.jsonl").read_bytes()
    run.mend_events()
    assert (run.folder / "events.jsonl").read_bytes() == before


def test_events_that_several_write_at_once_are_all_whole(run: Run) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: run.write_event("agreed", number=number, filler="ä" * 500), range(64)))
    assert sorted(event["number"] for event in run.events()) == list(range(64))


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


def test_damaged_events_are_left_out_and_the_file_is_kept_when_the_run_continues(run: Run) -> None:
    run.write_event("run-started", **PLAN)
    run.write_event("fold-started", fold=1)
    path = run.folder / "events.jsonl"
    whole = path.read_bytes()
    damaged = whole.replace(b'{"event": "fold-started"', b'{"event": "fold-st\0rted').replace(
        b'"fold": 1}', b'"fold": "x"}'
    )
    path.write_bytes(damaged + b'{"event": "agreed", "fold": 1}\n')
    assert [event["event"] for event in run.events()] == ["run-started", "agreed"]
    run.mend_events()
    assert [event["event"] for event in run.events()] == ["run-started", "agreed"]
    assert path.read_bytes().count(b"\n") == 2
    assert (run.folder / "events.jsonl.damaged").read_bytes().startswith(damaged)


# Starting


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """The calls that would start a worker; this process stands in for it."""
    calls: list[tuple] = []

    def start(module: str, arguments: list[str], log: Path) -> psutil.Process:
        calls.append((module, arguments, log.name))
        return psutil.Process()

    monkeypatch.setattr("audiotag.jobs.start_detached", start)
    return calls


def test_start_hands_the_folder_to_a_worker(run: Run, launched: list[tuple]) -> None:
    run.start()
    assert launched == [(WORKER, [str(run.folder)], "log.txt")]
    assert run.state() == "starting"


@pytest.mark.parametrize("state", [*ACTIVE, "finished"])
def test_start_of_a_run_that_is_active_or_finished_is_refused(run: Run, state: str, launched: list[tuple]) -> None:
    run.start()
    me = psutil.Process()
    if state == "queued":
        run.write_process(me.pid, me.create_time(), waiting_since=1.0)
    elif state == "running":
        run.write_event("run-started", **PLAN)
    elif state == "stopping":
        run.stop()
    elif state == "finished":
        run.write_status("finished")
    assert run.state() == state
    with pytest.raises(AudiotagError, match=f"run {run.name} is {state} already"):
        run.start()
    assert len(launched) == 1
    assert run.state() == state


@pytest.mark.parametrize("state", RESUMABLE)
def test_run_that_ended_early_is_started_again_without_what_ended_it(
    run: Run, state: Any, launched: list[tuple]
) -> None:
    run.write_event("run-started", **PLAN)
    run.write_process(dead_pid(), time.time())
    run.stop()
    if state != "interrupted":
        run.write_status(state, "because")
    assert run.state() == state
    run.start()
    assert len(launched) == 1
    assert run.state() == "running"
    assert run.reason() == ""


def test_of_two_starts_at_once_one_is_refused(run: Run, launched: list[tuple]) -> None:
    def start(_: int) -> str:
        try:
            run.start()
            return ""
        except AudiotagError as error:
            return str(error)

    with ThreadPoolExecutor(6) as pool:
        errors = sorted(pool.map(start, range(6)))
    assert errors == ["", *[f"run {run.name} is starting already; only a run that ended early can be resumed."] * 5]
    assert len(launched) == 1


def test_start_during_another_start_is_refused_after_a_while(
    run: Run, launched: list[tuple], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_module, "START_WAIT_S", 0.01)
    with (
        FileLock(run.folder / ".start.lock"),
        pytest.raises(AudiotagError, match=f"run {run.name} is already starting"),
    ):
        run.start()
    assert launched == []


def test_event_of_any_kind_whose_stage_is_no_number_is_left_out(run: Run) -> None:
    run.write_event("run-started", **PLAN)
    for event in ("agreed", "fold-started", "of a later version"):
        run.write_event(event, fold=1, stage=[1])
        run.write_event(event, fold=1, per_class=7)
    assert [event["event"] for event in run.events()] == ["run-started"]


def test_kill_while_damaged_events_are_mended_loses_none_of_the_others(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.write_event("run-started", **PLAN)
    run.write_event("fold-finished", fold=1, lwlrap=0.5)
    path = run.folder / "events.jsonl"
    with path.open("ab") as file:
        file.write(b"\0\n")
    content = path.read_bytes()

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runs_module, "write_bytes", kill)
        with pytest.raises(KeyboardInterrupt):
            run.mend_events()
    assert run.finished_folds() == [1]
    run.mend_events()
    assert run.finished_folds() == [1]
    assert (run.folder / "events.jsonl.damaged").read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has locks on every disk")
def test_run_starts_on_a_disk_that_has_no_locks(
    run: Run, launched: list[tuple], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    run.start()
    assert len(launched) == 1


# Deleting


def made_and_ended(workspace: Workspace, tmp_path: Path) -> Run:
    run = create_run(workspace, RunSettings(str(tmp_path), load_recipe("quick")))
    run.write_event("run-started", **PLAN)
    run.write_status("stopped")
    return run


def test_deleted_run_is_out_of_the_list_and_comes_back_as_it_was(
    workspace: Workspace, tmp_path: Path, contents: Callable[[Path], dict]
) -> None:
    other, run = (made_and_ended(workspace, tmp_path) for _ in range(2))
    before = contents(run.folder)
    delete_run(workspace, run)
    assert list_runs(workspace) == [other]
    with pytest.raises(AudiotagError, match="no run named"):
        find_run(workspace, run.name)
    assert restore_run(workspace, run.name) == run
    assert find_run(workspace, run.name) == run
    assert contents(run.folder) == before


def test_only_the_run_that_was_deleted_last_can_be_brought_back(workspace: Workspace, tmp_path: Path) -> None:
    first, last = (made_and_ended(workspace, tmp_path) for _ in range(2))
    for run in (first, last):
        delete_run(workspace, run)
    with pytest.raises(AudiotagError, match=f"run {first.name} cannot be restored"):
        restore_run(workspace, first.name)
    assert restore_run(workspace, last.name) == last
    with pytest.raises(AudiotagError, match="cannot be restored"):
        restore_run(workspace, last.name)


@pytest.mark.parametrize("name", ["", ".", "../..", "a/b", "nothing"])
def test_nothing_but_a_deleted_run_is_brought_back(workspace: Workspace, tmp_path: Path, name: str) -> None:
    delete_run(workspace, made_and_ended(workspace, tmp_path))
    (workspace.runs / ".deleted" / "a" / "b").mkdir(parents=True)
    with pytest.raises(AudiotagError, match="only the run that was deleted last can"):
        restore_run(workspace, name)


def test_active_run_is_not_deleted(workspace: Workspace, run: Run) -> None:
    by_this_process(run)
    run.write_event("run-started", **PLAN)
    with pytest.raises(AudiotagError, match=f"run {run.name} is running; stop it before you delete it"):
        delete_run(workspace, run)
    assert list_runs(workspace) == [run]


# Writing


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


def test_reader_sees_the_old_content_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "file.pt"
    with open_atomic(path) as file:
        file.write(b"half")
        assert not path.exists()
    with open_atomic(path) as file:
        file.write(b"half of ")
        assert path.read_bytes() == b"half"
        file.write(b"another")
    assert path.read_bytes() == b"half of another"
    assert os.listdir(path.parent) == ["file.pt"]


def test_writing_aside_that_raises_leaves_the_old_content_and_no_litter(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file.pt", b"old")

    def fail_half_way() -> None:
        with open_atomic(tmp_path / "file.pt") as file:
            file.write(b"half")
            raise _Crash

    with pytest.raises(_Crash):
        fail_half_way()
    assert (tmp_path / "file.pt").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.pt"]


def test_value_that_is_not_json_leaves_the_old_file(tmp_path: Path) -> None:
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
