"""Read tables of published datasets, whose columns are known; a user may still choose others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audiotag.data.column_names import normalised_name
from audiotag.data.dataset import Reading
from audiotag.data.label_cells import find_label_format
from audiotag.data.layouts.base import NO_COLUMN, OpenOptions
from audiotag.data.layouts.table_columns import ClipRows
from audiotag.data.split_cells import Assignment, read_assignment
from audiotag.data.table_files import read_table_file
from audiotag.data.tables import column_of, map_cells

OPTION_OF_ROLE = {
    "file": "file_column",
    "labels": "label_column",
    "split": "split_column",
    "fold": "fold_column",
    "group": "group_column",
}
VERIFIED = "manually_verified decides the subset: clips that nobody verified (0) are the noisy ones."
REQUIRED_ROLES = ("file", "labels")


@dataclass(frozen=True)
class KnownTable:
    """A table of a published dataset, read as text, with the columns that are used.

    Attributes
    ----------
    path : Path
    cells : pandas.DataFrame
    roles : dict[str, str]
        The column of each role (file, labels, split, fold or group) that the table has.
    separator : str
        How the labels of a cell are separated: a key of `audiotag.data.layouts.base.LABEL_SEPARATORS`.
    notes : tuple[str, ...]
        Sentences about how the file was read, where that is not obvious.
    declined : frozenset[str]
        The roles that the user wants to be empty, whatever the dataset has for them.
    """

    path: Path
    cells: pd.DataFrame
    roles: dict[str, str]
    separator: str = "none"
    notes: tuple[str, ...] = ()
    declined: frozenset[str] = frozenset()

    @property
    def names(self) -> pd.Series:
        """What the table calls each sound."""
        return self.cells[self.roles["file"]].astype("string")

    @property
    def labels(self) -> pd.Series:
        """The labels of each row, a tuple of str."""
        return self._map("labels", find_label_format((), self.separator).split)

    def column(self, name: str) -> pd.Series | None:
        """A column as text; None if the table has no such column."""
        found = _find(self.cells, name)
        return self.cells[found].astype("string") if found else None

    def get(self, role: str) -> pd.Series | None:
        """The column of a role as text; None if the table has no such column."""
        return self.column(self.roles[role]) if role in self.roles else None

    def rows(
        self,
        names: pd.Series | None = None,
        labels: pd.Series | None = None,
        subset: pd.Series | None = None,
        split: pd.Series | str | None = None,
        fold: pd.Series | None = None,
        group: pd.Series | None = None,
        licence: pd.Series | str | None = None,
        source: pd.Series | None = None,
    ) -> ClipRows:
        """The rows for `check_rows`; what is not given is that of the table's roles.

        A text is the value of all rows. Where clips have splits and no folds, those of validation get fold 1, so that
        it is what a training holds out.
        """
        if split is None and "split" in self.roles:
            split = self._map("split", self._assignment("split").splits.get)
        if fold is None and "fold" in self.roles:
            fold = self._map("fold", self._assignment("fold").folds.get)
        if group is None and "group" in self.roles:
            group = self.get("group")
        split = None if "split" in self.declined else self._in_all_rows(split)
        if fold is None and split is not None:
            fold = fold_of_validation(split)
        return ClipRows(
            names=self.names if names is None else names,
            labels=self.labels if labels is None else labels,
            subset=subset,
            split=split,
            fold=None if "fold" in self.declined else fold,
            group=None if "group" in self.declined else group,
            licence=self._in_all_rows(licence),
            source=source,
        )

    def reading(self, root: Path, *ignored: str) -> Reading:
        """How the table was read, for the user to check; ``ignored`` are sentences about what was not used."""
        return Reading(
            source=self.path.relative_to(root).as_posix(),
            columns=tuple(map(str, self.cells.columns)),
            roles={role: (column,) for role, column in self.roles.items()},
            label_format=find_label_format((), self.separator).words,
            ignored=(*self.notes, *ignored),
        )

    def _map(self, role: str, function: Callable[[str], object]) -> pd.Series:
        column = self.cells[self.roles[role]]
        return pd.Series(map_cells(column, function), index=column.index, dtype=object)

    def _assignment(self, role: str) -> Assignment:
        name = self.roles[role]
        return read_assignment(name, self.cells[name].dropna().unique().tolist())

    def _in_all_rows(self, value: pd.Series | str | None) -> pd.Series | None:
        return pd.Series(value, index=self.cells.index, dtype="string") if isinstance(value, str) else value


def read_known_table(path: Path, options: OpenOptions, separator: str = "none", **columns: str) -> KnownTable:
    """Read a table whose columns are known.

    Parameters
    ----------
    path : Path
    options : OpenOptions
        Separators and columns that the user chose, instead of those that are known.
    separator : str
        How the labels of a cell are separated: a key of `audiotag.data.layouts.base.LABEL_SEPARATORS`.
    **columns
        The column of each role: ``file`` and ``labels``, which the table must have, ``split``, ``fold`` and ``group``.

    Raises
    ------
    AudiotagError
        If the table cannot be read, or has no column of files or labels.
    """
    file = read_table_file(path, options.separator, tuple(columns.values()))
    return choose_columns(path, file.table, options, separator, file.notes, **columns)


def choose_columns(
    path: Path,
    cells: pd.DataFrame,
    options: OpenOptions,
    separator: str = "none",
    notes: tuple[str, ...] = (),
    **columns: str,
) -> KnownTable:
    """The `KnownTable` of cells that were read before; arguments and errors as in `read_known_table`."""
    chosen = {role: getattr(options, option) for role, option in OPTION_OF_ROLE.items()}
    wanted = columns | {role: column for role, column in chosen.items() if column}
    for role in REQUIRED_ROLES:
        column_of(cells, (wanted[role],), path)
    roles = {role: found for role, name in wanted.items() if name != NO_COLUMN and (found := _find(cells, name))}
    declined = frozenset(role for role, column in chosen.items() if column == NO_COLUMN)
    return KnownTable(path, cells, roles, options.label_separator or separator, notes, declined)


def fold_of_validation(split: pd.Series) -> pd.Series:
    """Fold 1 for clips of the split validation, NA for the others."""
    return pd.Series(1, index=split.index, dtype="Int64").where(split.eq("validation").fillna(False).astype(bool))


def subset_of_verified(cells: pd.Series) -> pd.Series:
    """Curated where people verified the labels (1), noisy where they did not (0)."""
    is_verified = cells.str.strip().str.lower().isin(["1", "1.0", "true", "yes"])
    return pd.Series("noisy", index=cells.index).mask(is_verified, "curated")


def freesound_links(ids: pd.Series | None) -> pd.Series | None:
    """Links to sounds of Freesound by their numbers; NA where there is no number."""
    if ids is None:
        return None
    numbers = ids.astype("string").str.strip().str.extract(r"^(\d+)(?:\.0|\.wav)?$")[0]  # spreadsheets write 1.0 for 1
    return "https://freesound.org/s/" + numbers + "/"


def _find(cells: pd.DataFrame, name: str) -> str | None:
    """The table's own spelling of a column's name; None if there is no such column."""
    written = {normalised_name(column): column for column in reversed(list(map(str, cells.columns)))}
    return name if name in cells.columns else written.get(normalised_name(name))
