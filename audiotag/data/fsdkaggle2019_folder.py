"""Which parts of FSDKaggle2019 a folder has, which are missing, and whether the rest fits on its disk.

Files are counted; only the ends of archives are opened.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from audiotag.data.fsdkaggle2019 import (
    NAME,
    ON_KAGGLE,
    ON_ZENODO,
    Release,
    ReleaseFolder,
    absolute_folder,
    in_gb,
    unreadable_folder,
)
from audiotag.data.tables import sound_names
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason

END_OF_ZIP = b"PK\x05\x06"  # begins the last record of a zip; a truncated one has none (APPNOTE, section 4.3.16)
END_OF_ZIP_BYTES = 22 + 0xFFFF  # at most, with a comment
SPLIT_SLACK_BYTES = 1 << 16  # zip ends a part of a split archive early rather than within a header


@dataclass(frozen=True)
class PartState:
    """How much of a part is in a folder.

    Attributes
    ----------
    part : ReleaseFolder
    found, wanted : int
        Numbers of sound files, or of tables for the part without sounds.
    state : str
        Half a sentence that follows the part's name.
    complete : bool
    needed_bytes : int
        Disk space that the rest of it takes, at most.
    """

    part: ReleaseFolder
    found: int
    wanted: int
    state: str
    complete: bool
    needed_bytes: int


@dataclass(frozen=True)
class FolderState:
    """How much of the dataset is in a folder.

    Attributes
    ----------
    folder : Path
    release : Release
        The release whose layout the folder has.
    rows : tuple[PartState, ...]
        One for each part of the release.
    free_bytes : int
        Free space on the folder's disk.
    """

    folder: Path
    release: Release
    rows: tuple[PartState, ...]
    free_bytes: int

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return all(row.complete for row in self.rows)

    @property
    def needed_bytes(self) -> int:
        """Disk space that is still needed, at most, if no archive is deleted."""
        return sum(row.needed_bytes for row in self.rows)

    @property
    def fits(self) -> bool:
        """Whether the free space is enough."""
        return self.needed_bytes <= self.free_bytes

    @property
    def disk(self) -> str:
        """The needed and the free space, as a sentence."""
        needed = f"At most {in_gb(self.needed_bytes)} more" if self.needed_bytes else "Nothing more"
        fix = "" if self.fits else " Free some space, delete an archive after unpacking it, or choose another disk."
        return f"{needed} is needed, {in_gb(self.free_bytes)} are free where {self.folder} is.{fix}"

    @property
    def sentences(self) -> list[str]:
        """One sentence per part."""
        return [f"{row.part.name}: {row.state}." for row in self.rows]


def check_folder(folder: Path) -> FolderState:
    """Compare a folder with the release that it comes from.

    Parameters
    ----------
    folder : Path
        The folder that holds the parts, or one of the parts; it may not exist yet. It is compared with the release on
        Zenodo unless it has files of the competition.

    Raises
    ------
    AudiotagError
        If the path is not a folder or cannot be read.
    """
    folder, names = _list_folder(folder)
    release = _release_of(names)
    rows = tuple(_state_of(folder, part, release.bundle) for part in release.parts)
    return FolderState(folder, release, rows, _free_bytes(folder))


def _list_folder(folder: Path) -> tuple[Path, set[str]]:
    """The folder that holds the parts, and the names in it; no names if it does not exist."""
    place = absolute_folder(folder)
    if place.name in {part.name for part in ON_ZENODO.parts}:
        place = place.parent
    try:
        return place, set(os.listdir(place))
    except FileNotFoundError:
        return place, set()
    except NotADirectoryError as error:
        raise AudiotagError(f"{place} is not a folder; give the folder where {NAME} is or should be.") from error
    except (OSError, ValueError) as error:  # no permission, or not a path at all
        raise unreadable_folder(folder, error) from error


def _release_of(names: set[str]) -> Release:
    """The release whose layout the names have, by the same rules as the layouts of `audiotag.data.layouts`."""
    if "train_curated.csv" not in names and any(name.startswith(f"{NAME}.") for name in names):
        return ON_ZENODO
    marks = ("train_curated", "train_noisy", ON_KAGGLE.bundle)
    return ON_KAGGLE if any(name.startswith(marks) for name in names) else ON_ZENODO


def _state_of(folder: Path, part: ReleaseFolder, bundle: str) -> PartState:
    lacking = [Path(table).name for table in part.tables if _size_bytes(folder / table) is None]
    try:
        found = len(sound_names(os.listdir(folder / part.name))) if part.clips else part.wanted - len(lacking)
    except (FileNotFoundError, NotADirectoryError):
        found = 0
    except OSError as error:
        return PartState(part, 0, part.wanted, f"cannot be read: {plain_reason(error)}", False, 0)
    unit = "sound files" if part.clips else "tables"
    if found >= part.wanted and not lacking:
        more = f", {found - part.wanted:,} more than it should have" if found > part.wanted else ""
        return PartState(part, found, part.wanted, f"complete ({found:,} {unit}{more})", True, 0)
    remarks = [f"{found:,} of {part.wanted:,} {unit}"] if found else []
    if found and lacking:
        remarks.append(f"{_join_names(lacking)} missing")
    if found < part.wanted:
        remarks += _archive_remarks(folder, part, bundle)
    state = "; ".join(remarks) or "is missing"
    return PartState(part, found, part.wanted, state, False, _needed_bytes(folder, part, bundle, found))


def _archive_remarks(folder: Path, part: ReleaseFolder, bundle: str) -> list[str]:
    """How complete a part's archives are, and what to do next; empty if none of them is there."""
    if part.joined and _is_whole_zip(folder / part.joined):
        return [f"{part.joined} is downloaded; unpack it"]
    sizes = {name: size for name in part.archives if (size := _size_bytes(folder / name)) is not None}
    if not sizes:
        return [f"{bundle} is downloaded; unpack it"] if bundle and _is_whole_zip(folder / bundle) else []
    if lacking := [name for name in part.archives if name not in sizes]:
        return [f"archive{'s' * (len(lacking) > 1)} {_join_names(lacking)} missing"]
    *pieces, last = part.archives
    full_size = max((sizes[name] for name in pieces), default=0)
    incomplete = [name for name in pieces if sizes[name] < full_size - SPLIT_SLACK_BYTES]
    if not _is_whole_zip(folder / last):
        incomplete.append(last)
    if incomplete:
        return [f"archive{'s' * (len(incomplete) > 1)} {_join_names(incomplete)} incomplete; continue the download"]
    return ["all archives are downloaded; join and unpack them" if pieces else "its archive is downloaded; unpack it"]


