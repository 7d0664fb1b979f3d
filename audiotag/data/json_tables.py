"""Read JSON files as tables of text: a list of rows, one row per line, columns of lists, or labels by file name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from audiotag.data.table_bounds import check_cells, check_text_bytes
from audiotag.data.table_header import TableFile
from audiotag.data.text_files import open_text_file
from audiotag.errors import AudiotagError

MAX_JSON_CHARS = 2**24  # of a file that is one value: Python may take twenty times as much memory for it
Row = dict[str, Any]


def read_json_table(path: Path) -> TableFile:
    """Read a JSON file as a table; lists in cells stay JSON, objects in cells become columns like ``audio.path``.

    Raises
    ------
    AudiotagError
        If it is not such a file, or is beyond the bounds of tables.
    """
    text = open_text_file(path)
    with text.open() as file:
        start = file.read(MAX_JSON_CHARS)
        rest = file.read(1)
    has_lines = path.name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson"))
    value = None if has_lines else _whole(path, start, bool(rest))
    if value is None:
        with text.open() as file:
            return TableFile(_table(path, _rows_of_lines(path, file)), text.notes, first_line=1)
    return TableFile(_table(path, _rows_of_value(path, value)), text.notes)


def _whole(path: Path, text: str, is_longer: bool) -> Any:
    """The value of a file that is one; None if its first line is one."""
    try:
        json.loads(text.partition("\n")[0])
        if text.strip().count("\n"):
            return None  # one row per line
    except (ValueError, RecursionError):
        pass
    if is_longer:
        raise AudiotagError(
            f"{path} is too large for a table: a JSON file must have at most {MAX_JSON_CHARS:,} characters; save it as "
            "CSV, or as JSON Lines with one row per line (.jsonl)."
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise AudiotagError(
            f"{path.name} cannot be read as JSON; check that it is complete, or save it as CSV."
        ) from None


def _rows_of_lines(path: Path, lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise AudiotagError(
                f'{path.name}, line {number} must be a JSON object, like {{"file": "a.wav", "label": "dog"}}; '
                "mend the line, or save the table as CSV."
            )
        yield row


def _rows_of_value(path: Path, value: Any) -> Iterator[Row]:
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner and isinstance(inner[0], dict)]
        if len(lists) == 1:  # the rows beside facts about them
            value = lists[0]
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        yield from value
    elif isinstance(value, dict) and value and all(isinstance(inner, list) for inner in value.values()):
        if len({len(inner) for inner in value.values()}) == 1 and not any(map(is_sound, value)):
            yield from (dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True))
        else:
            yield from ({"file": name, "labels": labels} for name, labels in value.items())
    elif isinstance(value, dict) and value and all(isinstance(inner, dict) for inner in value.values()):
        if all(map(is_sound, value)) or not any(map(is_row_numbers, value.values())):
            yield from ({"file": name} | inner for name, inner in value.items())
        else:  # columns of cells by row number, as pandas writes them
            numbers = dict.fromkeys(number for column in value.values() for number in column)
            yield from ({name: column.get(number) for name, column in value.items()} for number in numbers)
    elif isinstance(value, dict) and value and not any(isinstance(inner, dict) for inner in value.values()):
        yield from ({"file": name, "labels": label} for name, label in value.items())
    else:
        raise AudiotagError(
            f'{path.name} is not a table: it must be a list of rows, like [{{"file": "a.wav", "label": "dog"}}]; '
            "save it so, or as CSV."
        )


def is_sound(name: str) -> bool:
    """Whether a name is that of a sound."""
    from audiotag.data.table_header import has_sound

    return has_sound([name])


def is_row_numbers(column: Row) -> bool:
    """Whether a column has its cells by row number, as pandas writes it."""
    return bool(column) and all(number.isdigit() for number in column)


def _table(path: Path, rows: Iterable[Row]) -> pd.DataFrame:
    columns: dict[str, list[str | None]] = {}
    count = text_bytes = 0
    for row in rows:
        for name, value in _cells(row):
            column = columns.setdefault(name, [])
            cell = cell_text(value)
            text_bytes += len(cell) if cell else 0
            column += [None] * (count - len(column))
            column[count:] = [cell]
        count += 1
        check_cells(path, len(columns), count)
        check_text_bytes(path, text_bytes)
    filled = {name: column + [None] * (count - len(column)) for name, column in columns.items()}
    return pd.DataFrame({name: pd.Series(cells, dtype="str") for name, cells in filled.items()})


def _cells(row: Row, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict) and not before:
            yield from _cells(value, f"{name}.")
        else:
            yield before + name, value


def cell_text(value: Any) -> str | None:
    """A value as the text of a cell; lists and objects stay JSON."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
