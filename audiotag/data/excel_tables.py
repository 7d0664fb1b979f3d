"""Read the first sheet of an Excel workbook (.xlsx) as a table of text, within bounds."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path
from typing import Any

import pandas as pd

from audiotag.data.table_bounds import check_cells, check_text_bytes, require_file
from audiotag.data.table_header import TableFile, find_header, with_header
from audiotag.errors import AudiotagError

MAX_UNPACKED_BYTES = 2**27  # of all parts of a workbook; one of 100,000 rows has 10 MB
MAX_PARTS = 10_000
HEADER_ROWS = 20  # among which the header is


def is_workbook(path: Path) -> bool:
    """Whether a file is a zip archive that holds an Excel workbook; its name does not matter."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


def read_excel_table(path: Path, further: frozenset[str] = frozenset()) -> TableFile:
    """Read the first sheet that has rows.

    Parameters
    ----------
    path : Path
    further : frozenset[str]
        Normalised names of columns that are known beside the usual ones.

    Raises
    ------
    AudiotagError
        If the file is damaged, or is beyond the bounds of tables.
    """
    try:
        from openpyxl import load_workbook
    except ModuleNotFoundError as error:
        raise AudiotagError(
            f"{path.name} is an Excel workbook, which needs the package openpyxl; install it, or save the table as CSV."
        ) from error
    require_file(path)
    _check_size(path)
    file = path.open("rb")  # whose suffix may be another one
    try:
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
            title, rows = next(((sheet.title, rows) for sheet in sheets if (rows := _rows(path, sheet))), ("", []))
        finally:
            book.close()
    except (AudiotagError, MemoryError):
        raise
    except Exception as error:  # whatever a damaged part of the archive makes of its reader
        raise AudiotagError(
            f"{path.name} cannot be read as an Excel workbook: it is damaged; save it again, or as CSV."
        ) from error
    finally:
        file.close()
    if not rows:
        raise AudiotagError(f"{path.name} has no rows in its sheets; check that it is the right file.")
    numbered = [(at, row) for at, row in enumerate(rows) if any(row)]
    columns = max(len(row) for row in rows)
    filled = [[cell or "" for cell in row if cell is not None] for _, row in numbered[:HEADER_ROWS]]
    first, is_header = find_header(filled, further)
    at = numbered[first][0]
    header = [cell or "" for cell in rows[at]] + [""] * (columns - len(rows[at])) if is_header else None
    cells = [[*row, *[None] * (columns - len(row))] for row in rows[at + is_header :] if any(row)]
    table = pd.DataFrame(cells, columns=range(columns), dtype="str")
    notes = [f"The sheet {title} was read; the workbook has {len(sheets)}."] if len(sheets) > 1 else []
    return with_header(path, table, header, tuple(notes), at + is_header + 1)


def _check_size(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise AudiotagError(
            f"{path.name} cannot be read as an Excel workbook: it is damaged; save it again."
        ) from error
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED_BYTES or len(parts) > MAX_PARTS:
        raise AudiotagError(
            f"{path} is too large for a table: an Excel workbook must have at most {MAX_UNPACKED_BYTES:,} bytes when "
            f"it is unpacked, got {unpacked:,}; save its sheet as CSV."
        )


def _rows(path: Path, sheet: Any) -> list[list[str | None]]:
    """All rows of a sheet as text, without empty cells at their ends."""
    rows: list[list[str | None]] = []
    cells = text_bytes = 0
    for values in _values(sheet):
        cells += len(values)
        row = [_text(value) for value in values]
        while row and row[-1] is None:
            row.pop()
        rows.append(row)
        text_bytes += sum(len(cell) for cell in row if cell)
        check_cells(path, 1, cells)
        check_text_bytes(path, text_bytes)
    while rows and not rows[-1]:
        rows.pop()
    if rows:
        check_cells(path, max(map(len, rows)), len(rows))
    return rows


def _values(sheet: Any) -> Iterator[tuple]:
    if hasattr(sheet, "reset_dimensions"):
        sheet.reset_dimensions()  # which may claim any number of rows and columns
    yield from sheet.iter_rows(values_only=True)


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date | time) else str(value)
