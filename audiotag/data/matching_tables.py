"""Which of the tables beside sounds are about them: a table of features or authors beside class folders is not."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from audiotag.data.sound_paths import SoundPaths
from audiotag.data.table_bounds import SEPARATORS
from audiotag.data.tables import FILE_COLUMNS

ROWS = 50  # the first ones decide
START_BYTES = 2**18
BYTE_ORDERS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
TEXT_SUFFIXES = (".csv", ".tsv", ".txt")


def names_sounds(table: Path, sounds: SoundPaths) -> bool:
    """Whether a column of a table names sounds: at least half of its first cells do.

    A number is the name of a sound only in a column that is called so, because the rows of many tables are numbered.

    Parameters
    ----------
    table : Path
        A text or Parquet table; any other is taken to name sounds, because it is too slow to look into.
    sounds : SoundPaths
    """
    columns = _first_cells(table)
    if columns is None:
        return True
    for name, cells in columns.items():
        filled = [cell for cell in cells if cell.strip()]
        if name.strip().lower() not in FILE_COLUMNS:
            filled = [cell for cell in filled if not cell.strip().replace(".", "").isdecimal()]
        found = sum(sounds.find(cell) is not None for cell in filled)
        if found and 2 * found >= len(filled):
            return True
    return False


def _first_cells(table: Path) -> dict[str, list[str]] | None:
    """The first cells of each column; None for a table of another kind, no columns if it cannot be read."""
    suffix = table.suffix.lower()
    try:
        if suffix == ".parquet":
            return _parquet_cells(table)
        return _text_cells(table) if suffix in TEXT_SUFFIXES else None
    except (OSError, ValueError, csv.Error, pa.ArrowException):
        return {}


def _text_cells(table: Path) -> dict[str, list[str]]:
    with table.open("rb") as file:
        start = file.read(START_BYTES)
    text = start.decode(BYTE_ORDERS.get(start[:2], "utf-8-sig"), errors="replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("#", "sep="))]
    separator = max(SEPARATORS, key=lambda sign: lines[0].count(sign)) if lines else ","
    rows = csv.reader(lines, delimiter=separator)
    header = next(rows, [])
    return _columns(header, itertools.islice(rows, ROWS))


def _parquet_cells(table: Path) -> dict[str, list[str]]:
    with pq.ParquetFile(table) as file:
        schema = file.schema_arrow
        names = [
            field.name
            for field in schema
            if pa.types.is_string(field.type)
            or pa.types.is_large_string(field.type)
            or pa.types.is_dictionary(field.type)
            or (pa.types.is_integer(field.type) and field.name.lower() in FILE_COLUMNS)
        ]
        batch = next(file.iter_batches(ROWS, columns=names), None)
        cells = batch.to_pydict() if batch is not None else {}
    return {name: [str(cell) for cell in column if cell is not None] for name, column in cells.items()}


def _columns(header: list[str], rows: Iterator[list[str]]) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {name: [] for name in header}
    for row in rows:
        for name, cell in zip(header, row, strict=False):
            columns[name].append(cell)
    return columns
