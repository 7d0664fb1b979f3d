"""Let runs use a device one after the other, in the order in which they began to wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psutil

from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.training.devices import check_device
from audiotag.training.runs import Run, RunSettings, list_runs

POLL_S = 0.5


def devices_of(settings: RunSettings) -> tuple[str, ...]:
    """The devices of this machine that a run uses; none where a cluster trains it.

    Raises
    ------
    AudiotagError
        As `check_device`.
    """
    return () if settings.on else check_device(settings.device)


@contextmanager
def wait_for_device(run: Run, devices: tuple[str, ...]) -> Iterator[bool]:
    """Wait until the devices are free, and hold their locks inside the context.

    The operating system releases the locks when the process ends, however it ends.

    Yields
    ------
    bool
        False if the run was stopped while it waited.
    """
    process = psutil.Process()
    since = time.time()
    with ExitStack() as locks:
        while not (is_ours := _is_first_in_line(run, devices, since) and _lock_all(run, devices, locks)):
            if run.is_stop_requested():
                break
            if not (run.process() or {}).get("waiting_since"):
                run.write_process(process.pid, process.create_time(), waiting_since=since)
            time.sleep(POLL_S)
        if is_ours:
            run.write_process(process.pid, process.create_time())
        yield is_ours


def _lock_all(run: Run, devices: tuple[str, ...], locks: ExitStack) -> bool:
    """Lock all of the devices or none: two runs that each held one and waited for the other's would wait for ever."""
    with ExitStack() as new_locks:
        for device in sorted(set(devices)):
            name = device.replace(":", "-")
            try:
                new_locks.enter_context(locked(run.folder.parent / name, wait_s=0))
            except AudiotagError:  # another run has it
                return False
        locks.push(new_locks.pop_all())
    return True


def _is_first_in_line(run: Run, devices: tuple[str, ...], since: float) -> bool:
    """Whether no other run of the workspace has been waiting longer for one of these devices."""
    for other in list_runs(run.workspace):
        waiting_since = (other.process() or {}).get("waiting_since")
        if other.folder != run.folder and waiting_since and waiting_since < since and other.state() == "queued":
            with suppress(AudiotagError):  # a run whose settings cannot be read holds up no other
                if set(devices_of(other.settings())) & set(devices):
                    return False
    return True
