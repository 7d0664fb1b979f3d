"""Which of the tables beside sounds are about them: a table of features or authors beside class folders is not."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from audiotag.data.column_names import FILE_NAMES, normalised_name
from audiotag.data.column_roles import Wanted, distinct_cells, find_roles
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.table_bounds import SEPARATORS
from audiotag.data.table_files import read_table_file
from audiotag.data.table_header import distinct_names
from audiotag.errors import AudiotagError

ROWS = 50  # the first ones decide
START_BYTES = 2**18
BYTE_ORDERS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
TEXT_SUFFIXES = (".csv", ".tsv", ".txt")


def names_sounds(table: Path, sounds: SoundPaths) -> bool:
    """Whether a table has a column of labels, and one that names sounds: at least half of its first cells do.

    A number is the name of a sound only in a column that is called so, because the rows of many tables are numbered.

    Parameters
    ----------
    table : Path
    sounds : SoundPaths
    """
    try:
        cells = _first_cells(table)
        roles = find_roles(table, cells, sounds, Wanted())
    except (AudiotagError, OSError, ValueError, csv.Error, pa.ArrowException):
        return False  # a table that is meant is opened by its path, and its fault is said then
    names = distinct_cells(cells[roles.file])
    if normalised_name(roles.file) not in FILE_NAMES:
        names = [name for name in names if not name.strip().replace(".", "").isdecimal()]
    found = sum(bool(sounds.candidates(name)) for name in names)  # other columns may say which folder is meant
    return found > 0 and 2 * found >= len(names)


def has_sound_in(table: Path, column: str, sounds: SoundPaths) -> bool:
    """Whether one of the first cells of a column names a sound."""
    try:
        cells = _first_cells(table)
    except (AudiotagError, OSError, ValueError, csv.Error, pa.ArrowException):
        return False
    return column in cells and any(sounds.find(cell) for cell in distinct_cells(cells[column]))


def _first_cells(table: Path) -> pd.DataFrame:
    """The first rows of a table as text; of a kind that cannot be read in part, all rows."""
    suffix = table.suffix.lower()
    if suffix == ".parquet":
        return _parquet_cells(table)
    return _text_cells(table) if suffix in TEXT_SUFFIXES else read_table_file(table).table.head(ROWS)


def _text_cells(table: Path) -> pd.DataFrame:
    with table.open("rb") as file:
        start = file.read(START_BYTES)
    text = start.decode(BYTE_ORDERS.get(start[:2], "utf-8-sig"), errors="replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("#", "sep="))]
    separator = max(SEPARATORS, key=lambda sign: lines[0].count(sign)) if lines else ","
    rows = csv.reader(lines, delimiter=separator)
    header = distinct_names([name or f"Unnamed: {at}" for at, name in enumerate(next(rows, []))])
    body = [row[: len(header)] + [""] * (len(header) - len(row)) for row in itertools.islice(rows, ROWS)]
    return pd.DataFrame(body, columns=header, dtype="str").replace("", pd.NA)


def _parquet_cells(table: Path) -> pd.DataFrame:
    with pq.ParquetFile(table) as file:
        batch = next(file.iter_batches(ROWS), None)
        columns = file.schema_arrow.names if batch is None else batch.schema.names
        cells = [] if batch is None else [[_text(cell) for cell in column.to_pylist()] for column in batch.columns]
    return pd.DataFrame(dict(zip(columns, cells, strict=False)), columns=columns, dtype="str")


def _text(cell: object) -> object:
    return pd.NA if cell is None else str(cell)
