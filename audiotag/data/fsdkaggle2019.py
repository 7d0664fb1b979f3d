"""FSDKaggle2019: the commands that fetch it, what of it is still missing in a folder, and the disk that it takes.

Fonseca, Plakal, Font, Ellis, Serra, "Audio tagging with noisy labels and minimal supervision", DCASE 2019. Clips,
hours, archives and how they are joined are those of the README that comes with the dataset. There are two places to
have it from: its release on Zenodo, and the Freesound Audio Tagging 2019 competition on Kaggle.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from audiotag.data.layouts import ZENODO as NAME
from audiotag.data.layouts import absolute
from audiotag.data.tables import sound_names
from audiotag.errors import AudiotagError

DOI = "10.5281/zenodo.3612637"
LICENCE = "CC BY 4.0"
FILES_URL = "https://zenodo.org/records/3612637/files"
CONTEST = "freesound-audio-tagging-2019"
CONTEST_URL = f"https://www.kaggle.com/c/{CONTEST}"
BYTES_AN_HOUR = 3600 * 44_100 * 2  # every clip is mono, 16 bit, 44.1 kHz
END_OF_ZIP = b"PK\x05\x06"  # opens the last record of a zip, which no half of one has (APPNOTE, section 4.3.16)
END_OF_ZIP_BYTES = 22 + 0xFFFF  # at most, with a comment
SPLIT_SLACK = 1 << 16  # bytes: zip ends a part of a split archive early rather than within a header


@dataclass(frozen=True)
class ReleaseFolder:
    """A folder of the dataset, and the archives that it comes in.

    Attributes
    ----------
    name : str
        Of the folder.
    subset : str
        Curated, noisy or test; empty for the tables.
    clips : int
        Sound files that it holds; 0 for the tables.
    hours : float
        Of sound.
    archives : tuple[str, ...]
        Several are one archive split, the last of them the ``.zip``.
    tables : tuple[str, ...]
        The tables that belong to it, by their paths.
    joined : str
        What a split archive is joined into; else empty.
    """

    name: str
    subset: str
    clips: int
    hours: float
    archives: tuple[str, ...]
    tables: tuple[str, ...] = ()
    joined: str = ""

    @property
    def wanted(self) -> int:
        """Sound files or, where there are none, tables that it should hold."""
        return self.clips or len(self.tables)

    @property
    def unpacked_bytes(self) -> int:
        """Size of the sounds, from their hours; the archives have at most as much."""
        return round(self.hours * BYTES_AN_HOUR)

    @property
    def joined_bytes(self) -> int:
        """Size, at most, of what its split archive is joined into; 0 where there is nothing to join."""
        return self.unpacked_bytes if self.joined else 0


@dataclass(frozen=True)
class Release:
    """A place to have the dataset from.

    ``note`` says what to know before the download; ``extras`` are archives that the sounds and labels do not need;
    ``bundle`` is one archive that all others come in, empty where they come one by one.
    """

    name: str
    parts: tuple[ReleaseFolder, ...]
    note: str
    extras: tuple[str, ...] = ()
    bundle: str = ""

    @property
    def unpacked_bytes(self) -> int:
        """Size of all sounds, which is what stays once the archives are deleted."""
        return sum(part.unpacked_bytes for part in self.parts)

    @property
    def archives_bytes(self) -> int:
        """Size of all archives, at most; the download, too."""
        return self.unpacked_bytes

    @property
    def peak_bytes(self) -> int:
        """Disk that is taken, at most, when all is joined and unpacked and no archive is deleted yet."""
        bundle = self.archives_bytes if self.bundle else 0
        return bundle + self.archives_bytes + sum(part.joined_bytes for part in self.parts) + self.unpacked_bytes

    @property
    def disk(self) -> str:
        """What it takes, as a sentence."""
        return (
            f"{self.name}: a download of at most {in_gb(self.archives_bytes)}; at most {in_gb(self.peak_bytes)} of "
            f"disk while it is unpacked, {in_gb(self.unpacked_bytes)} once the archives are deleted."
        )


@dataclass(frozen=True)
class PartState:
    """What of a part is in a folder.

    ``found`` and ``wanted`` count sound files, or tables where the part has no sounds; ``state`` is half a sentence, to
    stand behind the part's name; ``needed_bytes`` is the disk that it still takes, at most.
    """

    part: ReleaseFolder
    found: int
    wanted: int
    state: str
    complete: bool
    needed_bytes: int


@dataclass(frozen=True)
class FolderState:
    """What of the dataset is in a folder: whose layout it has, a row a part, and what is free on its disk."""

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
        """Disk that is still needed, at most, with no archive deleted."""
        return sum(row.needed_bytes for row in self.rows)

    @property
    def fits(self) -> bool:
        """Whether what is still needed is free."""
        return self.needed_bytes <= self.free_bytes

    @property
    def disk(self) -> str:
        """What is needed and what is free, as a sentence."""
        needed = f"At most {in_gb(self.needed_bytes)} more" if self.needed_bytes else "Nothing more"
        fix = "" if self.fits else " Make room, delete an archive once it is unpacked, or choose another disk."
        return f"{needed} is needed, {in_gb(self.free_bytes)} are free where {self.folder} is.{fix}"

    @property
    def sentences(self) -> list[str]:
        """A line a part."""
        return [f"{row.part.name}: {row.state}." for row in self.rows]


CURATED, NOISY, TEST = (f"{NAME}.audio_{part}" for part in ("train_curated", "train_noisy", "test"))
META = f"{NAME}.meta"
SPLIT = (*(f"{NOISY}.z{number:02}" for number in range(1, 7)), f"{NOISY}.zip")
TABLES = ("train_curated_post_competition", "train_noisy_post_competition", "test_post_competition", "vocabulary")
ON_ZENODO = Release(
    "Zenodo",
    parts=(
        ReleaseFolder(CURATED, "curated", 4970, 10.5, (f"{CURATED}.zip",)),
        ReleaseFolder(NOISY, "noisy", 19_815, 80, SPLIT, joined="unsplit.zip"),
        ReleaseFolder(TEST, "test", 4481, 12.9, (f"{TEST}.zip",)),
        ReleaseFolder(META, "", 0, 0, (f"{META}.zip",), tables=tuple(f"{META}/{table}.csv" for table in TABLES)),
    ),
    note=f"Anybody may download it (https://doi.org/{DOI}); it is under {LICENCE}, each clip under its own licence.",
    extras=(f"{NAME}.doc.zip",),
)
ON_KAGGLE = Release(
    "Kaggle",
    parts=(
        ReleaseFolder("train_curated", "curated", 4970, 10.5, ("train_curated.zip",), tables=("train_curated.csv",)),
        ReleaseFolder("train_noisy", "noisy", 19_815, 80, ("train_noisy.zip",), tables=("train_noisy.csv",)),
        # The clips behind the final ranking: 3,361 of the 4,481 on Zenodo, and their share of the hours.
        ReleaseFolder("test", "test", 3361, 12.9 * 3361 / 4481, ("test.zip",), tables=("sample_submission.csv",)),
    ),
    note=f"Needs an account, an API token, and the rules accepted on {CONTEST_URL}/rules. The labels of the test clips "
    f"are not there; they are in {NAME}.meta on Zenodo.",
    bundle=f"{CONTEST}.zip",
)


def zenodo_commands(folder: Path) -> str:
    """Commands for a POSIX shell: download the release on Zenodo into a folder and unpack it; run again, they resume.

    An archive has its name only once it is whole.
    """
    archives = [*(name for part in ON_ZENODO.parts for name in part.archives), *ON_ZENODO.extras]
    commands = [
        " \\\n  ".join(["for name in", *archives]),
        "do",
        f"  test -f $name || curl --fail --location --continue-at - --output $name.part {FILES_URL}/$name",
        "  test -f $name || mv $name.part $name",
        "done",
    ]
    for part in ON_ZENODO.parts:
        if part.joined:
            commands.append(f"zip -s 0 {part.archives[-1]} --out {part.joined}")
        commands.append(f"unzip -qo {part.joined or part.archives[-1]}")
    return _inside(folder, [*commands, *(f"unzip -qo {name}" for name in ON_ZENODO.extras)])


def kaggle_commands(folder: Path) -> str:
    """Commands for a POSIX shell: download the competition's files into a folder and unpack them."""
    commands = [f"kaggle competitions download -c {CONTEST}", f"unzip -qo {ON_KAGGLE.bundle}"]
    # Its archives hold bare files; -j keeps that so, should there be folders.
    commands += [f"unzip -qoj {archive} -d {part.name}" for part in ON_KAGGLE.parts for archive in part.archives]
    return _inside(folder, commands)


