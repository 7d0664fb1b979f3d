"""Find out which column of a table is what: file, labels, split, fold, group and licence.

Names decide where they say it, and the cells where names do not: the file column is the one that names sounds which are
there, and columns of 0 and 1 are labels where no other column is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from audiotag.audio.opening import SUFFIXES
from audiotag.data.column_names import (
    FILE_NAMES,
    FOLD_NAMES,
    GROUP_NAMES,
    LICENCE_NAMES,
    OFFSET_NAMES,
    ONSET_NAMES,
    SPLIT_NAMES,
    column_error,
    normalised_name,
)
from audiotag.data.label_columns import LabelColumns, binary_columns, find_label_columns
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.split_cells import Assignment, quoted, read_assignment
from audiotag.data.table_header import clean_cell
from audiotag.errors import AudiotagError

NO_COLUMN = "-"
SAMPLED_CELLS = 200
MOST_CELLS = 0.5  # share of a column's cells that decides what it is
SURE_NAMES = ("split", "splits", "partition", "datasplit", "fold", "folds", "kfold", "cvfold", "foldid", "foldnumber")
RECORDING_NAMES = ("sourceid", "freesoundid", "flickrvideourl", "srcfile", "group", "fsid")  # groups in any case
WEAK_GROUP_NAMES = ("source", "uploader", "uploaderid", "user", "username", "author", "site", "siteid", "station")
LEAST_WEAK_GROUPS = 5
MAX_LISTED = 8  # names of columns in a sentence


@dataclass(frozen=True)
class Wanted:
    """The columns that the user named, instead of those that are found; `NO_COLUMN` for none."""

    file: str | None = None
    labels: str | None = None
    split: str | None = None
    fold: str | None = None
    group: str | None = None


@dataclass
class ColumnRoles:
    """What the columns of a table are.

    Attributes
    ----------
    file : str
    labels : LabelColumns
    split, fold, group, licence : str, optional
    assignment : dict[str, Assignment]
        What the cells of the columns of splits and folds mean.
    notes : list[str]
        Sentences about what was chosen where another choice was possible, and about columns that are not used.
    """

    file: str
    labels: LabelColumns
    split: str | None = None
    fold: str | None = None
    group: str | None = None
    licence: str | None = None
    assignment: dict[str, Assignment] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def used(self) -> set[str]:
        """The columns that have a role."""
        single = (self.file, self.split, self.fold, self.group, self.licence)
        return {*self.labels.columns, *filter(None, single)}


def find_roles(path: Path, table: pd.DataFrame, sounds: SoundPaths, wanted: Wanted) -> ColumnRoles:
    """What the columns of a table are.

    Parameters
    ----------
    path : Path
        The table's file, for messages.
    table : pandas.DataFrame
        Cells as text, or NA.
    sounds : SoundPaths
        Where its sounds should be.
    wanted : Wanted

    Raises
    ------
    AudiotagError
        If there is no column of files or of labels, or a column that the user named does not exist or cannot be used;
        lists the columns that there are.
    """
    file = _named(path, table, wanted.file) or _find_file(path, table, sounds)
    free = [name for name in map(str, table.columns) if name != file and not is_row_number(name, table[name])]
    notes: list[str] = []
    wish = _label_wish(path, table, wanted.labels)
    others = [name for name in free if name not in (wish or ())]
    assignments, split, fold = _find_assignments(path, table, others, wanted, notes)
    others = [name for name in others if name not in (split, fold)]
    group = _find_group(path, table, others, wanted, binary_columns(table, others), notes)
    licence = next(iter(_by_names(others, LICENCE_NAMES)), None)
    times = _by_names(others, (*ONSET_NAMES, *OFFSET_NAMES))
    candidates = [name for name in others if name not in (group, licence, *times)]
    try:
        labels = find_label_columns(path, table, candidates, wish, notes)
    except AudiotagError:  # where speakers are all that is known, they are the labels
        if group is None or wanted.group is not None:
            raise
        labels, group = find_label_columns(path, table, [*candidates, group], wish, notes), None
    roles = ColumnRoles(file, labels, split, fold, group, licence, assignments, notes)
    if times and table[file].duplicated().any():
        notes.append(f"{_listed(times)}: times of events are not used; a clip has the labels of all its events.")
    elif len(table[[file, *labels.columns]].drop_duplicates()) > table[file].nunique(dropna=False):
        notes.append("Some clips are in several rows with other labels; they have the labels of all of them.")
    unused = [name for name in free if name not in roles.used and name not in times]
    if unused:
        notes.append(f"Columns that are not used: {_listed(unused)}.")
    return roles


def is_row_number(name: str, column: pd.Series) -> bool:
    """Whether a column without a name only counts the rows."""
    return name.startswith("Unnamed: ") and bool(column.dropna().str.fullmatch(r"\s*\d+(\.0+)?\s*").all())


def distinct_cells(column: pd.Series) -> list[str]:
    """The different cells of a column that are not empty, in their order."""
    return [cell for cell in column.dropna().unique().tolist() if cell.strip()]


def _named(path: Path, table: pd.DataFrame, name: str | None) -> str | None:
    """The column that a user named, in this spelling or another; None if none was named."""
    if name is None:
        return None
    if name in table.columns:
        return name
    same = [column for column in map(str, table.columns) if normalised_name(column) == normalised_name(name)]
    if len(same) != 1:
        raise column_error(path, list(table.columns), (name,))
    return same[0]


def _label_wish(path: Path, table: pd.DataFrame, name: str | None) -> tuple[str, ...] | None:
    """The columns of labels that the user named: one, or several separated by commas; empty for those of 0 and 1."""
    if name is None or name == NO_COLUMN:
        return None if name is None else ()
    parts = [part.strip() for part in name.split(",")]
    if name not in table.columns and len(parts) > 1:
        return tuple(filter(None, (_named(path, table, part) for part in parts)))
    return tuple(filter(None, [_named(path, table, name)]))


def _by_names(columns: Iterable[str], names: Sequence[str]) -> list[str]:
    """The columns that have one of the normalised names, in the order of the names."""
    order = {name: at for at, name in enumerate(names)}
    found = [column for column in columns if normalised_name(column) in order]
    return sorted(found, key=lambda column: order[normalised_name(column)])


def _find_file(path: Path, table: pd.DataFrame, sounds: SoundPaths) -> str:
    columns = list(map(str, table.columns))
    named = _by_names(columns, FILE_NAMES)
    others = [name for name in columns if name not in named]
    samples = {name: _sample(table[name]) for name in columns}
    for share_of in (_share_found(sounds), _share_with_suffix):
        shares: dict[str, float] = {}
        for name in [*named, *others]:
            shares[name] = share_of(samples[name])
            if shares[name] > MOST_CELLS and name in named:
                return name
        best = max(shares, key=lambda name: shares[name], default=None)
        if best is not None and shares[best] > (0 if best in named else MOST_CELLS):
            return best
    if not named:
        raise column_error(path, list(table.columns), ("fname", "filename", "file", "path", "clip", "audio"))
    return named[0]


def _sample(column: pd.Series) -> list[str]:
    cells = distinct_cells(column)
    return cells[:: max(1, len(cells) // SAMPLED_CELLS)][:SAMPLED_CELLS]


def _share_found(sounds: SoundPaths) -> Callable[[list[str]], float]:
    def share(cells: list[str]) -> float:
        return sum(bool(sounds.candidates(cell)) for cell in cells) / max(1, len(cells))

    return share


def _share_with_suffix(cells: list[str]) -> float:
    return sum(clean_cell(cell).lower().endswith(SUFFIXES) for cell in cells) / max(1, len(cells))


def _find_assignments(
    path: Path, table: pd.DataFrame, columns: list[str], wanted: Wanted, notes: list[str]
) -> tuple[dict[str, Assignment], str | None, str | None]:
    """The columns of splits and of folds, which may be the same one, and what their cells mean."""
    read: dict[str, Assignment] = {}
    wishes = {"split": wanted.split, "fold": wanted.fold}
    chosen: dict[str, str | None] = {
        role: None if wish in (None, NO_COLUMN) else _named(path, table, wish) for role, wish in wishes.items()
    }
    for role, name in chosen.items():
        if name is not None:
            found = read_assignment(name, distinct_cells(table[name]), any_text=role == "fold")
            if not (found.splits if role == "split" else found.folds):
                fix = "train, validation and test" if role == "split" else "numbers"
                got = quoted(distinct_cells(table[name]))
                raise AudiotagError(f"{path.name}: the {role}s in the column {name} must be {fix}, got {got}.")
            read[name] = found
    numbered = [name for name in columns if re.fullmatch(r"(cv)?fold\d+", normalised_name(name))]
    for name in [*_by_names(columns, tuple(dict.fromkeys((*FOLD_NAMES, *SPLIT_NAMES)))), *numbered]:
        if name in numbered and len(numbered) > 1:
            notes.append(f"The column {name} is not used: there is one for every fold. Name one with --split-column.")
            continue
        cells = distinct_cells(table[name])
        found = read.get(name) or read_assignment(name, cells)
        meant = {
            "split": found.splits if normalised_name(name) in SPLIT_NAMES or name in numbered else {},
            "fold": found.folds if normalised_name(name) in FOLD_NAMES or name in numbered else {},
        }
        if meant["fold"] and len(set(found.folds.values())) == 1 and not found.splits:
            notes.append(f"The column {name} is not used: it has the same fold in every row.")
            continue
        taken = False
        for role, values in meant.items():
            if values and chosen[role] is None and wishes[role] is None:
                chosen[role], taken = name, True
        if taken:
            read[name] = found
        elif not (found.splits or found.folds) and cells and normalised_name(name) in SURE_NAMES:
            notes.append(
                f"The column {name} is not used: its cells, like {quoted(cells)}, are neither folds nor train, "
                "validation or test. Folds are drawn anew."
            )
    for name, found in read.items():
        notes += [found.note] if found.note else []
        if found.unknown:
            notes.append(
                f"{name}: {quoted(found.unknown)} is neither a fold nor train, validation or test; rows with it have "
                "none."
            )
    return read, chosen["split"], chosen["fold"]


def _find_group(
    path: Path, table: pd.DataFrame, columns: list[str], wanted: Wanted, flags: list[str], notes: list[str]
) -> str | None:
    if wanted.group == NO_COLUMN:
        return None
    if wanted.group is not None:
        return _named(path, table, wanted.group)
    for name in _by_names(columns, GROUP_NAMES):
        if name in flags:
            continue
        distinct = len(distinct_cells(table[name]))
        is_weak = normalised_name(name) in WEAK_GROUP_NAMES
        is_sure = normalised_name(name) in RECORDING_NAMES
        if (
            len(table) > 1
            and not is_sure
            and (distinct < 2 or (is_weak and not LEAST_WEAK_GROUPS <= distinct < len(table)))
        ):
            if not is_weak:
                notes.append(f"The column {name} is not used for groups: it has the same cell in every row.")
            continue
        return name
    return None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more
