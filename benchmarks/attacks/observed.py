"""Run a command of audiotag and watch all of its processes: memory, how it ends, who is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

LOOK_EVERY_S = 0.1
ORPHAN_GRACE_S = 5.0  # what is still alive so long after its parent was killed is an orphan


@dataclass
class Tally:
    """The result of an attack.

    Attributes
    ----------
    name : str
    tried : int
        Files mutated, processes killed, files damaged, commands started at the same time.
    survived : int
        Of these, how many did no harm.
    named : int
        Of the survivors, how many were answered by a sentence that names what is wrong.
    lost : list[str]
        What went wrong, one sentence each.
    figures : dict[str, float or str]
        Other figures, with their unit in the name.
    """

    name: str
    tried: int = 0
    survived: int = 0
    named: int = 0
    lost: list[str] = field(default_factory=list)
    figures: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit status (negative for a signal), output, seconds, and peak memory of all processes."""

    status: int
    output: str
    seconds: float
    peak_bytes: int


def audiotag(*arguments: object) -> list[str]:
    """The command line of ``audiotag`` with these arguments."""
    return [sys.executable, "-m", "audiotag", *map(str, arguments)]


class Observed:
    """A running command with its descendants.

    Parameters
    ----------
    command : list[str]
    home : Path
        The workspace.
    folder : Path, optional
        The folder that it runs in.
    """

    def __init__(self, command: list[str], home: Path, folder: Path | None = None) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `wait`
        environment = os.environ | {"AUDIOTAG_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
        self._began = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )
        self._seen: dict[int, psutil.Process] = {}
        self._peak_bytes = 0

    def look(self) -> None:
        """Note the descendants that are there now, and how much memory all of them use."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            family = [root, *root.children(recursive=True)]
            self._seen |= {process.pid: process for process in family[1:]}
            self._peak_bytes = max(self._peak_bytes, sum(map(_proportional_bytes, family)))

    def wait(self, until: Callable[[], bool] = lambda: False, timeout_s: float = 3600) -> bool:
        """Watch until the command ends, ``until`` is true or the time is over; whether the command has ended."""
        deadline = time.monotonic() + timeout_s
        while self.process.poll() is None and not until() and time.monotonic() < deadline:
            self.look()
            time.sleep(LOOK_EVERY_S)
        return self.process.poll() is not None

    def ended(self) -> Ended:
        """How the command ended; call it after its end."""
        status, seconds = self.process.wait(), time.monotonic() - self._began
        self._log.seek(0)
        output = self._log.read().decode(errors="replace")
        self._log.close()
        return Ended(status, output, seconds, self._peak_bytes)

    def kill(self) -> None:
        """Kill the command itself, without a chance to tidy up, and none of its descendants."""
        self.look()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def orphans(self, allowed: Callable[[psutil.Process], bool] = lambda process: False) -> list[psutil.Process]:
        """Descendants that are still alive some seconds after the end; they are killed."""
        deadline = time.monotonic() + ORPHAN_GRACE_S
        while (alive := [p for p in self._seen.values() if is_alive(p) and not allowed(p)]) and (
            time.monotonic() < deadline
        ):
            time.sleep(LOOK_EVERY_S)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return alive


def run(command: list[str], home: Path, folder: Path | None = None, timeout_s: float = 3600) -> Ended:
    """Run a command to its end; one that does not end in time is killed, with status -9."""
    observed = Observed(command, home, folder)
    if not observed.wait(timeout_s=timeout_s):
        observed.kill()
        observed.orphans()
    return observed.ended()


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that has ended and whose parent has not noticed does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _proportional_bytes(process: psutil.Process) -> int:
    """Memory of a process; pages that several processes share are counted once in all."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
            return 1024 * int(next(line for line in lines if line.startswith("Pss:")).split()[1])
        return 0
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.memory_info().rss
    return 0
