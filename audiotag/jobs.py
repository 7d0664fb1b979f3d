"""Start detached processes, which continue after the page, the browser and the server have ended.

Child processes that must not outlive their parent call `end_with_parent`; those of a pool begin with `begin_worker`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a child process that finds this package, wherever it was imported from, with more variables.

    Start Python with ``-P``, or it also finds modules in the current folder, which may be a stranger's.
    """
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(Path(__file__).parents[1])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), **more}


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
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        module,
        *arguments,
    ]  # a crash of native code gets into the log
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


def end_with_parent(parent: int | None = None) -> None:
    """End this process when its parent ends, however that ends; a child process calls this first.

    On Linux the kernel kills the child, even inside a call of native code. It does so when the *thread* ends that
    started the child, so start such a child from a thread that lives as long as its process. Elsewhere a thread of the
    child looks every second whether its parent is still there.

    Parameters
    ----------
    parent : int, optional
        PID of the parent, by default the process that is the parent now. Give it where the parent may already have
        ended: the child then ends at once.
    """
    parent = os.getppid() if parent is None else parent
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if _has_ended(parent):
        os._exit(_PARENT_ENDED)
    if sys.platform != "linux":
        threading.Thread(target=_exit_after, args=(parent,), name="parent-watch", daemon=True).start()


def begin_worker(parent: int) -> None:
    """Initialise a process of a pool: it ends with its parent, and leaves it to the parent what Ctrl-C does.

    Start the pool's processes inside `hold_signals`.
    """
    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_SIGNALS)


@contextmanager
def hold_signals() -> Iterator[None]:
    """Let Ctrl-C and requests to end wait until the block has ended.

    A process whose parent is interrupted while it starts it, or that is itself interrupted before its first line, would
    print a traceback. Processes that are started inside hold signals too, until `begin_worker`.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _exit_after(parent: int) -> None:
    while not _has_ended(parent):
        time.sleep(1)
    os._exit(_PARENT_ENDED)


def _has_ended(parent: int) -> bool:
    if sys.platform == "win32":  # the launcher of a virtual environment stands between a process and its parent
        return not psutil.pid_exists(parent)
    return os.getppid() != parent  # an orphan gets another parent


_PR_SET_PDEATHSIG = 1  # Linux, <sys/prctl.h>
_PARENT_ENDED = 1
_HELD_SIGNALS = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}
_children: list[subprocess.Popen] = []
