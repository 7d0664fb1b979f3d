"""Change values of a JSON table and leave every other character of it as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from json import JSONDecoder
from pathlib import Path
from typing import Any

from audiotag.data.json_tables import cell_text, is_row_numbers, is_sound
from audiotag.data.table_header import TableFile
from audiotag.data.text_files import open_text_file
from audiotag.review.export.cell_changes import CannotRewriteError, Changes, NewCell
from audiotag.review.export.text_rewriting import read_text

BLANK = re.compile(r"[ \t\r\n]*")
MAX_DEPTH = 4  # an object around the list of rows, the list, a row, an object in a cell
DECODER = JSONDecoder()
UNREADABLE = "its rows cannot be found again in the file"


@dataclass
class _Node:
    """A value and where it is in the text."""

    value: Any
    start: int
    end: int
    members: dict[str, _Node] = field(default_factory=dict)
    items: list[_Node] = field(default_factory=list)


_Row = dict[str, _Node]


def rewrite_json(path: Path, file: TableFile, changes: Changes) -> bytes:
    """The content of a JSON table with other cells.

    Parameters are as in `audiotag.review.export.rewriting.rewrite`.

    Raises
    ------
    CannotRewriteError
        If a value is not found where it should be, or a new one cannot be written in its place.
    """
    form = open_text_file(path)
    found = read_text(path, form.encoding, form.errors)
    text = found.text
    has_lines = path.name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson"))
    rows = list(_rows_of_lines(text) if has_lines or _is_lines(text) else _rows_of_value(_scan(text, 0, MAX_DEPTH)))
    if len(rows) != len(file.table):
        raise CannotRewriteError(UNREADABLE)
    edits = []
    for (row, column), cell in changes.items():
        node, before = _cells(rows[row]).get(column), file.table[column].iat[row]
        if node is None or cell_text(node.value) != (before if isinstance(before, str) else None):
            raise CannotRewriteError(f"its row {row + 1} has no value to replace in {column}")
        value = _new_value(node.value, cell)
        edits.append((node.start, node.end, json.dumps(value, ensure_ascii=text.isascii())))
    pieces, at = [], 0
    for start, end, new in sorted(edits):
        pieces += [text[at:start], new]
        at = end
    return found.to_bytes("".join([*pieces, text[at:]]))


def _new_value(before: Any, cell: NewCell) -> Any:
    """The new value, of the kind that the old one has."""
    if cell.is_in is not None:
        if isinstance(before, bool):
            return cell.is_in
        return type(before)(cell.is_in) if isinstance(before, int | float) else cell.text
    if isinstance(before, list) and cell.labels is not None:
        if any(isinstance(item, dict | list) for item in before):
            raise CannotRewriteError("its lists of labels hold more than names")
        is_number = bool(before) and all(isinstance(item, int) for item in before)
        return [int(label) if is_number and label.isdecimal() else label for label in cell.labels]
    if isinstance(before, dict):
        raise CannotRewriteError("its labels are objects")
    if isinstance(before, int) and not isinstance(before, bool) and cell.text.isdecimal():
        return int(cell.text)
    return cell.text or None


def _is_lines(text: str) -> bool:
    """Whether the first line is a value and others follow, as `audiotag.data.json_tables` decides it."""
    try:
        json.loads(text.partition("\n")[0])
    except (ValueError, RecursionError):
        return False
    return bool(text.strip().count("\n"))


def _scan(text: str, at: int, depth: int) -> _Node:
    """The value that begins at a place in the text, with those in it down to a depth."""
    try:
        return _scan_value(text, _skip(text, at), depth)
    except (ValueError, IndexError, RecursionError) as error:
        raise CannotRewriteError(UNREADABLE) from error


def _scan_value(text: str, at: int, depth: int) -> _Node:
    if depth == 0 or text[at] not in "[{":
        value, end = DECODER.raw_decode(text, at)
        return _Node(value, at, end)
    node = _Node(None, at, at)
    is_object, place = text[at] == "{", _skip(text, at + 1)
    while text[place] not in "]}":
        name = ""
        if is_object:
            name, place = DECODER.raw_decode(text, place)
            place = _skip(text, _skip(text, place) + 1)  # behind the colon
        inner = _scan_value(text, place, depth - 1)
        if is_object:
            node.members[name] = inner
        else:
            node.items.append(inner)
        place = _skip(text, inner.end)
        if text[place] == ",":
            place = _skip(text, place + 1)
    node.end = place + 1
    values = {name: inner.value for name, inner in node.members.items()}
    node.value = values if is_object else [inner.value for inner in node.items]
    return node


def _skip(text: str, at: int) -> int:
    found = BLANK.match(text, at)
    return found.end() if found else at


def _rows_of_lines(text: str) -> Iterator[_Row]:
    at = 0
    for line in text.split("\n"):
        if line.strip():
            yield _scan(text, at, MAX_DEPTH - 1).members
        at += len(line) + 1


def _rows_of_value(node: _Node) -> Iterator[_Row]:
    """The rows in the order in which `audiotag.data.json_tables` reads them."""
    if isinstance(node.value, dict):
        lists = [inner for inner in node.members.values() if inner.items and isinstance(inner.items[0].value, dict)]
        if len(lists) == 1:
            node = lists[0]
    members = node.members
    if isinstance(node.value, list):
        yield from (row.members for row in node.items)
    elif all(isinstance(inner.value, list) for inner in members.values()):
        counts = {len(inner.items) for inner in members.values()}
        if len(counts) == 1 and not any(map(is_sound, members)):
            for number in range(counts.pop()):
                yield {name: inner.items[number] for name, inner in members.items()}
        else:
            yield from (_named(name, inner) for name, inner in members.items())
    elif all(isinstance(inner.value, dict) for inner in members.values()):
        if all(map(is_sound, members)) or not any(is_row_numbers(inner.value) for inner in members.values()):
            yield from ({"file": _key(name)} | inner.members for name, inner in members.items())
        else:
            for key in dict.fromkeys(key for inner in members.values() for key in inner.members):
                yield {name: inner.members[key] for name, inner in members.items() if key in inner.members}
    else:
        yield from (_named(name, inner) for name, inner in members.items())


def _named(name: str, labels: _Node) -> _Row:
    return {"file": _key(name), "labels": labels}


def _key(name: str) -> _Node:
    return _Node(name, 0, 0)  # is never replaced


def _cells(row: _Row) -> _Row:
    """The cells by the names of their columns, as the reader makes them of objects in cells."""
    cells: _Row = {}
    for name, node in row.items():
        if isinstance(node.value, dict):
            cells |= {f"{name}.{inner}": value for inner, value in node.members.items()}
        else:
            cells[name] = node
    return cells
