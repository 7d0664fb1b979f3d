"""A bounded cache on disk of what was fetched: whole objects, and blocks of long ones; the longest unused goes first.

Its files are of this machine, not of a dataset: any of them may be deleted at any time. Threads and processes share it.
A file that is being read is locked, so that it is not deleted meanwhile.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from audiotag.disk import disk_problem, locked
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

if sys.platform != "win32":
    import fcntl

PLACE = "AUDIOTAG_REMOTE_CACHE"  # environment variable: the folder; by default one in the workspace
BOUND_GB = "AUDIOTAG_REMOTE_CACHE_GB"  # environment variable
DEFAULT_GB = 5.0
MIN_GB = 0.1
KEPT_SHARE = 0.9  # of the bound, after old files were deleted: so this happens rarely
ABANDONED_S = 3600.0  # after which a file that is not complete was left by a process that has ended
_TEMPORARY = ".part-"


class Cache:
    """The files in one folder.

    Parameters
    ----------
    folder : Path
    bound_bytes : int
        What all files may have together.
    """

    def __init__(self, folder: Path, bound_bytes: int) -> None:
        self.folder, self.bound_bytes = folder, bound_bytes

    @contextmanager
    def reading(self, name: str, size: int) -> Iterator[Path | None]:
        """The path of a file, which is not deleted in the ``with`` block; None if it is not there with this size."""
        path = self.folder / name
        descriptor = _lock_for_reading(path)
        if descriptor is None:
            yield None
            return
        try:
            stat = os.fstat(descriptor)
            is_whole = stat.st_size == size
            if is_whole:
                with suppress(OSError):  # when it was used last; its time of change stays, by which readers know it
                    os.utime(path, ns=(time.time_ns(), stat.st_mtime_ns))
            yield path if is_whole else None
        finally:
            os.close(descriptor)

    def read(self, name: str, size: int) -> bytes | None:
        """The content of a file; None if it is not there with this size."""
        with self.reading(name, size) as path:
            try:
                return None if path is None else path.read_bytes()
            except OSError:
                return None

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return os.path.exists(self.folder / name)

    def store(self, name: str, size: int, pieces: Iterable[bytes]) -> None:
        """Write a file, after others were deleted if the bound needs it; its readers never see a part of it.

        Parameters
        ----------
        name : str
        size : int
            In bytes; reserved before the first piece is asked for.
        pieces : iterable of bytes
            The content, one after the other.

        Raises
        ------
        AudiotagError
            If it is larger than the whole cache, or the disk refuses it.
        """
        if size > self.bound_bytes:
            raise AudiotagError(
                f"the cache of remote sounds must hold {size / 1e9:.1f} GB for one of them, but is bounded to "
                f"{self.bound_bytes / 1e9:.1f} GB; set {BOUND_GB} to a larger number."
            )
        temporary = self.folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
        try:
            self._reserve(size)
            with open(temporary, "xb") as file:
                file.writelines(pieces)
            os.replace(temporary, self.folder / name)
        except OSError as error:
            raise AudiotagError(
                f"{disk_problem(error)} Remote sounds are fetched into that folder; {PLACE} names another one.",
                may_pass=True,
            ) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _reserve(self, size: int) -> None:
        """Count a file that is about to be written, and delete others where it does not fit beside them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        counter = self.folder / ".bytes"
        with locked(counter):
            try:
                used = int(counter.read_bytes())
            except (OSError, ValueError):  # the first file, or a damaged count
                used = self._make_space(0)
            if used + size > self.bound_bytes:
                used = self._make_space(size)
            counter.write_bytes(b"%d" % (used + size))

    def _make_space(self, size: int) -> int:
        """Delete what was not used for the longest time until there is space; the bytes of all files that are left."""
        files, now = [], time.time()
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(OSError):  # another process was first
                    stat = entry.stat()
                    if entry.name.startswith(_TEMPORARY) and now - stat.st_mtime > ABANDONED_S:
                        os.unlink(entry.path)
                    elif not entry.name.startswith(".") or entry.name.startswith(_TEMPORARY):
                        files.append((stat.st_atime_ns, stat.st_size, entry))
        used = sum(bytes_ for _, bytes_, _ in files)
        if used + size <= self.bound_bytes:
            return used
        for _, bytes_, entry in sorted(files, key=lambda file: file[0]):
            if used + size <= KEPT_SHARE * self.bound_bytes:
                break
            if not entry.name.startswith(_TEMPORARY) and _delete_unused(entry.path):
                used -= bytes_
        return used


def cache_of_this_machine() -> Cache:
    """The cache that the environment asks for.

    Raises
    ------
    AudiotagError
        If its bound is not a number of gigabytes.
    """
    place, text = os.environ.get(PLACE), os.environ.get(BOUND_GB, str(DEFAULT_GB))
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = 0.0
    if not MIN_GB <= gigabytes < float("inf"):
        raise AudiotagError(f"{BOUND_GB} must be a number of gigabytes, at least {MIN_GB:g}, got {text!r}.")
    folder = Path(place).expanduser().absolute() if place else Workspace().root / "remote-cache"
    return Cache(folder, int(gigabytes * 1e9))


def _lock_for_reading(path: Path) -> int | None:
    """An open descriptor whose lock keeps a file from being deleted; None if there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    if sys.platform != "win32":  # which deletes no file that is open
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        if not os.fstat(descriptor).st_nlink:  # deleted before it was locked
            os.close(descriptor)
            return None
    return descriptor


def _delete_unused(path: str) -> bool:
    """Delete a file unless it is being read."""
    try:
        if sys.platform == "win32":
            os.unlink(path)
            return True
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True
