"""The lists of clips that a recipe may name: which clips of a dataset it relabels, trusts and leaves out.

A list is a CSV file with the column ``clip``, or ``fname``: paths of clips relative to the folder of their subset, as
in the dataset's tables. A list that relabels also has the column ``labels``: all labels of the clip from now on,
separated by commas; a clip without labels is left out. Lines before the header that begin with # are comments.
Published lists are shipped in ``audiotag/data/lists``; the comments of each name its source and licence.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from audiotag.checks import check
from audiotag.disk import expanded, modified_ns
from audiotag.errors import AudiotagError
from audiotag.wording import shortened

SHIPPED = Path(__file__).parent / "lists"
SUFFIX = ".csv"


@dataclass(frozen=True)
class ClipLists:
    """The lists of a recipe, each the name of a shipped list or the path of a CSV file; empty for none.

    Attributes
    ----------
    relabel : str
        Clips that get other labels, and clips to leave out.
    trust : str
        Noisy clips whose labels are trusted.
    drop : str
        Clips to leave out.
    """

    relabel: str = ""
    trust: str = ""
    drop: str = ""

    def __post_init__(self) -> None:
        check(self)

    def __bool__(self) -> bool:
        return bool(self.relabel or self.trust or self.drop)

    def relative_to(self, folder: Path) -> ClipLists:
        """The same lists, with paths that are relative to a folder made absolute."""
        return replace(self, **{name: _resolved(value, folder) for name, value in asdict(self).items() if value})

    def stamp(self) -> list[tuple[str, int, int]]:
        """Changes when the file of a list changes: path, size and time of each."""
        return [file_stamp(list_path(value)) for value in asdict(self).values() if value]


def list_names() -> list[str]:
    """Names of the shipped lists."""
    return sorted(path.stem for path in SHIPPED.glob(f"*{SUFFIX}"))


def list_path(name: str) -> Path:
    """The file of a list, by its name or path.

    Raises
    ------
    AudiotagError
        If there is no such list.
    """
    path = SHIPPED / f"{name}{SUFFIX}"
    if not path.is_file():
        path = expanded(name)
        if path.suffix.lower() != SUFFIX or not path.is_file():
            raise AudiotagError(
                f"{shortened(name)} is not a list of clips; choose one of {', '.join(list_names())}, or give the path "
                "of a .csv file, relative to the recipe."
            )
    return path


def file_stamp(path: Path) -> tuple[str, int, int]:
    """Path, size and time of the last change of a file."""
    stat = path.stat()
    return str(path), stat.st_size, modified_ns(stat)


def _resolved(value: str, folder: Path) -> str:
    is_shipped = (SHIPPED / f"{value}{SUFFIX}").is_file()
    return value if is_shipped else str((folder / expanded(value)).absolute())
