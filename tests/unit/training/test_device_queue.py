"""Runs use a device one after the other in the order of their start; a process that dies frees its device."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock, Timeout

from audiotag.training import device_queue
from audiotag.training import devices as devices_module
from audiotag.training.device_queue import wait_for_device
from audiotag.training.devices import Device
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.workspace import Workspace

WaitUntil = Callable[..., None]
HOLDS = """
import sys, time
from pathlib import Path
import psutil
from audiotag.training.runs import Run
from audiotag.training.device_queue import wait_for_device
run, me = Run(Path(sys.argv[1])), psutil.Process()
run.write_process(me.pid, me.create_time())
with wait_for_device(run, ("cpu",)) as is_ours:
    run.write_event("agreed", is_ours=is_ours)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _two_gpus_and_no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tuple(Device(key, key) for key in ("cuda:0", "cuda:1", "cpu"))
    monkeypatch.setattr(devices_module, "devices", lambda: found)
    monkeypatch.setattr(device_queue, "POLL_S", 0.01)


class _Worker(threading.Thread):
    """Waits for its run's devices, and holds them until `let_go` is set."""

    def __init__(self, run: Run, order: list[str]) -> None:
        super().__init__(daemon=True)
        self.run_on_disk, self.order = run, order
        self.devices = tuple(run.settings().device.split(","))
        self.let_go, self.is_ours = threading.Event(), None
        me = psutil.Process()
        run.write_process(me.pid, me.create_time())

    def run(self) -> None:
        with wait_for_device(self.run_on_disk, self.devices) as is_ours:
            self.is_ours = is_ours
            if is_ours:
                self.order.append(self.run_on_disk.name)
                self.run_on_disk.write_event("agreed")
                self.let_go.wait(60)


@pytest.fixture
def come(tmp_path: Path, wait_until: WaitUntil) -> Iterator[Callable[..., _Worker]]:
    """``come(device)``: a run that waits for a device, in a thread; gives it back once it holds it or is queued."""
    workspace, order, workers = Workspace(tmp_path / "home"), [], []

    def make(device: str) -> _Worker:
        run = create_run(workspace, RunSettings(str(tmp_path), load_recipe("quick"), device=device))
        workers.append(worker := _Worker(run, order))
        worker.start()
        wait_until(lambda: run.state() in ("running", "queued"), 20)
        return worker

    yield make
    for worker in workers:
        worker.run_on_disk.stop()
        worker.let_go.set()
    for worker in workers:
        worker.join(20)
        assert not worker.is_alive()


def state(worker: _Worker) -> str:
    return worker.run_on_disk.state()


def test_second_run_on_a_device_is_queued_and_begins_when_the_first_ends(
    come: Callable[..., _Worker], wait_until: WaitUntil
) -> None:
    first, second = come("cpu"), come("cpu")
    assert (state(first), state(second)) == ("running", "queued")
    assert second.is_ours is None
    first.let_go.set()
    wait_until(lambda: state(second) == "running", 20)
    assert second.is_ours is True


def test_first_come_is_first_served(come: Callable[..., _Worker], wait_until: WaitUntil) -> None:
    holder = come("cuda:0")
    waiting = [come("cuda:0") for _ in range(4)]
    order = [worker.run_on_disk.name for worker in [holder, *waiting]]
    for worker in [holder, *waiting[:-1]]:
        assert state(waiting[-1]) == "queued"
        worker.let_go.set()
        worker.join(20)
    wait_until(lambda: state(waiting[-1]) == "running", 20)
    assert holder.order == order


def test_new_run_does_not_overtake_one_that_is_waiting(come: Callable[..., _Worker], wait_until: WaitUntil) -> None:
    """The device may be free between two polls of the waiting run: a new run still waits behind it."""
    holder, waiting = come("cuda:0"), come("cuda:0")
    process = (waiting.run_on_disk.folder / "process.json").read_bytes()
    waiting.run_on_disk.stop()
    waiting.join(20)
    (waiting.run_on_disk.folder / "stop").unlink()
    (waiting.run_on_disk.folder / "process.json").write_bytes(process)  # it waits, and does not look
    holder.let_go.set()
    holder.join(20)
    newcomer = come("cuda:0")
    assert (state(waiting), state(newcomer)) == ("queued", "queued")
    waiting.run_on_disk.write_status("stopped")
    wait_until(lambda: state(newcomer) == "running", 20)


