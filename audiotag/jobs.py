"""Detached processes: they outlive the page, the browser and the server that started them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil


def start_detached(module: str, arguments: list[str], log: Path) -> psutil.Process:
    """Start ``python -m module arguments`` in a session of its own, its output appended to ``log``."""
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
    """Whether the very process that had ``pid`` and began at ``started`` (epoch seconds) still runs.

    A PID alone is not enough: after a reboot another process may have it.
    """
    for child in _children:
        child.poll()  # a finished child of ours stays a zombie until it is asked after
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


_children: list[subprocess.Popen] = []
