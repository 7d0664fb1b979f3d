"""What the layouts of published datasets share: the folder of a release, its tables with known columns, its splits."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Problem, Reading
from audiotag.data.layouts.base import LABEL_SEPARATORS, NO_COLUMN, OpenOptions
from audiotag.data.layouts.reading import ClipRows, Findings
from audiotag.data.sound_paths import is_system_folder
from audiotag.data.table_bounds import SEPARATORS
from audiotag.data.tables import column_of, map_cells, read_table, sound_names
from audiotag.errors import AudiotagError

HEADER_BYTES = 2**16
FOLD_CELL = re.compile(r"(?:fold)?[ _-]?(\d{1,9})(?:\.0+)?", re.IGNORECASE)  # spreadsheets write 1.0 for 1
OPTION_OF_ROLE = {
    "file": "file_column",
    "labels": "label_column",
    "split": "split_column",
    "fold": "fold_column",
    "group": "group_column",
}
REQUIRED_ROLES = ("file", "labels")
SPLIT_WORDS = {  # what datasets call their splits
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "eval": "test",
}


@dataclass(frozen=True)
class KnownTable:
    """A table of a published dataset, read as text, with the columns that are used.

    Attributes
    ----------
    path : Path
    cells : pandas.DataFrame
    roles : dict[str, str]
        The column of each role (file, labels, split, fold or group) that the table has.
    """

    path: Path
    cells: pd.DataFrame
    roles: dict[str, str]

    def get(self, role: str) -> pd.Series | None:
        """The cells of a role as text, None if the table has no such column."""
        return self.cells[self.roles[role]].astype("string") if role in self.roles else None

    def map(self, role: str, function: Callable[[str], object]) -> pd.Series | None:
        """``function`` of each cell of a role, ``""`` for an empty one; None if the table has no such column."""
        if role not in self.roles:
            return None
        return pd.Series(map_cells(self.cells[self.roles[role]], function), index=self.cells.index, dtype=object)

    def column(self, name: str) -> pd.Series | None:
        """The cells of a column that the user cannot choose, as text; None if the table has no such column."""
        return self.cells[name].astype("string") if name in self.cells else None

    def names(self) -> pd.Series:
        """What the table calls each sound."""
        return self.cells[self.roles["file"]]

    def labels(self, split: Callable[[str], tuple[str, ...]]) -> pd.Series:
        """The labels of each row, a tuple per cell."""
        labels = self.map("labels", split)
        assert labels is not None  # `read_known_table` requires the column
        return labels

    def rows(
        self,
        labels: pd.Series,
        names: pd.Series | None = None,
        subset: pd.Series | None = None,
        split: pd.Series | None = None,
        fold: pd.Series | None = None,
        group: pd.Series | None = None,
        licence: pd.Series | None = None,
        source: pd.Series | None = None,
    ) -> ClipRows:
        """The rows for `check_rows`; names, splits, folds and groups are those of the roles unless they are given.

        Where clips have a split and no fold, those of validation get fold 1, so that it is what a training holds out.
        """
        split = self.map("split", split_of) if split is None else split
        fold = self.map("fold", fold_of) if fold is None else fold
        return ClipRows(
            names=self.names() if names is None else names,
            labels=labels,
            subset=subset,
            split=split,
            fold=fold_of_validation(split) if fold is None else fold,
            group=self.get("group") if group is None else group,
            licence=licence,
            source=source,
        )

    def reading(self, root: Path, label_format: str, *ignored: str) -> Reading:
        """How the table was read, for the user to check; ``ignored`` are sentences about what was not used."""
        source = self.path.relative_to(root) if self.path.is_relative_to(root) else Path(self.path.name)
        return Reading(
            source=source.as_posix(),
            columns=tuple(map(str, self.cells.columns)),
            roles={role: (column,) for role, column in self.roles.items()},
            label_format=label_format,
            ignored=tuple(filter(None, ignored)),
        )


def read_known_table(path: Path, options: OpenOptions, **columns: str) -> KnownTable:
    """Read a table whose columns are known, unless the options name others.

    Parameters
    ----------
    path : Path
    options : OpenOptions
    **columns
        The column of each role: ``file`` and ``labels``, which the table must have, ``split``, ``fold`` and ``group``.

    Raises
    ------
    AudiotagError
        If the table cannot be read, or has no column of files or labels.
    """
    return choose_columns(path, read_table(path, options.separator), options, **columns)


def choose_columns(path: Path, cells: pd.DataFrame, options: OpenOptions, **columns: str) -> KnownTable:
    """The `KnownTable` of cells that were read before; arguments and errors as in `read_known_table`."""
    chosen = {role: getattr(options, option) for role, option in OPTION_OF_ROLE.items()}
    wanted = columns | {role: column for role, column in chosen.items() if column}
    for role in REQUIRED_ROLES:
        column_of(cells, (wanted[role],), path)
    return KnownTable(
        path, cells, {role: name for role, name in wanted.items() if name != NO_COLUMN and name in cells.columns}
    )


def release_root(path: Path, is_release: Callable[[Path], bool], parts: Collection[str] = ()) -> Path | None:
    """The folder of a release that ``path`` is, belongs to, or alone holds; None if there is none.

    Parameters
    ----------
    path : Path
        It may be a file, or not exist.
    is_release : callable
        Whether a folder is the root of such a release.
    parts : collection of str
        Names of the release's tables and folders: given one of these, the release that it belongs to is meant.
    """
    folder = path
    while not is_release(folder):
        if folder.name not in parts:
            break
        folder = folder.parent
    else:
        return folder
    inner = visible_folders(path)
    return inner[0] if len(inner) == 1 and is_release(inner[0]) else None


def require_root(path: Path, root: Path | None, needs: str) -> Path:
    """The root that `release_root` found; raises `AudiotagError` if it found none."""
    if root is None:
        raise AudiotagError(f"{path} has no {needs}; choose another layout.")
    return root


def visible_folders(path: Path) -> list[Path]:
    """The folders in a folder, sorted, without hidden ones and those of operating systems; empty if it is none."""
    if not path.is_dir():
        return []
    with os.scandir(path) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and not is_system_folder(entry.name)]
    return [path / name for name in sorted(names)]


def sounds_in(folder: Path, depth: int = 0) -> list[str]:
    """The sounds in a folder as paths relative to it, sorted, with those that lie up to ``depth`` folders deeper."""
    if not folder.is_dir():
        return []
    sounds = sorted(sound_names(os.listdir(folder)))
    inner = visible_folders(folder) if depth else []
    return sounds + [f"{part.name}/{sound}" for part in inner for sound in sounds_in(part, depth - 1)]


def first_folder(root: Path, *names: str) -> Path:
    """The first of these folders of a release that is there, else the first of all."""
    return next((root / name for name in names if (root / name).is_dir()), root / names[0])


def has_table(table: Path, root: Path, clips: str, findings: Findings) -> bool:
    """Whether a table of a release is there; if it is not, a sentence among the findings says which clips that costs."""
    if table.is_file():
        return True
    findings.missing.append(f"{table.relative_to(root).as_posix()} is not there: the {clips} clips are left out.")
    return False


def header_of(table: Path) -> set[str]:
    """The column names of a text table; empty if it cannot be read or is none."""
    try:
        with table.open("rb") as file:
            line = file.readline(HEADER_BYTES).decode("utf-8-sig", errors="replace")
    except OSError:
        return set()
    return {cell.strip() for separator in SEPARATORS for cell in next(csv.reader([line], delimiter=separator), [])}


def split_of(cell: str) -> object:
    """The split that a cell names, NA if it names none.

    >>> split_of("val"), split_of("Train")
    ('validation', 'train')
    """
    return SPLIT_WORDS.get(cell.strip().lower(), pd.NA)


def subset_of_verified(cells: pd.Series) -> pd.Series:
    """Curated where people verified the labels (1), noisy where they did not (0)."""
    is_verified = cells.str.strip().str.lower().isin(["1", "1.0", "true", "yes"])
    return pd.Series("noisy", index=cells.index).mask(is_verified.fillna(False), "curated")


def fold_of(cell: str) -> object:
    """The number at the end of a cell, NA if there is none.

    >>> fold_of("3"), fold_of("fold10"), fold_of("2.0")
    (3, 10, 2)
    """
    fold = FOLD_CELL.fullmatch(cell.strip())
    return int(fold[1]) if fold else pd.NA


def fold_of_validation(split: pd.Series | None) -> pd.Series | None:
    """Fold 1 for the clips of validation, so that it is what a training holds out; NA for the others."""
    return None if split is None else split.map(lambda value: 1 if value == "validation" else pd.NA)


def one_label(cell: str) -> tuple[str, ...]:
    """The label of a cell that holds one, whatever is in it."""
    return (cell.strip(),) if cell.strip() else ()


def separated(separator: str, options: OpenOptions) -> Callable[[str], tuple[str, ...]]:
    """A function that splits a cell into its labels, at what the options say instead if they do."""
    sign = LABEL_SEPARATORS[options.label_separator] if options.label_separator else separator
    if not sign:
        return one_label
    return lambda cell: tuple(label.strip() for label in cell.split(sign) if label.strip())


def lines_of(file: Path) -> list[str]:
    """The lines of a list of clips that are not empty, their paths with slashes."""
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    lines = (line.strip().replace("\\", "/").removeprefix("./") for line in text.splitlines())
    return [line for line in lines if line]


def read_lists(lists: dict[str, Path], known: Collection[str], findings: Findings) -> dict[str, str]:
    """The splits of clips that are listed in text files, one clip per line.

    Parameters
    ----------
    lists : dict[str, Path]
        The file of each split; one that is missing is named among the findings.
    known : collection of str
        The clips that are there; others become problems.
    findings : Findings

    Returns
    -------
    dict[str, str]
        The split of each listed clip.
    """
    splits = {}
    for split, file in lists.items():
        if not file.is_file():
            findings.missing.append(f"{file.name} is not in {file.parent}: no clips of the split {split} are known.")
            continue
        for clip in lines_of(file):
            if clip in known:
                splits[clip] = split
            else:
                reason = f"{clip} is listed in {file.name} but is not in {file.parent}; it is left out."
                findings.problems.append(Problem(clip, reason, "missing"))
    return splits


def freesound_links(ids: pd.Series | None) -> pd.Series | None:
    """Links to sounds of Freesound by their numbers; NA where there is no number."""
    if ids is None:
        return None
    numbers = ids.astype("string").str.strip().str.removesuffix(".0")  # spreadsheets write 1.0 for 1
    return ("https://freesound.org/s/" + numbers + "/").where(numbers.str.fullmatch(r"\d+").fillna(False))
