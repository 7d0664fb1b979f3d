"""A stamp that changes whenever a dataset has to be read again; caches of its contents compare stamps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from audiotag.data.table_files import TABLE_FOLDERS, TABLE_SUFFIXES


def dataset_stamp(root: Path) -> tuple[tuple[str, int], ...]:
    """When the tables and folders of a dataset changed last, as (path, time in ns), sorted by path.

    The modification time of a folder changes when a file in it is added, removed or renamed, so no folder of sounds
    below the dataset's own has to be listed, and no sound file is looked at. This makes it cheap enough for pages that
    ask at every click. A sound file that is overwritten in place does not change the stamp.

    Looked at are the path itself, and all tables and subfolders in the dataset's folder and in its folders of tables
    (``meta``, ``*.meta`` and others). The dataset's folder of a table is the one that the table is in; that of a folder
    of tables is its parent, because the sounds are there.

    Parameters
    ----------
    root : Path
        The dataset's folder or table, as `audiotag.data.dataset.Dataset.root`; the stamp of one that does not exist is
        empty.
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
    for path, is_folder in _tables_and_folders(folder):
        yield path
        if is_folder and _holds_tables(os.path.basename(path)):
            yield from (inside for inside, _ in _tables_and_folders(Path(path)))


def _holds_tables(name: str) -> bool:
    """Whether a folder of this name has the tables of its parent: ESC-50 has ``meta``, FSDKaggle2019 ``*.meta``."""
    return name.lower() in TABLE_FOLDERS or name.endswith(".meta")


def _tables_and_folders(folder: Path) -> list[tuple[str, bool]]:
    """Paths of the tables and subfolders in a folder, and whether each is a folder; empty if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return [
                (entry.path, entry.is_dir())
                for entry in entries
                if entry.is_dir() or entry.name.lower().endswith(TABLE_SUFFIXES)
            ]
    except OSError:
        return []
