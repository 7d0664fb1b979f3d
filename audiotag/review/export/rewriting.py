"""Read a table as its dataset was read, and write it again with other cells, whatever the kind of its file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Reading
from audiotag.data.excel_tables import is_workbook
from audiotag.data.layouts import OpenOptions
from audiotag.data.table_files import JSON_SUFFIXES, read_table_file
from audiotag.data.table_header import TableFile
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason
from audiotag.review.export.cell_changes import CannotRewriteError, Changes
from audiotag.review.export.excel_rewriting import rewrite_excel
from audiotag.review.export.json_rewriting import rewrite_json
from audiotag.review.export.parquet_rewriting import rewrite_parquet
from audiotag.review.export.text_rewriting import rewrite_text


def read_again(path: Path, reading: Reading, options: OpenOptions) -> TableFile:
    """The table with the columns that a layout found in it.

    Raises
    ------
    CannotRewriteError
        If it does not have them.
    """
    further = tuple(column for columns in reading.roles.values() for column in columns)
    for has_header in (True, False):
        try:
            file = read_table_file(path, options.separator, further, has_header)
        except AudiotagError as error:
            raise CannotRewriteError(f"it cannot be read any more ({plain_reason(error)})") from error
        if tuple(map(str, file.table.columns)) == reading.columns:
            return file
    if file.table.shape[1] == len(reading.columns):  # a layout that knows what the columns are
        return TableFile(
            file.table.set_axis(list(reading.columns), axis=1), (), file.first_line, False, file.positions, file.form
        )
    raise CannotRewriteError("its columns cannot be found again in the file")


def rewrite(path: Path, file: TableFile, changes: Changes) -> bytes:
    """The content of a table's file with other cells; nothing else is changed, which is checked.

    Parameters
    ----------
    path : Path
    file : TableFile
        The table as `read_again` gives it.
    changes : Changes

    Raises
    ------
    CannotRewriteError
        If that is not possible.
    """
    if not changes:
        return path.read_bytes()
    content = _rewritten(path, file, changes)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / path.name
        written.write_bytes(content)
        try:
            again = read_table_file(
                written,
                file.form.separator if file.form and len(file.form.separator) == 1 else None,
                tuple(map(str, file.table.columns)),
                file.has_header,
            ).table
        except AudiotagError as error:
            raise CannotRewriteError(f"it could not be read any more ({plain_reason(error)})") from error
    if again.shape != file.table.shape:
        raise CannotRewriteError("it would have other rows or columns")
    again = again.set_axis(file.table.columns, axis=1)
    for column in file.table.columns:
        rows = [row for row, name in changes if name == column]
        before, after = (table[column].drop(index=rows).astype("string") for table in (file.table, again))
        if not _equal(before, after):
            raise CannotRewriteError(f"other cells of its column {column} would change")
    return content


def _rewritten(path: Path, file: TableFile, changes: Changes) -> bytes:
    suffix = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if suffix == "parquet":
        return rewrite_parquet(path, file, changes)
    if file.form is not None:
        return rewrite_text(path, file, changes)
    if suffix in ("xlsx", "xlsm") or is_workbook(path):
        return rewrite_excel(path, file, changes)
    if f".{suffix}" in JSON_SUFFIXES:
        return rewrite_json(path, file, changes)
    raise CannotRewriteError("files of its kind are not written")


def _equal(one: pd.Series, other: pd.Series) -> bool:
    return one.fillna("").tolist() == other.fillna("").tolist()
