"""Temporary files beside the files that they become, and the removal of those that a killed process left behind.

A temporary file or folder is hidden and named ``.NAME.audiotag-HEX``. The process that makes it holds a lock on it,
which the system releases when that process ends, however it ends. `sweep` removes what has such a name and no owner,
and nothing else; on Windows, and where a file system has no locks, it removes what has not changed for a day.
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
from typing import BinaryIO

from audiotag.disk import name_in_errors

if sys.platform != "win32":
    import fcntl

DAY_S = 86_400
MARK = "audiotag"
NAME_CHARS = 50  # of NAME in it, so that it is not too long where NAME is just short enough
OURS = re.compile(rf"\..+\.{MARK}-[0-9a-f]{{16}}", re.DOTALL)
# Names of audiotag 0.2 and before, without a lock: of files, and of the folder of an ensemble that is being published.
OLD_FILE, OLD_FOLDER = re.compile(r"\..+\.[0-9a-f]{32}", re.DOTALL), re.compile(r"\.[\w-]{1,60}\.[a-z0-9_]{8}")
# Folders in the workspace that have temporary files; nothing else in it is looked at.
PLACES = (
    "indexes", "indexes/*", "presets", "runs", "runs/*", "runs/*/*", "ensembles", "thresholds", "compiled/*",
    "probes/*", "submissions", "starter-sounds", "extracted/*", "extracted/*/*", "extracted/*/*/*",
    "tag-history", "tag-history/*", "tagged-folders/*", "tagged-folders/*/files",
)  # fmt: skip

_swept: set[Path] = set()


@contextmanager
def temporary_file(path: Path, mark: str = MARK, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A new temporary file beside ``path``, open for writing; it is removed at the end of the ``with`` block.

    It is written through the descriptor that holds the lock: on some network drives no other could write it.

    Parameters
    ----------
    path : Path
        What the temporary file becomes, by `move_into_place` inside the block.
    mark : str
        Stands before the last part of its name; `sweep` does not remove what has another than the default.
    mode : int
        Who may read and write it, as for `os.open`.
    """
    while True:
        temporary = _temporary_name(path, mark)
        with name_in_errors(path, instead_of=temporary):
            file = open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode))  # noqa: SIM115
        if _lock_new(file.fileno(), temporary):
            break
        file.close()
    try:
        yield file
    finally:
        with suppress(OSError):  # a full disk: what is not written yet is not needed
            if sys.platform == "win32":  # does not remove a file that is open
                file.close()
        _remove(temporary)
        with suppress(OSError):
            file.close()


def move_into_place(file: BinaryIO, path: Path, keep_old_as: Path | None = None) -> None:
    """Rename a `temporary_file` to ``path`` once its content is on disk, and what is there to ``keep_old_as``."""
    file.flush()
    os.fsync(file.fileno())
    if sys.platform == "win32":  # does not rename a file that is open
        file.close()
    with name_in_errors(path, instead_of=Path(file.name)):
        if keep_old_as is not None and path.exists():
            os.replace(path, keep_old_as)
        os.replace(file.name, path)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """A new temporary folder beside ``path``, to be renamed to it inside the ``with`` block; else it is removed."""
    while True:
        temporary, lock = _temporary_name(path, MARK), None
        with name_in_errors(path, instead_of=temporary):
            temporary.mkdir()
        if sys.platform == "win32":
            break
        with suppress(FileNotFoundError):
            lock = os.open(temporary, os.O_RDONLY)
            if _lock_new(lock, temporary):
                break
            os.close(lock)
    try:
        yield temporary
    finally:
        _remove(temporary)
        if lock is not None:
            os.close(lock)


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
    with suppress(OSError):  # a folder that cannot be read
        for folder in [root, *(folder for place in PLACES for folder in root.glob(place))]:
            sweep(folder)
            _remove_abandoned(folder, OLD_FILE, _is_old)
        _remove_abandoned(root / "ensembles", OLD_FOLDER, _is_old)
        for run in root.glob("runs/*"):
            if not (run / "settings.json").exists() and _is_old(run):
                with suppress(OSError):
                    run.rmdir()  # only if it is empty


@contextmanager
def lock_if_abandoned(path: Path) -> Iterator[bool]:
    """Whether the process that made a temporary file or folder has ended; False if that cannot be found out.

    Its lock is held inside the ``with`` block, so that a process that has just made it, and locks it now, waits until
    it is removed, and makes another.
    """
    if sys.platform == "win32":
        yield _is_old(path)
        return
    try:
        lock = os.open(path, (os.O_RDONLY if path.is_dir() else os.O_RDWR) | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        yield _lock_now(lock, path)
    finally:
        os.close(lock)


def _temporary_name(path: Path, mark: str) -> Path:
    return path.with_name(f".{path.name[:NAME_CHARS]}.{mark}-{secrets.token_hex(8)}")


def _lock_new(descriptor: int, path: Path) -> bool:
    """Lock a new file or folder where that is possible; False if a sweep removed it before it was locked."""
    if sys.platform != "win32":
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    return os.path.lexists(path)


def _lock_now(descriptor: int, path: Path) -> bool:
    """Lock a file or folder if its owner has ended; without locks, whether it is old."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return _is_old(path)
    return True


def _remove_abandoned(folder: Path, name: re.Pattern[str], may_go: Callable[[Path], bool] = lambda path: True) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for path in [folder / entry.name for entry in entries if name.fullmatch(entry.name)]:
            if may_go(path):
                with lock_if_abandoned(path) as is_abandoned:
                    if is_abandoned:
                        _remove(path)


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
