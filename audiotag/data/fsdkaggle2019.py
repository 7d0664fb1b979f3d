"""FSDKaggle2019: its two releases, the commands that download and unpack them, and the disk space that they take.

Fonseca, Plakal, Font, Ellis, Serra, "Audio tagging with noisy labels and minimal supervision", DCASE 2019. Numbers of
clips, hours, archives and how to join them are from the README that comes with the dataset. There are two places to get
it from: the release on Zenodo, and the competition Freesound Audio Tagging 2019 on Kaggle.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from audiotag.data.layouts.base import absolute
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason

NAME = "FSDKaggle2019"
DOI = "10.5281/zenodo.3612637"
LICENCE = "CC BY 4.0"
FILES_URL = "https://zenodo.org/records/3612637/files"
COMPETITION = "freesound-audio-tagging-2019"
COMPETITION_URL = f"https://www.kaggle.com/c/{COMPETITION}"
BYTES_PER_HOUR = 3600 * 44_100 * 2  # every clip is mono, 16 bit, 44.1 kHz
# From the notes that come with the dataset, section "Detected corrupted files in the curated train set".
FLAGGED = dict.fromkeys(
    ("f76181c4.wav", "77b925c2.wav", "6a1f682a.wav", "c7db12aa.wav", "7752cc8a.wav"),
    "is marked as wrong by the dataset's authors: wrong label",
) | {"1d44b0bd.wav": "is marked as wrong by the dataset's authors: no signal"}


@dataclass(frozen=True)
class ReleaseFolder:
    """A folder of the dataset, and the archives that contain it.

    Attributes
    ----------
    name : str
        Name of the folder.
    subset : str
        Curated, noisy or test; empty for the tables.
    clips : int
        Number of sound files in it; 0 for the tables.
    hours : float
        Duration of all its sounds.
    archives : tuple[str, ...]
        Names of the archives; several are the parts of one split archive, the last of them the ``.zip``.
    tables : tuple[str, ...]
        Paths of the tables that belong to it.
    joined : str
        Name of the file that a split archive is joined into; otherwise empty.
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
        """Number of sound files or, for the tables, of tables that it should hold."""
        return self.clips or len(self.tables)

    @property
    def unpacked_bytes(self) -> int:
        """Size of the sounds, from their duration; the archives are at most as large."""
        return round(self.hours * BYTES_PER_HOUR)

    @property
    def joined_bytes(self) -> int:
        """Size, at most, of the file that its split archive is joined into; 0 if it is not split."""
        return self.unpacked_bytes if self.joined else 0


@dataclass(frozen=True)
class Release:
    """A place to get the dataset from.

    Attributes
    ----------
    name : str
    parts : tuple[ReleaseFolder, ...]
    note : str
        What to know before the download.
    extras : tuple[str, ...]
        Archives that hold neither sounds nor labels.
    bundle : str
        Name of the one archive that contains all others; empty if they are downloaded one by one.
    """

    name: str
    parts: tuple[ReleaseFolder, ...]
    note: str
    extras: tuple[str, ...] = ()
    bundle: str = ""

    @property
    def unpacked_bytes(self) -> int:
        """Size of all sounds, which is what remains after the archives are deleted."""
        return sum(part.unpacked_bytes for part in self.parts)

    @property
    def archives_bytes(self) -> int:
        """Size of all archives, at most; also the size of the download."""
        return self.unpacked_bytes

    @property
    def peak_bytes(self) -> int:
        """Disk space in use, at most, when everything is joined and unpacked and no archive is deleted yet."""
        bundle = self.archives_bytes if self.bundle else 0
        return bundle + self.archives_bytes + sum(part.joined_bytes for part in self.parts) + self.unpacked_bytes

    @property
    def disk(self) -> str:
        """The disk space that it takes, as a sentence."""
        return (
            f"{self.name}: a download of at most {in_gb(self.archives_bytes)}; at most {in_gb(self.peak_bytes)} of "
            f"disk while it is unpacked, {in_gb(self.unpacked_bytes)} once the archives are deleted."
        )


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
    note=f"Needs an account, an API token, and the rules accepted on {COMPETITION_URL}/rules. The labels of the test "
    f"clips are not there; they are in {META} on Zenodo.",
    bundle=f"{COMPETITION}.zip",
)


def zenodo_commands(folder: Path) -> str:
    """Commands for a POSIX shell that download the release on Zenodo into a folder and unpack it.

    Run again, they resume: an archive gets its name only when it is complete.
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
    return _run_inside(folder, [*commands, *(f"unzip -qo {name}" for name in ON_ZENODO.extras)])


def kaggle_commands(folder: Path) -> str:
    """Commands for a POSIX shell that download the competition's files into a folder and unpack them."""
    commands = [f"kaggle competitions download -c {COMPETITION}", f"unzip -qo {ON_KAGGLE.bundle}"]
    # The archives contain files without folders; -j gives the same result if that ever changes.
    commands += [f"unzip -qoj {archive} -d {part.name}" for part in ON_KAGGLE.parts for archive in part.archives]
    return _run_inside(folder, commands)


def in_gb(size_bytes: float) -> str:
    """A size in GB, as text.

    >>> in_gb(91e9), in_gb(3.34e9)
    ('91 GB', '3.3 GB')
    """
    return f"{size_bytes / 1e9:,.0f} GB" if size_bytes >= 9.95e9 else f"{size_bytes / 1e9:.1f} GB"


def absolute_folder(folder: Path) -> Path:
    """The folder's path from the root.

    Raises
    ------
    AudiotagError
        If there is no such path: the current folder was deleted, or ``~nobody`` is not a user.
    """
    try:
        return absolute(folder)
    except (OSError, AudiotagError) as error:
        raise unreadable_folder(folder, error) from error


def unreadable_folder(folder: Path, error: Exception) -> AudiotagError:
    """The error to raise about a folder that the system refuses to list."""
    return AudiotagError(f"{folder} cannot be read: {plain_reason(error)}; give another folder.")


def _run_inside(folder: Path, commands: list[str]) -> str:
    """The commands, run in the folder by a subshell that ends at the first failure.

    Otherwise zip would ask for an archive that could not be downloaded, and take the next command for the answer.
    """
    place = shlex.quote(str(absolute_folder(folder)))
    return "\n".join(["(", "set -e", f"mkdir -p {place}", f"cd {place}", *commands, ")"])