def test_run_whose_process_died_in_the_queue_holds_up_no_other(come: Callable[..., _Worker], tmp_path: Path) -> None:
    dead = create_run(Workspace(tmp_path / "home"), RunSettings(str(tmp_path), load_recipe("quick"), device="cpu"))
    dead.write_process(os.getpid(), psutil.Process().create_time() - 3600, waiting_since=1.0)
    broken = create_run(Workspace(tmp_path / "home"), RunSettings(str(tmp_path), load_recipe("quick"), device="cpu"))
    broken.write_process(os.getpid(), psutil.Process().create_time(), waiting_since=1.0)
    (broken.folder / "settings.json").write_text("{")
    elsewhere = create_run(Workspace(tmp_path / "home"), RunSettings(str(tmp_path), load_recipe("quick"), device="mps"))
    elsewhere.write_process(os.getpid(), psutil.Process().create_time(), waiting_since=1.0)
    assert (dead.state(), broken.state(), elsewhere.state()) == ("interrupted", "queued", "queued")
    assert state(come("cpu")) == "running"


def test_different_devices_do_not_wait_for_one_another(come: Callable[..., _Worker]) -> None:
    workers = [come(device) for device in ("cpu", "cuda:0", "cuda:1")]
    assert [state(worker) for worker in workers] == ["running"] * 3
    assert state(come("cuda:1")) == "queued"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has locks on every disk")
def test_run_begins_on_a_disk_that_has_no_locks(come: Callable[..., _Worker], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    assert state(come("cpu")) == "running"


def test_one_device_named_twice_is_held_once(come: Callable[..., _Worker]) -> None:
    assert state(come("cpu,cpu")) == "running"
    assert state(come("cpu")) == "queued"


def test_run_on_several_devices_holds_all_of_them_or_none(
    come: Callable[..., _Worker], wait_until: WaitUntil, tmp_path: Path
) -> None:
    first, both = come("cuda:1"), come("cuda:1,cuda:0")
    assert state(both) == "queued"
    FileLock(tmp_path / "home" / "runs" / ".cuda-0.lock").acquire(timeout=20).lock.release()  # free between two looks
    first.let_go.set()
    wait_until(lambda: state(both) == "running", 20)
    for name in ("cuda-0", "cuda-1"):
        with pytest.raises(Timeout):
            FileLock(tmp_path / "home" / "runs" / f".{name}.lock").acquire(blocking=False)
    assert state(come("cuda:0")) == "queued"


def test_run_that_is_stopped_while_it_is_queued_never_begins_and_lets_others_pass(
    come: Callable[..., _Worker], wait_until: WaitUntil
) -> None:
    first, second, third = (come("cpu") for _ in range(3))
    second.run_on_disk.stop()
    second.join(20)
    assert second.is_ours is False
    second.run_on_disk.write_status("stopped")  # as the worker does
    assert state(third) == "queued"
    first.let_go.set()
    wait_until(lambda: state(third) == "running", 20)
    assert first.order == [first.run_on_disk.name, third.run_on_disk.name]


def test_devices_are_free_again_after_an_error(tmp_path: Path) -> None:
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(tmp_path), load_recipe("quick"), device="cpu"))
    run.write_process(os.getpid(), psutil.Process().create_time())

    def fail() -> None:
        with wait_for_device(run, ("cpu",)):
            raise MemoryError

    for _ in range(2):
        with pytest.raises(MemoryError):
            fail()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_killed_process_frees_its_device(come: Callable[..., _Worker], wait_until: WaitUntil, tmp_path: Path) -> None:
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(tmp_path), load_recipe("quick"), device="cpu"))
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(run.folder)], stdin=subprocess.PIPE)
    try:
        wait_until(lambda: bool(run.events()), 60)
        second = come("cpu")
        assert (run.state(), state(second)) == ("running", "queued")
        holder.kill()
        holder.wait(20)
        wait_until(lambda: state(second) == "running", 20)
        assert run.state() == "interrupted"
    finally:
        holder.kill()
        holder.communicate()


def test_process_file_has_the_time_since_when_the_run_waits(come: Callable[..., _Worker], tmp_path: Path) -> None:
    from audiotag.workspace import read_json

    before = time.time()
    first, second = come("cpu"), come("cpu")
    since = read_json(second.run_on_disk.folder / "process.json")["waiting_since"]
    assert before <= since <= time.time()
    assert read_json(first.run_on_disk.folder / "process.json")["waiting_since"] is None
