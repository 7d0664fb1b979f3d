"""A run is started once, by one process, in whatever state an earlier one has left it."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock

from audiotag.errors import AudiotagError
from audiotag.training import runs as runs_module
from audiotag.training.preparation import FILE
from audiotag.training.runs import (
    ACTIVE,
    RESUMABLE,
    WORKER,
    Run,
)

from .conftest import PLAN, dead_pid


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
    (run.folder / FILE).write_text("{}")  # it ended while it prepared
    if state != "interrupted":
        run.write_status(state, "because")
    assert run.state() == state
    run.start()
    assert len(launched) == 1
    assert run.state() == "running"
    assert run.reason() == ""
    assert not (run.folder / FILE).exists()


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has locks on every disk")
def test_run_starts_on_a_disk_that_has_no_locks(
    run: Run, launched: list[tuple], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    run.start()
    assert len(launched) == 1
