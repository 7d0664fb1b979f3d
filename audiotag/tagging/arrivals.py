"""Find the sounds that arrive in a folder and the folders below it, and tell which of them are complete.

The folder is listed again and again, which works on network shares too, where the system reports no changes. Between
complete rounds only folders are listed in which a file was added, renamed or removed lately; complete rounds find files
that were written over in place. All rounds together take at most a small share of the time, however many files there
are.

Whether a file is complete is judged by its size and time of change alone: both must have stayed the same for some
seconds. This holds for files that are written slowly and for files that are renamed into the folder. Hidden files,
temporary names and links to folders are passed over.
"""

from __future__ import annotations

import os
import re
import stat as stat_modes
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from audiotag.audio.opening import SUFFIXES
from audiotag.reasons import plain_reason
from audiotag.tagging.sound_files import SoundFile
from audiotag.wording import as_text

# Names of files that a program renames once they are whole, although they end like a sound: "take.part.wav".
TEMPORARY_NAME = re.compile(r"[.~].*|.*\.(tmp|temp|part|partial)\.\w+", re.IGNORECASE | re.DOTALL)
REST_PER_WORK = 20  # seconds between complete rounds, per second that the last one took
RECENT_S = 3.0  # a folder is listed again this long after a change: some file systems count time in steps of 2 s
MAX_WAITING = 10_000  # files that are remembered until they are complete; further ones are found in a later round


class Arrival(NamedTuple):
    """A complete file, and what the system said about it when it was found to be complete."""

    file: SoundFile
    stat: os.stat_result


class _Waiting(NamedTuple):
    file: SoundFile
    stat: os.stat_result
    since: float  # when the file was first seen like this, by the clock


class _Folder(NamedTuple):
    modified_ns: int
    since: float  # when this time of change was first seen, by the clock
    folders: tuple[str, ...]


