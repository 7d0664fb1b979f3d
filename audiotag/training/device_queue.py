"""Runs take turns on a device instead of fighting for it: first come, first served, whoever dies lets go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psutil
from filelock import FileLock, Timeout

from audiotag.errors import AudiotagError
from audiotag.training.devices import check_device
from audiotag.training.runs import Run, list_runs
from audiotag.workspace import Workspace, read_json

POLL_S = 0.5


@contextmanager
def wait_for_device(run: Run, devices: tuple[str, ...]) -> Iterator[bool]:
    """Wait until the devices are free, and hold them; gives False if the run was stopped while it waited.

    The locks are the system's own and go with the process that holds them.
    """
    me = psutil.Process()
    since = time.time()
    with ExitStack() as held:
        while not (is_ours := _first_in_line(run, devices, since) and _locked(run, devices, held)):
            if (run.folder / "stop").exists():
                break
            if not read_json(run.folder / "process.json").get("waiting_since"):
                run.write_process(me.pid, me.create_time(), waiting_since=since)
            time.sleep(POLL_S)
        if is_ours:
            run.write_process(me.pid, me.create_time())
        yield is_ours


def _locked(run: Run, devices: tuple[str, ...], held: ExitStack) -> bool:
    """All of the devices or none: who holds one while it waits for another could wait for ever."""
    with ExitStack() as taken:
        for device in sorted(set(devices)):
            name = device.replace(":", "-")
            try:
                taken.enter_context(FileLock(run.folder.parent / f".{name}.lock").acquire(blocking=False))
            except Timeout:
                return False
        held.push(taken.pop_all())
    return True


def _first_in_line(run: Run, devices: tuple[str, ...], since: float) -> bool:
    """Whether no other run of the workspace has waited longer for one of these devices."""
    for other in list_runs(Workspace(run.folder.parents[1])):
        waiting_since = read_json(other.folder / "process.json", {}).get("waiting_since")
        if other.folder != run.folder and waiting_since and waiting_since < since and other.state() == "queued":
            with suppress(AudiotagError):  # settings that cannot be read stand in nobody's way
                if set(check_device(other.settings().device)) & set(devices):
                    return False
    return True