def still_missing(folder: Path) -> FolderState:
    """What of the dataset is in a folder and what is not, by counting files; none is opened but the archives.

    Parameters
    ----------
    folder : Path
        Where the parts are, or one of them; it need not be there yet. The layout is Zenodo's unless there are files of
        the competition.

    Raises
    ------
    AudiotagError
        If it is no folder, or cannot be read.
    """
    folder, names = _listed(folder)
    release = _release_of(names)
    rows = tuple(_state_of(folder, part, release.bundle) for part in release.parts)
    return FolderState(folder, release, rows, _free_bytes(folder))


def in_gb(size: float) -> str:
    """Bytes in words.

    >>> in_gb(91e9), in_gb(3.34e9)
    ('91 GB', '3.3 GB')
    """
    return f"{size / 1e9:,.0f} GB" if size >= 9.95e9 else f"{size / 1e9:.1f} GB"


def _inside(folder: Path, commands: list[str]) -> str:
    """The commands, run in the folder by a shell of their own that ends at the first failure.

    Without that, zip would ask for an archive that could not be had, and take the next command for the answer.
    """
    place = shlex.quote(str(_place(folder)))
    return "\n".join(["(", "set -e", f"mkdir -p {place}", f"cd {place}", *commands, ")"])


def _place(folder: Path) -> Path:
    try:
        return absolute(folder)
    except (OSError, RuntimeError) as error:  # the current folder is gone, or ``~nobody`` is meant
        raise _refusal(folder, error) from error


