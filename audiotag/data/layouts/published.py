"""What the layouts of published datasets share: finding the folder of a release, and the sounds and lists in it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import ClassVar

import pandas as pd

from audiotag.data.dataset import Dataset, Problem
from audiotag.data.layouts.annotated import header_cells
from audiotag.data.layouts.base import NO_COLUMN, Layout, OpenOptions
from audiotag.data.layouts.known_tables import OPTION_OF_ROLE
from audiotag.data.layouts.reading import Findings, build_dataset
from audiotag.data.sound_paths import is_system_folder
from audiotag.data.tables import sound_names
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason

MAX_SAMPLE = 1000


class PublishedLayout(Layout):
    """A dataset that was published as a folder with known files in it; base of one class per dataset.

    Attributes
    ----------
    name : str
        Name of the dataset; by default that of the release's folder.
    mark : str
        What every such release has, for the message about a folder that has it not.
    parts : frozenset[str]
        Names of its tables and folders: given one of these, the release that it belongs to is opened.
    """

    name: ClassVar[str] = ""
    mark: ClassVar[str] = ""
    parts: ClassVar[frozenset[str]] = frozenset()

    def is_release(self, folder: Path) -> bool:
        """Whether a folder, which may not exist, is the root of such a release."""
        raise NotImplementedError

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """The `clip_table` of each part of the release; readings and what is wrong are added to ``findings``."""
        raise NotImplementedError

    def recognises(self, path: Path) -> bool:
        """Whether the path is the root of a release, a part of it, or a folder with nothing else in it."""
        return self._root_of(path) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the release that the path is, belongs to, or holds."""
        root = self._root_of(path)
        if root is None:
            raise AudiotagError(f"{path} has no {self.mark}; choose another layout.")
        findings = Findings()
        clips = self.read(root, options, findings)
        _require_chosen_columns(options, findings)
        return replace(build_dataset(path, clips, findings), name=self.name or root.name)

    def _root_of(self, path: Path) -> Path | None:
        folder = path
        while not self.is_release(folder):
            if folder.name not in self.parts:
                inner = visible_folders(path)
                return inner[0] if len(inner) == 1 and self.is_release(inner[0]) else None
            folder = folder.parent
        return folder


def _require_chosen_columns(options: OpenOptions, findings: Findings) -> None:
    """Raise `AudiotagError` if the options name a column that none of the tables has."""
    for role, option in OPTION_OF_ROLE.items():
        chosen = getattr(options, option)
        if chosen and chosen != NO_COLUMN and not any(role in reading.roles for reading in findings.readings):
            columns = dict.fromkeys(column for reading in findings.readings for column in reading.columns)
            raise AudiotagError(
                f"the column of {role} must be one of {', '.join(columns)}, got {chosen}; leave it out to have "
                "the one that is right for this dataset."
            )


def visible_folders(path: Path) -> list[Path]:
    """The folders in a folder, sorted, without hidden ones and those of operating systems; empty for a file."""
    if not path.is_dir():
        return []
    with os.scandir(path) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and not is_system_folder(entry.name)]
    return [path / name for name in sorted(names)]


def sounds_in(folder: Path, depth: int, findings: Findings) -> list[str]:
    """The sounds in a folder and up to ``depth`` folders deeper, as paths relative to it, sorted.

    Folders that cannot be listed are named among the findings.
    """
    return sorted(_find_sounds(folder, depth, findings))


def some_sounds(folder: Path, depth: int) -> list[str]:
    """The first thousand or fewer of `sounds_in`, in no order: enough to see how they are named."""
    return list(islice(_find_sounds(folder, depth, Findings()), MAX_SAMPLE))


def _find_sounds(folder: Path, depth: int, findings: Findings, below: str = "") -> Iterator[str]:
    inner = []
    try:
        with os.scandir(folder / below) as entries:
            for entry in entries:
                if entry.is_dir():
                    inner += [] if is_system_folder(entry.name) else [f"{below}{entry.name}/"]
                elif sound_names([entry.name]):
                    yield f"{below}{entry.name}"
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        reason = f"{plain_reason(error)}; the sounds in it are left out."
        findings.missing.append(f"{below or folder} cannot be listed: {reason}")
    if depth:
        for name in sorted(inner):
            yield from _find_sounds(folder, depth - 1, findings, name)


def first_folder(root: Path, *names: str) -> Path:
    """The first of these folders of a release that is there, else the first of all."""
    return next((root / name for name in names if (root / name).is_dir()), root / names[0])


def first_file(*places: Path) -> Path:
    """The first of these files that is there, else the first of all."""
    return next((place for place in places if place.is_file()), places[0])


def audio_of(root: Path) -> Path:
    """The folder ``audio`` of a release, or the release's folder if it has none."""
    return root / "audio" if (root / "audio").is_dir() else root


def has_table(table: Path, root: Path, clips: str, findings: Findings) -> bool:
    """Whether a table of a release is there; if not, a sentence among the findings says which clips that costs."""
    if table.is_file():
        return True
    findings.missing.append(f"{table.relative_to(root).as_posix()} is not there: the {clips} clips are left out.")
    return False


def header_of(table: Path) -> set[str]:
    """The column names of a text table; empty if there is no such table."""
    return set(header_cells(table))


def lines_of(file: Path) -> list[str]:
    """The lines of a list of clips that are not empty, their paths with slashes."""
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    lines = (line.strip().replace("\\", "/").removeprefix("./") for line in text.splitlines())
    return [line for line in lines if line]


def read_split_lists(lists: dict[str, Path], clips: Collection[str], findings: Findings) -> dict[str, str]:
    """The splits of clips that are listed in text files, one clip per line.

    Parameters
    ----------
    lists : dict[str, Path]
        The file of each split; one that is missing is named among the findings.
    clips : collection of str
        The clips that are there; others in the lists are problems.
    findings : Findings

    Returns
    -------
    dict[str, str]
        The split of each listed clip.
    """
    splits = {}
    for split, file in lists.items():
        if not file.is_file():
            findings.missing.append(f"{file.name} is not there: which clips are for {split} is not known.")
            continue
        for clip in lines_of(file):
            if clip in clips:
                splits[clip] = split
            else:
                reason = f"{clip} is listed in {file.name} but is not in {file.parent}; it is left out."
                findings.problems.append(Problem(clip, reason, "missing"))
    return splits
