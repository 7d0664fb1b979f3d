"""List a folder for people who look for a dataset: its subfolders and tables, and how many sounds are below each.

No file is opened. Sounds are counted up to a bound, so that a folder of millions is listed at once, and each folder is
counted once, so that links which lead in a circle end.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from audiotag.audio.opening import SUFFIXES
from audiotag.data.sound_paths import is_folder, is_system_folder
from audiotag.data.table_files import FOLDER_SUFFIXES
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason

MAX_LISTED = 20_000  # entries of the folder itself
MAX_COUNTED = 20_000  # files and folders that are looked at for one listing
MAX_COUNTED_PER_FOLDER = 3_000


@dataclass(frozen=True)
class SoundCount:
    """How many sounds are below a folder, at any depth.

    Attributes
    ----------
    sounds : int
        Files with the suffix of a sound, without those in hidden and system folders.
    looked_at : int
        Files and folders that were looked at.
    is_complete : bool
        Whether everything was looked at; otherwise there may be more sounds.
    problem : str
        Why the folder cannot be listed, in a few words; empty otherwise.
    """

    sounds: int
    looked_at: int = 0
    is_complete: bool = True
    problem: str = ""


@dataclass(frozen=True)
class Subfolder:
    """A folder in a listing, with the number of sounds below it."""

    path: Path
    count: SoundCount


@dataclass(frozen=True)
class Table:
    """A table in a listing: a file that may list clips and their labels."""

    path: Path
    size_bytes: int


@dataclass(frozen=True)
class Listing:
    """What is in a folder.

    Attributes
    ----------
    folder : Path
    folders : tuple[Subfolder, ...]
        By name.
    tables : tuple[Table, ...]
        By name.
    sounds : int
        Sounds directly in the folder.
    hidden : int
        Hidden and system folders and hidden tables that are not listed.
    is_complete : bool
        Whether all of the folder and everything below it was looked at.
    """

    folder: Path
    folders: tuple[Subfolder, ...]
    tables: tuple[Table, ...]
    sounds: int
    hidden: int
    is_complete: bool

    @property
    def all_sounds(self) -> int:
        """Sounds in the folder and below it, as far as they were counted."""
        return self.sounds + sum(subfolder.count.sounds for subfolder in self.folders)


def list_folder(folder: Path, show_hidden: bool = False) -> Listing:
    """List a folder.

    Parameters
    ----------
    folder : Path
    show_hidden : bool
        Whether hidden and system folders are listed too.

    Raises
    ------
    AudiotagError
        If the folder cannot be listed; says why.
    """
    try:
        with os.scandir(folder) as found:
            entries = list(itertools.islice(found, MAX_LISTED + 1))
    except OSError as error:
        raise AudiotagError(f"{folder} cannot be opened: {_reason(error)}; choose another folder.") from error
    folders: list[Path] = []
    tables: list[Table] = []
    sounds = hidden = 0
    for entry in sorted(entries[:MAX_LISTED], key=lambda entry: (entry.name.lower(), entry.name)):
        name = entry.name.lower()
        if not is_folder(entry):
            sounds += name.endswith(SUFFIXES) and not name.startswith(".")
            if not name.endswith(FOLDER_SUFFIXES):
                continue
        if is_system_folder(entry.name) and not show_hidden:
            hidden += 1
        elif is_folder(entry):
            folders.append(Path(entry.path))
        elif (size := _size(entry)) is not None:
            tables.append(Table(Path(entry.path), size))
    counted, left = [], MAX_COUNTED
    for path in folders:
        count = count_sounds(path, min(left, MAX_COUNTED_PER_FOLDER))
        left -= count.looked_at
        counted.append(Subfolder(path, count))
    is_complete = len(entries) <= MAX_LISTED and all(subfolder.count.is_complete for subfolder in counted)
    return Listing(folder, tuple(counted), tuple(tables), sounds, hidden, is_complete)


def count_sounds(folder: Path, most: int = MAX_COUNTED_PER_FOLDER) -> SoundCount:
    """Count the sounds below a folder, those next to it first.

    Parameters
    ----------
    folder : Path
    most : int
        Files and folders that are looked at.
    """
    waiting, seen = deque([os.fspath(folder)]), set[tuple[int, int]]()
    sounds = looked_at = 0
    is_first = True
    while waiting:
        path = waiting.popleft()
        try:
            stat = os.stat(path)
            if (stat.st_dev, stat.st_ino) in seen:
                continue
            seen.add((stat.st_dev, stat.st_ino))
            with os.scandir(path) as entries:
                for entry in entries:
                    if looked_at >= most:
                        return SoundCount(sounds, looked_at, is_complete=False)
                    looked_at += 1
                    if is_system_folder(entry.name):
                        continue
                    if is_folder(entry):
                        waiting.append(entry.path)
                    else:
                        sounds += entry.name.lower().endswith(SUFFIXES)
        except OSError as error:
            if is_first:
                return SoundCount(0, problem=_reason(error))
        is_first = False
    return SoundCount(sounds, looked_at)


def _size(entry: os.DirEntry[str]) -> int | None:
    """The size of a file in bytes; None for anything else, as a pipe or a link to nothing."""
    try:
        return entry.stat().st_size if entry.is_file() else None
    except OSError:
        return None


def _reason(error: OSError) -> str:
    """Why a folder cannot be listed, in a few words."""
    known = {
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
        errno.ENOENT: "it does not exist any more",
        errno.ENOTDIR: "it is not a folder",
        errno.ELOOP: "its links lead in a circle",
    }
    return known.get(error.errno or 0, plain_reason(error).lower())