class Arrivals:
    """The files of a folder that are not tagged yet.

    Parameters
    ----------
    folder : Path
    settle_s : float
        How long size and time of a file must stay the same, in seconds, 0 or more.
    is_done : callable
        Whether a file is tagged as it is now.
    say : callable
        Gets a sentence about a folder that cannot be read; once, until it can be read again.
    clock : callable
        Seconds that never go back.
    """

    def __init__(
        self,
        folder: Path,
        settle_s: float,
        is_done: Callable[[SoundFile, os.stat_result], bool],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root, self._settle_s, self._is_done, self._say, self._clock = folder, settle_s, is_done, say, clock
        self._waiting: dict[str, _Waiting] = {}
        self._folders: dict[str, _Folder] = {}
        self._unreadable: set[str] = set()  # folders that cannot be listed
        self._unreadable_files: set[str] = set()  # folders with files that cannot be looked at
        self.has_seen_all = False
        self._next_complete = -float("inf")
        self.look_s = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_readable(self) -> bool:
        """Whether the folder itself could be listed in the last round."""
        return str(self._root) not in self._unreadable

    @property
    def unreadable(self) -> int:
        """Number of folders that cannot be read, or have files that cannot be."""
        return len(self._unreadable | self._unreadable_files)

    def waiting(self) -> Iterator[str]:
        """Names of the files that are not complete yet, in tables."""
        return (waiting.file.clip for waiting in self._waiting.values())

    def look(self) -> None:
        """Look which files there are now.

        Afterwards ``look_s`` is how long that took, in seconds, and ``has_seen_all`` whether it was a complete round.
        """
        began = self._clock()
        self._look_at_waiting(began)
        is_complete = began >= self._next_complete
        before, kept = self._folders, dict[str, _Folder]()
        todo, visited = [""], set[str]()  # names relative to the folder, and paths
        while todo and len(self._waiting) < MAX_WAITING:
            name = todo.pop()
            visited.add(self._path(name))
            if found := self._look_into(name, began, None if is_complete else before.get(name)):
                kept[name] = found
                todo += [os.path.join(name, folder) for folder in reversed(found.folders)]
        self._folders = kept
        self.look_s = self._clock() - began
        is_broken_off = bool(todo) or len(self._waiting) >= MAX_WAITING  # perhaps inside the last folder
        self.has_seen_all = is_complete and not is_broken_off
        if is_broken_off:
            self.make_next_complete()
        elif is_complete:
            self._next_complete = began + REST_PER_WORK * self.look_s
            self._unreadable &= visited  # others have been removed
            self._unreadable_files &= visited

    def make_next_complete(self) -> None:
        """Make the next round a complete one, in which every folder is listed."""
        self._next_complete = -float("inf")

    def take(self, most: int) -> Iterator[Arrival]:
        """Up to ``most`` complete files; one that has changed meanwhile waits again."""
        now = self._clock()
        ready = (path for path, waiting in self._waiting.items() if now - waiting.since >= self._settle_s)
        for path in list(islice(ready, most)):
            waiting = self._waiting.pop(path)
            if (stat := _stat_of(waiting.file.path)) is None:
                continue
            if is_same(stat, waiting.stat):
                yield Arrival(waiting.file, stat)
            else:
                self._waiting[path] = _Waiting(waiting.file, stat, self._clock())

    def is_unchanged(self, arrival: Arrival) -> bool:
        """Whether a file is still as it was when it was taken; else it waits again, unless it has gone."""
        if (stat := _stat_of(arrival.file.path)) is None:
            return False
        if is_same(stat, arrival.stat):
            return True
        self._waiting[str(arrival.file.path)] = _Waiting(arrival.file, stat, self._clock())
        return False

    def _look_at_waiting(self, now: float) -> None:
        for path, waiting in list(self._waiting.items()):
            if (stat := _stat_of(waiting.file.path)) is None:
                del self._waiting[path]
            elif not is_same(stat, waiting.stat):
                self._waiting[path] = waiting._replace(stat=stat, since=now)

    def _look_into(self, name: str, now: float, before: _Folder | None) -> _Folder | None:
        """List a folder unless it is as ``before``; None if it cannot be read."""
        path = self._path(name)
        try:
            modified_ns = os.stat(path).st_mtime_ns
            is_same_time = before is not None and before.modified_ns == modified_ns
            if before and is_same_time and now - before.since > RECENT_S:
                return before
            with os.scandir(path) as entries:
                found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            self._say_unreadable(path, name, error)
            return None
        if path in self._unreadable:
            self._unreadable.remove(path)
            self._say(f"{as_text(path)} can be read again.")
        refused: list[tuple[str, OSError]] = []
        for child, is_folder in found:
            if not is_folder and child.lower().endswith(SUFFIXES) and not TEMPORARY_NAME.fullmatch(child):
                try:
                    self._look_at(os.path.join(path, child), os.path.join(name, child), now)
                except OSError as error:
                    refused.append((os.path.join(path, child), error))
            if len(self._waiting) >= MAX_WAITING:
                break
        self._say_unreadable_files(path, refused)
        since = before.since if before and is_same_time else now
        return _Folder(modified_ns, since, tuple(child for child, is_folder in found if is_folder and child[0] != "."))

    def _look_at(self, path: str, clip: str, now: float) -> None:
        if path in self._waiting or (stat := _stat_or_raise(path)) is None:
            return
        file = SoundFile(Path(path), clip)
        if not self._is_done(file, stat):
            self._waiting[path] = _Waiting(file, stat, now)

    def _say_unreadable(self, path: str, name: str, error: OSError) -> None:
        if name and isinstance(error, FileNotFoundError):  # removed while the round goes on
            return
        if path not in self._unreadable:
            self._unreadable.add(path)
            self._say(f"{as_text(path)} cannot be read: {plain_reason(error)}. It is tried again.")

    def _say_unreadable_files(self, folder: str, refused: list[tuple[str, OSError]]) -> None:
        if not refused:
            self._unreadable_files.discard(folder)
        elif folder not in self._unreadable_files:
            self._unreadable_files.add(folder)
            path, error = refused[0]
            more = f" ({len(refused):,} files of this folder cannot be read)" if refused[1:] else ""
            self._say(f"{as_text(path)} cannot be read: {plain_reason(error)}{more}. It is tried again.")

    def _path(self, name: str) -> str:
        return os.path.join(self._root, name) if name else str(self._root)


def is_same(stat: os.stat_result, other: os.stat_result) -> bool:
    """Whether a file has not changed between two looks at it."""
    return (stat.st_size, stat.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _stat_of(path: str | Path) -> os.stat_result | None:
    """As `_stat_or_raise`; None also if the system refuses: the next complete round says so, or finds the file."""
    try:
        return _stat_or_raise(path)
    except OSError:
        return None


def _stat_or_raise(path: str | Path) -> os.stat_result | None:
    """What the system says about a file; None if it is gone, a broken link, or something other than a file."""
    try:
        stat = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat if stat_modes.S_ISREG(stat.st_mode) else None
