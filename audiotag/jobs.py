"""Start detached processes, which continue after the page, the browser and the server have ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil


def start_detached(module: str, arguments: list[str], log: Path) -> psutil.Process:
    """Start ``python -m module arguments`` as a detached process.

    Parameters
    ----------
    module : str
        Dotted name of a module that can be run.
    arguments : list[str]
    log : Path
        File that its output is appended to.
    """
    command = [sys.executable, "-m", module, *arguments]
    with log.open("ab") as output:
        if sys.platform == "win32":
            flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, creationflags=flags
            )
        else:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
    _children.append(process)
    return psutil.Process(process.pid)


def is_alive(pid: int, started: float) -> bool:
    """Whether a process is still running.

    Parameters
    ----------
    pid : int
    started : float
        When it started, in seconds since the epoch; after a reboot another process may have the same PID.
    """
    for child in _children:
        child.poll()  # without this a finished child stays a zombie
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


_children: list[subprocess.Popen] = []