def _needed_bytes(folder: Path, part: ReleaseFolder, bundle: str, found: int) -> int:
    """Disk space for the missing sounds of a part and, unless they are there, for the archives that contain them."""
    sounds = part.unpacked_bytes * (part.wanted - min(found, part.wanted)) // part.wanted
    if not sounds or (part.joined and _is_whole_zip(folder / part.joined)):
        return sounds
    sizes = [_size_bytes(folder / name) for name in part.archives]
    archives = 0 if None not in sizes else max(0, part.unpacked_bytes - sum(size or 0 for size in sizes))
    bundled = part.unpacked_bytes if bundle and archives and not _is_whole_zip(folder / bundle) else 0
    return sounds + archives + part.joined_bytes + bundled


def _join_names(names: list[str]) -> str:
    """Names with their verb.

    >>> _join_names(["a"]), _join_names(["a", "b", "c"])
    ('a is', 'a, b and c are')
    """
    return f"{names[0]} is" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} are"


def _size_bytes(path: Path) -> int | None:
    """Size of a file; None if it does not exist or is a folder."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _is_whole_zip(path: Path) -> bool:
    """Whether the file ends as a zip does; a truncated zip does not."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - END_OF_ZIP_BYTES))
            return END_OF_ZIP in file.read()
    except OSError:
        return False


def _free_bytes(folder: Path) -> int:
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:  # it does not exist yet, or may not be asked
            continue
    return 0
