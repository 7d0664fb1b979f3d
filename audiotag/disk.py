"""Live with the disk: locks around changes, files that are optional, and sentences for what a disk refuses."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from audiotag.errors import AudiotagError, require_path
from audiotag.reasons import plain_reason
from audiotag.state import say

LOCK_WAIT_S = 30.0
READ_SOON_BYTES = 2**24  # 95 s of 16-bit stereo at 44.1 kHz
FULL = {errno.ENOSPC, errno.EFBIG}
QUOTA = {getattr(errno, "EDQUOT", errno.ENOSPC)} - FULL
READ_ONLY = {errno.EROFS}
FORBIDDEN = {errno.EACCES, errno.EPERM}
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # a drive of Windows has one letter
ELSEWHERE = "choose another place, or another workspace with AUDIOTAG_HOME"


@contextmanager
def locked(path: Path, wait_s: float = LOCK_WAIT_S, refusal: str = "") -> Iterator[None]:
    """Hold the lock of a file while it is read, changed and written again; other processes and threads wait.

    The lock is the hidden file ``.NAME.lock`` beside it; the system frees it when the process ends. Where no such file
    can be made, nothing can be written either, so the block runs without a lock.

    Parameters
    ----------
    path : Path
    wait_s : float
        How long to wait for the others; negative to wait without end.
    refusal : str
        The text of the error; by default it names the file.

    Raises
    ------
    AudiotagError
        If they take longer.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=wait_s)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        refusal = refusal or f"another audiotag has been changing {path} for {wait_s:.0f} s; try again."
        raise AudiotagError(refusal) from None
    except (OSError, NotImplementedError):  # a read-only or full disk, or one that has no locks
        pass
    try:
        yield
    finally:
        lock.release()


@contextmanager
def optional_write(consequence: str) -> Iterator[None]:
    """Do without a file that only saves time: that it cannot be written is said once, and nothing else happens.

    Parameters
    ----------
    consequence : str
        Ends the sentence: ``"the headers are read again next time"``.
    """
    try:
        yield
    except OSError as error:
        say(f"{disk_problem(error)} Until then {consequence}.", once=True)


def expanded(path: str | Path) -> Path:
    """A path with the home folder in place of ``~``.

    Raises
    ------
    AudiotagError
        If it begins with the ``~`` of a user who does not exist, has NUL characters, or is an address of the web.
    """
    require_path(path)
    if ADDRESS.match(str(path)) and not os.path.exists(path):
        raise AudiotagError(f"{path} is an address, not a path; download the file and give its path.")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise AudiotagError(f"{path} names a user that does not exist on this machine; give the whole path.") from error


def read_soon(path: Path) -> None:
    """Ask the system to read the start of a file into its cache in the background; whatever is wrong with it, nothing.

    Disks are faster with several requests at once. Windows and macOS have no such request.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    with suppress(OSError, ValueError):
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a named pipe would wait for its writer
        try:
            os.posix_fadvise(file, 0, READ_SOON_BYTES, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(file)


def modified_ns(stat: os.stat_result) -> int:
    """When a file was changed last, in ns since 1970, as a number that fits into the 64 bits of a table's column.

    A file system can hold times from before 1678 and after 2261, which do not fit: they are folded into the range, so
    that another time is still another number. It is never 0, which means that there is no file.

    >>> modified_ns(os.stat(os.curdir)) == os.stat(os.curdir).st_mtime_ns
    True
    """
    return (stat.st_mtime_ns + 2**63) % 2**64 - 2**63 or 1


@contextmanager
def name_in_errors(path: Path, instead_of: Path | None = None) -> Iterator[None]:
    """Put a path into each `OSError` that is raised inside and names no file, or a temporary one, ``instead_of``."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or str(error.filename) == str(instead_of)):
            error.filename = str(path)
        raise


def disk_problem(error: OSError) -> str:
    """A sentence for what the system refuses: the path, the reason and the fix.

    >>> disk_problem(OSError(errno.ENOSPC, "No space left on device", "/data/a.csv"))
    '/data/a.csv cannot be written: the disk is full; free some space and try again.'
    """
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else error.filename or "a file"
    if error.errno in FULL:
        return f"{path} cannot be written: the disk is full; free some space and try again."
    if error.errno in QUOTA:
        return f"{path} cannot be written: your share of the disk is used up; delete some files and try again."
    if error.errno in READ_ONLY:
        return f"{path} cannot be written: the disk is read-only; {ELSEWHERE}."
    if error.errno in FORBIDDEN:
        return f"{path} cannot be used: permission denied; change its permissions, or {ELSEWHERE}."
    if error.errno is None and error.filename is None:
        return f"the system refuses: {plain_reason(error)}."
    if error.errno == errno.ENOENT:
        return f"{path} does not exist; check the path."
    return f"{path} cannot be used: {plain_reason(error).lower()}; choose another place."
