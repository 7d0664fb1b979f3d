"""Read a table from a file of any kind: CSV and other text, Excel, JSON, Parquet, also compressed by gzip.

What a file is decides its content where that is unmistakable, and its suffix otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audiotag.data.column_names import normalised_name
from audiotag.data.excel_tables import is_workbook, read_excel_table
from audiotag.data.json_tables import read_json_table
from audiotag.data.table_bounds import require_file
from audiotag.data.table_header import TableFile
from audiotag.data.text_tables import read_text_table
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason
from audiotag.spreadsheets import rearm

TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".psv", ".jsonl", ".ndjson")
OTHER_SUFFIXES = (".parquet", ".xlsx", ".xlsm")
# A folder's table is one of these; text and JSON files (.txt, .json) may be anything, and count where they are named.
FOLDER_SUFFIXES = (*TEXT_SUFFIXES, *(f"{suffix}.gz" for suffix in TEXT_SUFFIXES), *OTHER_SUFFIXES)
TABLE_SUFFIXES = (*FOLDER_SUFFIXES, ".txt", ".json", ".txt.gz", ".json.gz")
TABLE_FOLDERS = ("meta", "metadata", "annotations", "annotation", "labels", "tables", "csv")  # beside the sounds
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


def read_table_file(
    path: Path, separator: str | None = None, further: tuple[str, ...] = (), has_header: bool = True
) -> TableFile:
    """Read a file as a table of text.

    Parameters
    ----------
    path : Path
    separator : str, optional
        Column separator of a text file; detected by default.
    further : tuple[str, ...]
        Names of columns that the table may have beside the usual ones; they help to find separator and header.
    has_header : bool
        False if it is known that a text file has no header; otherwise that is detected.

    Raises
    ------
    AudiotagError
        If the file cannot be read as a table; the message says why.
    """
    names = frozenset(map(normalised_name, further))
    try:
        require_file(path)
        suffix = path.name.lower().removesuffix(".gz").rpartition(".")[2]
        with path.open("rb") as file:
            start = file.read(4)
        if suffix == "parquet":  # also if it is damaged
            from audiotag.data.parquet_tables import read_parquet_table

            return TableFile(read_parquet_table(path))
        if start == OLD_EXCEL:
            raise AudiotagError(f"{path.name} is a file of an old Excel; save it as .xlsx or CSV.")
        if start == ZIP and (suffix in ("xlsx", "xlsm") or is_workbook(path)):
            workbook = read_excel_table(path, names)  # a table for spreadsheets may have been saved as a workbook
            return replace(workbook, table=workbook.table.map(rearm).rename(columns=rearm))
        if f".{suffix}" in JSON_SUFFIXES:
            return read_json_table(path)
        return read_text_table(path, separator, names, has_header)
    except IsADirectoryError as error:
        raise AudiotagError(f"{path} is a folder; give the table in it.") from error
    except OSError as error:
        raise AudiotagError(f"{path} cannot be read: {plain_reason(error)}.") from error
