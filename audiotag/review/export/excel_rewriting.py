"""Change cells of the sheet that a table was read from; the other sheets and cells stay as openpyxl reads them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from audiotag.data.table_header import TableFile
from audiotag.review.export.cell_changes import CannotRewriteError, Changes, NewCell

MACROS = ".xlsm"


def rewrite_excel(path: Path, file: TableFile, changes: Changes) -> bytes:
    """The content of a workbook with other cells.

    Parameters are as in `audiotag.review.export.rewriting.rewrite`.

    Raises
    ------
    CannotRewriteError
        If the rows are not found where they should be.
    """
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(path.read_bytes()), keep_vba=path.suffix.lower() == MACROS)
    except Exception as error:  # what the reader took for a workbook may be too damaged to be written again
        raise CannotRewriteError("the workbook cannot be written again") from error
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
    sheet = next((sheet for sheet in sheets if _has_rows(sheet)), None)
    rows = [] if sheet is None else [row for row in sheet.iter_rows(min_row=file.first_line) if _is_filled(row)]
    if len(rows) != len(file.table):
        raise CannotRewriteError(f"its {len(file.table):,} rows cannot be found again in the file")
    position_of = dict(zip(file.table.columns, file.positions, strict=True))
    for (row, column), new in changes.items():
        cell = rows[row][position_of[column]]
        cell.value = value = _value(cell.value, new)
        if isinstance(value, str):
            cell.data_type = "s"  # a label that begins with = is not a formula
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _has_rows(sheet: Any) -> bool:
    return any(_is_filled(row) for row in sheet.iter_rows())


def _is_filled(row: Any) -> bool:
    return any(cell.value not in (None, "") for cell in row)


def _value(before: Any, new: NewCell) -> Any:
    if isinstance(before, bool) and new.is_in is not None:
        return new.is_in
    if isinstance(before, int | float) and new.text.isdecimal():
        return int(new.text)
    return new.text or None
