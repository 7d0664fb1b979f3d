"""Find the sounds that paths name: in folders however deep, sorted by name, and with what cannot be tagged.

A million files are listed in little memory: only the folders between the given one and the current file are open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from audiotag.audio.opening import SUFFIXES
from audiotag.reasons import plain_reason
from audiotag.wording import as_text


class SoundFile(NamedTuple):
    """A file to tag.

    Attributes
    ----------
    path : Path
    clip : str
        Its name in tables: the path relative to its folder.
    problem : str
        Why it cannot be tagged, where that is known before it is opened; else empty.
    """

    path: Path
    clip: str
    problem: str = ""


def sound_files(paths: Sequence[Path]) -> Iterator[SoundFile]:
    """The files that paths name: each file as it is, each folder with all sounds in it, sorted by name.

    Hidden files are left out, and links to folders are not followed, so a loop of links ends. A path that is named by
    hand is yielded whatever it is, so that tagging it says what is wrong; so are a broken link, a folder that cannot
    be read, and an empty folder whose name ends like a sound file's.

    Parameters
    ----------
    paths : sequence of Path

    Yields
    ------
    SoundFile
        Its ``clip`` is the path relative to the given folder, or to the common parent of several paths.
    """
    base = _common_folder(paths)
    for path in paths:
        if os.path.isdir(path):  # Path.is_dir raises where it has no permission
            yield from _folder_sounds(path, base)
        else:
            yield SoundFile(path, _clip_name(path, base))


def _common_folder(paths: Sequence[Path]) -> str:
    folders = {os.path.abspath(path if os.path.isdir(path) else path.parent) for path in paths}
    try:
        return os.path.commonpath(folders)
    except ValueError:  # paths on several drives of Windows have no common folder
        return ""


def _clip_name(path: Path, base: str) -> str:
    return os.path.relpath(path, base) if base else path.name


class _OpenFolder:
    """A folder whose sounds are being listed."""

    def __init__(self, path: Path) -> None:
        with os.scandir(path) as entries:
            visible = ((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries if entry.name[0] != ".")
            children = sorted(child for child in visible if child[1] or child[0].lower().endswith(SUFFIXES))
        self.path, self.children, self.is_empty = path, iter(children), True


def _folder_sounds(folder: Path, base: str) -> Iterator[SoundFile]:
    """All sounds below a folder, without recursion: folders may be nested more deeply than Python's stack is."""
    open_folders: list[_OpenFolder] = []
    found = _opened(folder, base, open_folders)
    while True:
        if found:
            for parent in reversed(open_folders):
                if not parent.is_empty:
                    break
                parent.is_empty = False
            yield found
        if not open_folders:
            return
        at = open_folders[-1]
        if child := next(at.children, None):
            path = at.path / child[0]
            found = _opened(path, base, open_folders) if child[1] else SoundFile(path, _clip_name(path, base))
        else:
            open_folders.pop()
            is_named_like_a_sound = at.path != folder and at.path.name.lower().endswith(SUFFIXES)
            found = _empty_folder(at.path, base) if at.is_empty and is_named_like_a_sound else None


def _opened(folder: Path, base: str, open_folders: list[_OpenFolder]) -> SoundFile | None:
    """Put a folder on the stack of open ones; if it cannot be listed, what is yielded in place of its sounds."""
    try:
        open_folders.append(_OpenFolder(folder))
    except OSError as error:
        name = as_text(_clip_name(folder, base))
        return SoundFile(folder, name, f"{name}: the folder cannot be read: {plain_reason(error)}.")
    return None


def _empty_folder(folder: Path, base: str) -> SoundFile:
    clip = as_text(_clip_name(folder, base))
    problem = f"{clip} is a folder without sounds whose name ends like a sound file's; rename or remove it."
    return SoundFile(folder, clip, problem)