def _listed(folder: Path) -> tuple[Path, set[str]]:
    """The folder that the parts are in, and the names there; none where it is not there."""
    place = _place(folder)
    if place.name in {part.name for part in ON_ZENODO.parts}:
        place = place.parent
    try:
        return place, set(os.listdir(place))
    except FileNotFoundError:
        return place, set()
    except NotADirectoryError as error:
        raise AudiotagError(f"{place} is not a folder; give the folder that {NAME} is in or shall be in.") from error
    except (OSError, ValueError) as error:  # no right to, or no path at all
        raise _refusal(folder, error) from error


def _refusal(folder: Path, error: Exception) -> AudiotagError:
    reason = getattr(error, "strerror", None) or str(error).rstrip(".")
    return AudiotagError(f"{folder} cannot be looked into: {reason}; give another folder.")


def _release_of(names: set[str]) -> Release:
    """Whose layout it is, by the same names in the same order as `audiotag.data.layouts.open_dataset`."""
    if "train_curated.csv" not in names and any(name.startswith(f"{NAME}.") for name in names):
        return ON_ZENODO
    marks = ("train_curated", "train_noisy", ON_KAGGLE.bundle)
    return ON_KAGGLE if any(name.startswith(marks) for name in names) else ON_ZENODO


def _state_of(folder: Path, part: ReleaseFolder, bundle: str) -> PartState:
    lacking = [Path(table).name for table in part.tables if _size(folder / table) is None]
    try:
        found = len(sound_names(os.listdir(folder / part.name))) if part.clips else part.wanted - len(lacking)
    except (FileNotFoundError, NotADirectoryError):
        found = 0
    except OSError as error:
        return PartState(part, 0, part.wanted, f"cannot be looked into: {error.strerror or error}", False, 0)
    things = "sound files" if part.clips else "tables"
    if found >= part.wanted and not lacking:
        more = f", {found - part.wanted:,} more than it should have" if found > part.wanted else ""
        return PartState(part, found, part.wanted, f"complete ({found:,} {things}{more})", True, 0)
    said = [f"{found:,} of {part.wanted:,} {things}"] if found else []
    if found and lacking:
        said.append(f"{_listing(lacking)} not there")
    if found < part.wanted:
        said += _archives_said(folder, part, bundle)
    state = "; ".join(said) or "is not there"
    return PartState(part, found, part.wanted, state, False, _needed_bytes(folder, part, bundle, found))


def _archives_said(folder: Path, part: ReleaseFolder, bundle: str) -> list[str]:
    """How far a part's archives are, and what to do next; nothing where there are none."""
    if part.joined and _is_whole_zip(folder / part.joined):
        return [f"{part.joined} is there; unpack it"]
    sizes = {name: size for name in part.archives if (size := _size(folder / name)) is not None}
    if not sizes:
        return [f"{bundle} is there; unpack it"] if bundle and _is_whole_zip(folder / bundle) else []
    if lacking := [name for name in part.archives if name not in sizes]:
        return [f"archive{'s' * (len(lacking) > 1)} {_listing(lacking)} not there"]
    *pieces, last = part.archives
    full = max((sizes[name] for name in pieces), default=0)
    unfinished = [name for name in pieces if sizes[name] < full - SPLIT_SLACK]
    if not _is_whole_zip(folder / last):
        unfinished.append(last)
    if unfinished:
        return [f"archive{'s' * (len(unfinished) > 1)} {_listing(unfinished)} not whole; go on with the download"]
    return ["all archives are there; join and unpack them" if pieces else "its archive is there; unpack it"]


def _needed_bytes(folder: Path, part: ReleaseFolder, bundle: str, found: int) -> int:
    """Disk for what a part lacks, at most: sounds and, unless they are there, the archives on the way to them."""
    sounds = part.unpacked_bytes * (part.wanted - min(found, part.wanted)) // part.wanted
    if not sounds or (part.joined and _is_whole_zip(folder / part.joined)):
        return sounds
    sizes = [_size(folder / name) for name in part.archives]
    archives = 0 if None not in sizes else max(0, part.unpacked_bytes - sum(size or 0 for size in sizes))
    bundled = part.unpacked_bytes if bundle and archives and not _is_whole_zip(folder / bundle) else 0
    return sounds + archives + part.joined_bytes + bundled


def _listing(names: list[str]) -> str:
    """Names with their verb.

    >>> _listing(["a"]), _listing(["a", "b", "c"])
    ('a is', 'a, b and c are')
    """
    return f"{names[0]} is" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} are"


def _size(path: Path) -> int | None:
    """Bytes of a file; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _is_whole_zip(path: Path) -> bool:
    """Whether the file ends as a zip does: one that is cut short does not."""
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
        except OSError:  # not there yet, or not to be asked
            continue
    return 0
