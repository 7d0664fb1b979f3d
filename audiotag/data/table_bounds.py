"""Bounds on tables, checked before they are read: a small file must not take much memory.

A table with few bytes may have very many cells: a header with thousands of columns above short lines, or a Parquet
column that repeats one value.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

from audiotag.errors import AudiotagError, require_path

MAX_TABLE_BYTES = 2**29  # of a text file, and of all cells of a Parquet file as text
MAX_LINE_BYTES = 2**20
MAX_COLUMNS = 20_000
MAX_CELLS = 20_000_000
SEPARATORS = ",;\t|"
NOT_TEXT = {  # first bytes of files that are sometimes given a table's suffix
    b"PK\x03\x04": "a spreadsheet or a zip archive",
    b"\x1f\x8b": "compressed (gzip) twice",
    b"\xfd7zXZ": "compressed (xz)",
    b"BZh": "compressed (bzip2)",
    b"\x28\xb5\x2f\xfd": "compressed (zstd)",
    b"PAR1": "a Parquet file, whose name must end in .parquet",
    b"%PDF": "a PDF file",
    b"<!doctype html": "a web page; download the table itself",
    b"<html": "a web page; download the table itself",
    b"version https://git-lfs": "only a pointer of Git LFS to the file; run git lfs pull in its folder",
}


def check_text_size(path: Path) -> None:
    """Raise `AudiotagError` if a text file has more bytes than a table may have."""
    _require(path, "its size", path.stat().st_size, MAX_TABLE_BYTES, "bytes", "split it")


def check_text_blocks(path: Path, blocks: Iterable[str]) -> int:
    """Number of lines of a text that comes block by block; raises `AudiotagError` if it is beyond the bounds."""
    line_bytes, text_bytes = 0, 0
    line_feeds = carriage_returns = 0  # "\r\n" is both; its two halves may be in two blocks
    for text in blocks:
        block = text.encode(errors="surrogatepass")
        text_bytes += len(block)
        _require(path, "its text", text_bytes, MAX_TABLE_BYTES, "bytes", "split it")
        if b"\0" in block:
            raise AudiotagError(
                f"{path.name} cannot be read as a CSV file with a header line: it has NUL characters, so it is not "
                "UTF-8 text; save it as CSV in UTF-8."
            )
        first, *others = block.replace(b"\r", b"\n").split(b"\n")
        longest = max(line_bytes + len(first), *map(len, others), 0)
        _require(path, "a line", longest, MAX_LINE_BYTES, "bytes", "is a quotation mark missing?")
        line_bytes = len(others[-1]) if others else line_bytes + len(first)
        line_feeds += block.count(b"\n")
        carriage_returns += block.count(b"\r")
    return max(line_feeds, carriage_returns) + 1


def require_text(path: Path, start: bytes) -> None:
    """Raise `AudiotagError` if a file that begins with these bytes is certainly no text of a table."""
    for known, kind in NOT_TEXT.items():
        if start.lower().startswith(known.lower()):
            raise AudiotagError(
                f"{path.name} cannot be read as a CSV file with a header line: it is {kind}; save it as CSV in UTF-8."
            )


def require_file(path: Path) -> None:
    """Raise `OSError` if there is no file, and `AudiotagError` for a device or a pipe, which may never end."""
    require_path(path)
    if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
        raise AudiotagError(f"{path} must be a file, it is a device or a pipe; save the table as a file.")


def check_parquet_table(path: Path, columns: int, rows: int, values: int) -> None:
    """Raise `AudiotagError` unless a Parquet table is within the bounds.

    Parameters
    ----------
    path : Path
    columns, rows : int
    values : int
        Of all columns; more than ``columns`` times ``rows`` where cells hold lists.
    """
    check_cells(path, columns, rows)
    _require(path, "it", values, MAX_CELLS, "values", "split it")


def check_text_bytes(path: Path, text_bytes: int) -> None:
    """Raise `AudiotagError` if the cells of a table have too much text."""
    _require(path, "the text of its cells", text_bytes, MAX_TABLE_BYTES, "bytes", "split it")


def check_cells(path: Path, columns: int, rows: int) -> None:
    """Raise `AudiotagError` if a table has more columns or cells than it may have."""
    _require(path, "it", columns, MAX_COLUMNS, "columns", "is it the right file?")
    _require(path, "it", columns * rows, MAX_CELLS, f"cells ({rows:,} rows × {columns:,} columns)", "split it")


def _require(path: Path, what: str, value: int, most: int, unit: str, hint: str) -> None:
    if value > most:
        raise AudiotagError(
            f"{path} is too large for a table: {what} must have at most {most:,} {unit}, got {value:,}; {hint}."
        )
