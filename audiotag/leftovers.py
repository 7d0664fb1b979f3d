"""Temporary files beside the files that they become, and the removal of those that a killed process left behind.

A temporary file or folder is hidden and named ``.NAME.audiotag-HEX``. The process that makes it holds a lock on it,
which the system releases when that process ends, however it ends. `sweep` removes what has such a name and no owner,
and nothing else; where a file system has no locks, it removes what has not changed for a day.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

DAY_S = 86_400
OURS = re.compile(r"\..+\.audiotag-[0-9a-f]{16}", re.DOTALL)
# Names of audiotag 0.2 and before, without a lock: of files, and of the folder of an ensemble that is being published.
OLD_FILE, OLD_FOLDER = re.compile(r"\..+\.[0-9a-f]{32}", re.DOTALL), re.compile(r"\.[\w-]{1,60}\.[a-z0-9_]{8}")
# Folders of the workspace that have temporary files; nothing else in it is looked at.
PLACES = (
    "", "indexes", "indexes/*", "presets", "runs", "runs/*", "runs/*/*", "ensembles", "thresholds", "compiled/*",
    "probes/*", "submissions", "starter-sounds",
)  # fmt: skip

_swept: set[Path] = set()


@contextmanager
def temporary_beside(path: Path, make: Callable[[Path], None], mark: str = "audiotag") -> Iterator[Path]:
    """A new temporary file or folder beside ``path``, locked until the end of the ``with`` block and then removed.

    Parameters
    ----------
    path : Path
        What the temporary file becomes: rename it inside the block.
    make : callable
        Makes the empty file or folder, for example ``Path.touch`` or ``Path.mkdir``.
    mark : str
        Stands before the last part of its name; `sweep` does not remove what has another than the default.
    """
    while True:
        temporary = path.with_name(f".{path.name}.{mark}-{secrets.token_hex(8)}")
        try:
            make(temporary)
        except OSError as error:
            error.filename = str(path)  # the name that the user knows
            raise
        lock = None
        with suppress(FileNotFoundError):
            lock = _lock(temporary, wait=True)
        if os.path.lexists(temporary):
            break
        _release(lock)  # a sweep removed it before it was locked
    try:
        yield temporary
    finally:
        _remove(temporary)
        _release(lock)


def sweep(folder: Path) -> None:
    """Remove the temporary files in a folder whose process has ended; whatever cannot be removed stays."""
    _remove_abandoned(folder, OURS)


def sweep_once(folder: Path) -> None:
    """`sweep` a folder before this process first writes there."""
    if folder not in _swept:
        _swept.add(folder)
        sweep(folder)


def sweep_workspace(root: Path) -> None:
    """Remove what killed processes left in a workspace: temporary files, and folders of runs that never began."""
    for folder in [folder for place in PLACES for folder in ([root] if not place else root.glob(place))]:
        if folder.is_dir():
            sweep(folder)
            _remove_abandoned(folder, OLD_FILE, _is_old)
    _remove_abandoned(root / "ensembles", OLD_FOLDER, _is_old)
    for run in root.glob("runs/*"):
        if not (run / "settings.json").exists() and _is_old(run):
            with suppress(OSError):
                run.rmdir()  # only if it is empty


def is_abandoned(path: Path) -> bool:
    """Whether the process that made a temporary file or folder has ended; False if that cannot be found out.

    On Windows it may still be running: its files cannot be removed or renamed then.
    """
    try:
        lock = _lock(path, wait=False)
    except OSError:
        return False
    _release(lock)
    return lock is not None or sys.platform == "win32" or _is_old(path)


def _remove_abandoned(folder: Path, name: re.Pattern[str], may_go: Callable[[Path], bool] = lambda path: True) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for path in [folder / entry.name for entry in entries if name.fullmatch(entry.name)]:
            if may_go(path) and is_abandoned(path):
                _remove(path)


def _lock(path: Path, wait: bool) -> int | None:
    """Lock a file or folder; the descriptor that holds the lock, or None where there are no locks.

    Raises
    ------
    OSError
        If another process holds the lock and ``wait`` is False, or the file cannot be opened.
    """
    if sys.platform == "win32":  # does not remove a file that a process has open
        return None
    descriptor = os.open(path, (os.O_RDONLY if path.is_dir() else os.O_RDWR) | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:  # a file system without locks
        os.close(descriptor)
        return None
    return descriptor


def _release(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat(follow_symlinks=False).st_mtime > DAY_S
    except OSError:
        return False
