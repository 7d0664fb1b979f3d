"""Read tables of published datasets, whose columns are known, and what their cells say: labels, splits, folds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Reading
from audiotag.data.layouts.base import LABEL_SEPARATORS, NO_COLUMN, OpenOptions
from audiotag.data.layouts.reading import ClipRows
from audiotag.data.tables import column_of, map_cells, read_table

OPTION_OF_ROLE = {
    "file": "file_column",
    "labels": "label_column",
    "split": "split_column",
    "fold": "fold_column",
    "group": "group_column",
}
REQUIRED_ROLES = ("file", "labels")
SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "eval": "test",
}
FOLD_CELL = re.compile(r"(?:fold)?[ _-]?(\d{1,9})(?:\.0+)?", re.IGNORECASE)  # spreadsheets write 1.0 for 1


@dataclass(frozen=True)
class KnownTable:
    """A table of a published dataset, read as text, with the columns that are used.

    Attributes
    ----------
    path : Path
    cells : pandas.DataFrame
    roles : dict[str, str]
        The column of each role (file, labels, split, fold or group) that the table has.
    options : OpenOptions
    """

    path: Path
    cells: pd.DataFrame
    roles: dict[str, str]
    options: OpenOptions

    @property
    def names(self) -> pd.Series:
        """What the table calls each sound."""
        return self.cells[self.roles["file"]]

    def column(self, name: str) -> pd.Series | None:
        """A column as text; None if the table has no such column."""
        return self.cells[name].astype("string") if name in self.cells else None

    def get(self, role: str) -> pd.Series | None:
        """The column of a role as text; None if the table has no such column."""
        return self.column(self.roles[role]) if role in self.roles else None

    def labels(self, separator: str = "") -> pd.Series:
        """The labels of each row, a tuple of str: one label per cell, or several with a separator between them."""
        chosen = self.options.label_separator
        sign = LABEL_SEPARATORS[chosen] if chosen else separator
        return self._map("labels", lambda cell: _split_labels(cell, sign))

    def rows(
        self,
        labels: pd.Series,
        names: pd.Series | None = None,
        subset: pd.Series | None = None,
        split: pd.Series | str | None = None,
        fold: pd.Series | None = None,
        group: pd.Series | None = None,
        licence: pd.Series | str | None = None,
        source: pd.Series | None = None,
    ) -> ClipRows:
        """The rows for `check_rows`; names, splits, folds and groups are those of the roles unless they are given.

        A text is the value of all rows. Where clips have splits and no folds, those of validation get fold 1, so that
        it is what a training holds out.
        """
        if split is None and "split" in self.roles:
            split = self._map("split", split_of)
        if fold is None and "fold" in self.roles:
            fold = self._map("fold", fold_of)
        split = self._in_all_rows(split)
        return ClipRows(
            names=self.names if names is None else names,
            labels=labels,
            subset=subset,
            split=split,
            fold=fold_of_validation(split) if fold is None and split is not None else fold,
            group=self.get("group") if group is None else group,
            licence=self._in_all_rows(licence),
            source=source,
        )

    def reading(self, root: Path, label_format: str = "one label", *ignored: str) -> Reading:
        """How the table was read, for the user to check; ``ignored`` are sentences about what was not used."""
        return Reading(
            source=self.path.relative_to(root).as_posix(),
            columns=tuple(map(str, self.cells.columns)),
            roles={role: (column,) for role, column in self.roles.items()},
            label_format=label_format,
            ignored=ignored,
        )

    def _map(self, role: str, function: Callable[[str], object]) -> pd.Series:
        return pd.Series(map_cells(self.cells[self.roles[role]], function), index=self.cells.index, dtype=object)

    def _in_all_rows(self, value: pd.Series | str | None) -> pd.Series | None:
        return pd.Series(value, index=self.cells.index, dtype="string") if isinstance(value, str) else value


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
    roles = {role: name for role, name in wanted.items() if name != NO_COLUMN and name in cells.columns}
    return KnownTable(path, cells, roles, options)


def split_of(cell: str) -> object:
    """The split that a cell names, NA if it names none.

    >>> split_of("val"), split_of("Train")
    ('validation', 'train')
    """
    return SPLIT_WORDS.get(cell.strip().lower(), pd.NA)


def fold_of(cell: str) -> object:
    """The number of a fold, NA if there is none.

    >>> fold_of("3"), fold_of("fold10"), fold_of("2.0")
    (3, 10, 2)
    """
    fold = FOLD_CELL.fullmatch(cell.strip())
    return int(fold[1]) if fold else pd.NA


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


def _split_labels(cell: str, separator: str) -> tuple[str, ...]:
    parts = cell.split(separator) if separator else [cell]
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
