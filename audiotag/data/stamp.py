"""A stamp that changes whenever a dataset has to be read again; caches of its contents compare stamps."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from audiotag.data.sound_paths import is_folder, is_system_folder
from audiotag.data.table_files import TABLE_FOLDERS, TABLE_SUFFIXES

FIRST_ENTRIES = 20  # of a folder: where none of them is a table or a folder, it holds sounds only
MAX_DEPTH = 4  # data/train/dog/session 1
MAX_FOLDERS = 5_000
MAX_TABLES = 1_000  # in one folder: of a text file per sound, not each is looked at
SETTLED_NS = 5 * 10**9  # a folder that has changed since is listed again at the next question


def dataset_stamp(root: Path) -> tuple[tuple[str, int], ...]:
    """When the tables and folders of a dataset changed last, as (path, time in ns), sorted by path.

    The modification time of a folder changes when a file in it is added, removed or renamed, so of a folder of sounds
    only the first entries are listed, and no sound file is looked at. This makes it cheap enough for pages that ask at
    every click. A sound file that is overwritten in place does not change the stamp.

    Looked at are the path itself, and the tables and folders below the dataset's folder, down to `MAX_DEPTH` levels.
    The dataset's folder of a table is the one that the table is in; that of a folder of tables is its parent, because
    the sounds are there.

    Parameters
    ----------
    root : Path
        The dataset's folder, table or sound, as `audiotag.data.dataset.Dataset.root`; the stamp of one that does not
        exist is empty.
    """
    changes: dict[str, int] = {}
    for path in _watched_paths(root):
        try:
            changes[path] = os.stat(path).st_mtime_ns
        except OSError:  # removed since it was listed: that changed the time of its folder
            continue
    return tuple(sorted(changes.items()))


def _watched_paths(root: Path) -> Iterator[str]:
    yield str(root)
    folder = root if root.is_dir() else root.parent if root.is_file() else None
    if folder is None:
        return
    if _holds_tables(folder.name):
        folder = folder.parent
    yield str(folder)
    level, watched = [str(folder)], 0
    for depth in range(MAX_DEPTH):
        deeper: list[str] = []
        for path in level:
            for inside, is_one in _tables_and_folders(path, is_whole=depth == 0):
                yield inside
                if is_one:
                    deeper.append(inside)
        watched += len(level)
        level = deeper[: max(0, MAX_FOLDERS - watched)]


def _holds_tables(name: str) -> bool:
    """Whether a folder of this name has the tables of its parent: ESC-50 has ``meta``, FSDKaggle2019 ``*.meta``."""
    return name.lower() in TABLE_FOLDERS or name.endswith((".meta", ".metadata", ".ground_truth"))


def _tables_and_folders(folder: str, is_whole: bool) -> list[tuple[str, bool]]:
    """Paths of the tables and subfolders in a folder, and whether each is a folder; empty if it cannot be listed.

    Unless ``is_whole``, a folder is listed to its end only if a table or a folder is among its first entries. The list
    of a folder is remembered until the folder's time changes: a page asks several times, and listing 25,000 sounds
    takes 20 ms.
    """
    try:
        changed_ns = os.stat(folder).st_mtime_ns
        known = _known.get((folder, is_whole))
        if known and known.changed_ns == changed_ns:
            return known.found
        with os.scandir(folder) as entries:
            found, has_links = _watched(itertools.islice(entries, None if is_whole else FIRST_ENTRIES))
            if found and not is_whole:
                more, more_links = _watched(entries)
                found, has_links = found + more, has_links or more_links
    except OSError:
        return []
    # What a link leads to may become a folder, and a second change in the same tick of the clock has the same time.
    if not has_links and time.time_ns() - changed_ns > SETTLED_NS:
        if len(_known) >= MAX_FOLDERS:
            _known.clear()
        _known[folder, is_whole] = _Listing(changed_ns, found)
    return found


class _Listing(NamedTuple):
    changed_ns: int  # when the folder changed last
    found: list[tuple[str, bool]]


_known: dict[tuple[str, bool], _Listing] = {}


def _watched(entries: Iterator[os.DirEntry[str]]) -> tuple[list[tuple[str, bool]], bool]:
    """As `_tables_and_folders`, and whether a link is among the entries."""
    found: list[tuple[str, bool]] = []
    tables = 0
    has_links = False
    for entry in entries:
        has_links = has_links or entry.is_symlink()
        if is_folder(entry):
            if not is_system_folder(entry.name):
                found.append((entry.path, True))
        elif tables < MAX_TABLES and entry.name.lower().endswith(TABLE_SUFFIXES):
            found.append((entry.path, False))
            tables += 1
    return found, has_links
