"""Read the columns of one table: what each row says about its clip, and how that was found out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audiotag.data.column_names import KNOWN_NAMES, normalised_name
from audiotag.data.column_roles import ColumnRoles, Wanted, find_roles
from audiotag.data.dataset import Reading
from audiotag.data.label_cells import WORDS, find_label_format
from audiotag.data.label_columns import SEVERAL
from audiotag.data.layouts.base import OpenOptions
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.table_files import read_table_file
from audiotag.data.table_header import TableFile
from audiotag.data.tables import map_cells
from audiotag.errors import AudiotagError

ROW_COLUMNS = ("subset", "split", "fold", "group", "licence", "source")
MAX_FOLDERS = 1000  # different cells of a column that names folders
FREESOUND, VIDEO = "freesoundid", "flickrvideourl"


@dataclass(frozen=True)
class ClipRows:
    """The rows of a table, as a layout understood them; each series has the index of ``names``.

    Attributes
    ----------
    names : pandas.Series
        What the table calls each sound, str or NA; its index has the numbers of the rows in the table, from 0.
    labels : pandas.Series
        A tuple of str per row.
    subset : pandas.Series, optional
        The subset of each row; by default that of the table.
    split, fold, group, licence, source : pandas.Series, optional
        As in the ``clips`` of a `Dataset`; NA in every row if left out.
    """

    names: pd.Series
    labels: pd.Series
    subset: pd.Series | None = None
    split: pd.Series | None = None
    fold: pd.Series | None = None
    group: pd.Series | None = None
    licence: pd.Series | None = None
    source: pd.Series | None = None


@dataclass(frozen=True)
class TableColumns:
    """What the rows of a table say, and how it was read."""

    rows: ClipRows
    reading: Reading


def read_columns(
    path: Path, sounds: SoundPaths, options: OpenOptions, vocabulary: tuple[str, ...] = ()
) -> TableColumns:
    """Read a table, and find out which of its columns is what.

    Parameters
    ----------
    path : Path
    sounds : SoundPaths
        Where its sounds should be.
    options : OpenOptions
        What is not detected.
    vocabulary : tuple[str, ...]
        All labels, where they are known.

    Raises
    ------
    AudiotagError
        If it is not a table, or has no column of files or labels; the message has the columns that it has.
    """
    if options.label_separator is not None and options.label_separator not in WORDS:
        raise AudiotagError(
            f"the label separator must be one of {', '.join(WORDS)}, got {options.label_separator!r}; leave it out to "
            "have it detected automatically."
        )
    wanted = Wanted(
        options.file_column, options.label_column, options.split_column, options.fold_column, options.group_column
    )
    file, roles = _read_with_roles(path, sounds, options.separator, wanted)
    table = file.table
    names, folder_column = _names_with_folders(table, roles, sounds)
    labels, words = _labels(table, roles, options, vocabulary)
    split, fold = _splits_and_folds(table, roles)
    rows = ClipRows(
        names=names,
        labels=labels,
        split=split,
        fold=fold,
        subset=None if split is None else split.eq("test").map({True: "test"}),
        group=table[roles.group].astype("string") if roles.group else None,
        licence=table[roles.licence].astype("string") if roles.licence else None,
        source=_source_links(table),
    )
    used = {"file": (*folder_column, roles.file), "labels": roles.labels.columns}
    used |= {role: (name,) for role in ("split", "fold", "group") if (name := getattr(roles, role))}
    columns = tuple(map(str, table.columns))
    return TableColumns(rows, Reading(str(path), columns, used, words, (*file.notes, *roles.notes)))


def _read_with_roles(
    path: Path, sounds: SoundPaths, separator: str | None, wanted: Wanted
) -> tuple[TableFile, ColumnRoles]:
    """The table and the roles of its columns; a header that names a sound is the first row."""
    further = tuple(filter(None, (wanted.file, wanted.labels, wanted.split, wanted.fold, wanted.group)))
    file = read_table_file(path, separator, further)
    roles = find_roles(path, file.table, sounds, wanted)
    is_named = normalised_name(roles.file) in KNOWN_NAMES or roles.file == wanted.file
    if file.has_header and not is_named and sounds.candidates(roles.file):
        file = read_table_file(path, separator, further, has_header=False)
        roles = find_roles(path, file.table, sounds, wanted)
    return file, roles


def _names_with_folders(
    table: pd.DataFrame, roles: ColumnRoles, sounds: SoundPaths
) -> tuple[pd.Series, tuple[str, ...]]:
    """What each row calls its sound, and the column that has its folder, if several sounds have that name."""
    names = table[roles.file]
    distinct = names.dropna().unique().tolist()
    if not any(len(sounds.candidates(name)) > 1 for name in distinct):
        return names, ()
    best, found = names, sum(len(sounds.candidates(name)) == 1 for name in names.dropna().tolist())
    chosen: tuple[str, ...] = ()
    for column in map(str, table.columns):
        if column == roles.file or table[column].nunique() > MAX_FOLDERS:
            continue
        for before in ("", normalised_name(column)):  # the fold 1 is in the folder fold1
            joined = (before + table[column].str.strip() + "/" + names.str.strip()).where(names.notna(), names)
            count = sum(len(sounds.candidates(name)) == 1 for name in joined.dropna().tolist())
            if count > found:
                best, found, chosen = joined, count, (column,)
    return best, chosen


def _labels(
    table: pd.DataFrame, roles: ColumnRoles, options: OpenOptions, vocabulary: tuple[str, ...]
) -> tuple[pd.Series, str]:
    """The labels of each row, and how they are written."""
    cells = pd.concat([table[column] for column in roles.labels.columns])
    has_texts = roles.labels.kind in ("", SEVERAL)
    how = find_label_format(cells.dropna().unique().tolist() if has_texts else (), options.label_separator, vocabulary)
    if roles.labels.kind:
        return roles.labels.labels_by_row(table, how.split), roles.labels.kind
    return pd.Series(map_cells(cells, how.split), index=table.index, dtype=object), how.words


def _splits_and_folds(table: pd.DataFrame, roles: ColumnRoles) -> tuple[pd.Series | None, pd.Series | None]:
    """The split and the fold of each row; None if there are none.

    Clips of the validation split are those of fold 1 where there are no folds.
    """
    split = fold = None
    if roles.split:
        split = table[roles.split].map(roles.assignment[roles.split].splits).astype("string")
    if roles.fold:
        fold = table[roles.fold].map(roles.assignment[roles.fold].folds).astype("Int64")
        lacking = int((fold.isna() & (True if split is None else split.ne("test").fillna(True))).sum())
        if lacking:
            rows = "1 row has" if lacking == 1 else f"{lacking:,} rows have"
            roles.notes.append(f"{rows} no fold in the column {roles.fold}: folds are drawn anew.")
    elif split is not None and split.eq("validation").any() and split.eq("train").any():
        fold = split.eq("validation").map({True: 1}).astype("Int64")
    return split, fold


def _source_links(table: pd.DataFrame) -> pd.Series:
    """Links to where the clips came from: a Flickr video, or a sound of Freesound."""
    columns = {normalised_name(name): table[name] for name in table.columns}
    nothing = pd.Series(pd.NA, index=table.index, dtype="string")
    sounds = columns.get(FREESOUND, nothing).astype("string").str.removesuffix(".0")  # spreadsheets write 1.0 for 1
    return columns.get(VIDEO, nothing).astype("string").fillna("https://freesound.org/s/" + sounds + "/")
