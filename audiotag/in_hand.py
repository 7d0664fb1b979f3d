"""Note on disk which files a process is decoding, so that the next process knows what a crash was caused by.

A decoder in native code can end the whole process. The files that it had in hand then are suspects: the process that
continues the work decodes them in a process of their own, so a second crash costs that file alone. A kill from outside
makes suspects too, which is harmless: what is decoded stays the same.

The notes are a file of slots, one per file, each a path that ends with a zero byte. Writing one takes a few
microseconds and survives the end of the process, though not that of the machine.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from audiotag.workspace import write_bytes

SLOT_BYTES = 4096  # a longer path is not noted
MAX_NAMED = 4
_IN_HAND, _SUSPECT = b"+", b"-"  # how a slot begins


class _Notes:
    """The open file of notes of this process; its first slots hold the suspects."""

    def __init__(self, path: Path, suspects: Iterable[bytes]) -> None:
        self.path = path
        slots = [(_SUSPECT + suspect).ljust(SLOT_BYTES, b"\0") for suspect in sorted(suspects)]
        write_bytes(path, b"".join(slots))  # in one step: a kill must not lose suspects
        self._file = path.open("r+b", buffering=0)
        self._lock = threading.Lock()
        self._free: list[int] = []
        self._slots = len(slots)

    def begin(self, key: bytes) -> int:
        """Note a file; returns its slot."""
        with self._lock:
            if not self._free:
                self._free.append(self._slots)
                self._slots += 1
            slot = self._free.pop()
            self._write(slot, _IN_HAND + key + b"\0")
            return slot

    def end(self, slot: int) -> None:
        """The file of this slot is not in hand any more."""
        with self._lock:
            self._write(slot, b"\0")
            self._free.append(slot)

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _write(self, slot: int, content: bytes) -> None:
        with suppress(OSError, ValueError):  # a full disk, or closed while a thread still decodes
            self._file.seek(slot * SLOT_BYTES)
            self._file.write(content)


@contextmanager
def noting(path: Path, more: Iterable[Path] = (), keep_suspects: bool = False) -> Iterator[list[Path]]:
    """Note the files that this process decodes in the ``with`` block; gives the suspects.

    Parameters
    ----------
    path : Path
        The file for the notes. What it holds from an earlier process are suspects.
    more : iterable of Path
        Notes of other processes with suspects.
    keep_suspects : bool
        Whether they stay when the block ends without an error; by default the work is then done.
    """
    suspects = {key for each in (path, *more) for key in _read(each)}
    _process.suspects |= suspects
    with suppress(OSError):  # a folder that cannot be written to: nothing is noted
        _process.notes = _Notes(path, suspects)
    is_done = False
    try:
        yield [Path(os.fsdecode(key)) for key in sorted(suspects)]
        is_done = True
    finally:
        if _process.notes:
            _process.notes.close()
        _process.notes = None
        _process.suspects -= suspects
        if (is_done and not keep_suspects) or not _read(path):
            with suppress(OSError):
                path.unlink()


@contextmanager
def noting_alone(path: Path) -> Iterator[list[Path]]:
    """As `noting`, unless another process is using these notes: then nothing is noted, and there are no suspects.

    Parameters
    ----------
    path : Path
        The file for the notes; beside it the lock ``.NAME.lock`` lies as long as the ``with`` block lasts.
    """
    from filelock import FileLock, Timeout

    lock_path = path.with_name(f".{path.name}.lock")
    lock = FileLock(lock_path)
    try:
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        yield []
        return
    except (OSError, NotImplementedError):  # where no lock can be made nothing can be noted either, as a rule
        pass
    try:
        with noting(path) as suspects:
            yield suspects
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows keeps a file that is open
                lock_path.unlink()
        lock.release()


@contextmanager
def hold(source: Path | bytes) -> Iterator[bool]:
    """Note a file as long as the ``with`` block lasts; gives whether it is a suspect, to be decoded in isolation."""
    notes = _process.notes
    if not isinstance(source, Path) or not (notes or _process.suspects):
        yield False
        return
    key = _key(source)
    if notes is None or key in _process.suspects or len(key) > SLOT_BYTES - 2:
        yield key in _process.suspects
        return
    slot = notes.begin(key)
    try:
        yield False
    finally:
        notes.end(slot)


def suspect(path: Path) -> None:
    """Have this process decode a file in isolation from now on."""
    _process.suspects |= {_key(path)}


def is_suspect(path: Path) -> bool:
    """Whether a file was in hand when an earlier process died."""
    return bool(_process.suspects) and _key(path) in _process.suspects


def suspects_sentence(suspects: list[Path]) -> str:
    """Say that a command begins with suspects."""
    return f"An earlier command ended while it read {named(suspects)}. Each is now read in a process of its own."


def named(files: list[Path]) -> str:
    """Some of the files, as text that can be printed and shown."""
    more = f" and {len(files) - MAX_NAMED:,} more" if len(files) > MAX_NAMED else ""
    return (", ".join(map(str, files[:MAX_NAMED])) + more).encode(errors="backslashreplace").decode()


def files_in(path: Path) -> list[Path]:
    """The files that the process of these notes has in hand, or had when it died."""
    return [Path(os.fsdecode(key)) for key in _read(path, (_IN_HAND,))]


def _read(path: Path, kinds: tuple[bytes, ...] = (_IN_HAND, _SUSPECT)) -> list[bytes]:
    try:
        content = path.read_bytes()
    except OSError:  # none yet
        return []
    slots = (content[at : at + SLOT_BYTES].partition(b"\0")[0] for at in range(0, len(content), SLOT_BYTES))
    return [slot[1:] for slot in slots if slot[:1] in kinds]


def _key(path: Path) -> bytes:
    return os.fsencode(os.path.abspath(path))


class _Process:
    """What this process notes; a crash ends all of it, so there is one of these."""

    notes: _Notes | None = None
    suspects: frozenset[bytes] = frozenset()


_process = _Process()
