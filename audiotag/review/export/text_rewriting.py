"""Change cells of a text table and leave every other byte of it as it is."""

from __future__ import annotations

import codecs
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from audiotag.data.table_header import TableFile, TextForm
from audiotag.data.text_files import MARKS, is_gzip, open_bytes
from audiotag.data.text_tables import LINE_END, WHITESPACE
from audiotag.review.export.cell_changes import CannotRewriteError, Changes

BYTE_ORDERS = {  # of encodings that a mark at the start of a file decides
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
BLANKS = " \t"


class _Field(NamedTuple):
    """Where a cell is in the text, from its quotation marks on, and its content."""

    start: int
    end: int
    text: str
    is_quoted: bool


class Text(NamedTuple):
    """The text of a file, and how it becomes the bytes of the file again."""

    text: str
    mark: bytes
    encoding: str
    errors: str
    is_compressed: bool

    def to_bytes(self, text: str) -> bytes:
        """Another text as such a file.

        Raises
        ------
        CannotRewriteError
            If the encoding has not all of its characters.
        """
        try:
            content = self.mark + text.encode(self.encoding, self.errors)
        except UnicodeEncodeError as error:
            lacking = text[error.start]
            raise CannotRewriteError(f"its encoding, {self.encoding}, has no {lacking}") from error
        return gzip.compress(content) if self.is_compressed else content


def read_text(path: Path, encoding: str, errors: str) -> Text:
    """Read a text file so that it can be written again with the same bytes.

    Raises
    ------
    CannotRewriteError
        If that is not possible.
    """
    with open_bytes(path) as file:
        content = file.read()
    mark = next((mark for mark, _ in MARKS if content.startswith(mark)), b"")
    encoding = BYTE_ORDERS.get(mark, encoding)
    errors = "surrogateescape" if errors == "replace" else errors
    found = Text(content[len(mark) :].decode(encoding, errors), mark, encoding, errors, is_gzip(path))
    if mark + found.text.encode(encoding, errors) != content:
        raise CannotRewriteError("its text cannot be decoded without loss")
    return found


def rewrite_text(path: Path, file: TableFile, changes: Changes) -> bytes:
    """The content of a text table with other cells.

    Parameters are as in `audiotag.review.export.rewriting.rewrite`.

    Raises
    ------
    CannotRewriteError
        If the cells are not found where they should be, or a new one cannot be written.
    """
    form = file.form
    assert form is not None
    found = read_text(path, form.encoding, form.errors)
    text = found.text
    position_of = dict(zip(file.table.columns, file.positions, strict=True))
    by_row: dict[int, list[tuple[int, str, str]]] = {}
    for (row, column), cell in changes.items():
        by_row.setdefault(row, []).append((position_of[column], column, cell.text))
    pieces, at, count = [], 0, 0
    for row, fields in enumerate(_records(text, form)):
        count += 1
        for position, column, new in sorted(by_row.get(row, ())):
            before = file.table[column].iat[row] if row < len(file.table) else None
            if position >= len(fields) or not _is_same(fields[position].text, before, form):
                raise CannotRewriteError(f"its row {row + 1} cannot be found again in the file")
            field = fields[position]
            pieces += [text[at : field.start], _raw(new, field.is_quoted, form)]
            at = field.end
    if count != len(file.table):
        raise CannotRewriteError(f"its {len(file.table):,} rows cannot be found again in the file")
    return found.to_bytes("".join([*pieces, text[at:]]))


def _is_same(text: str, cell: object, form: TextForm) -> bool:
    return form.errors == "replace" or text == (cell if isinstance(cell, str) else "")


def _records(text: str, form: TextForm) -> Iterator[list[_Field]]:
    """The rows, without empty lines."""
    at = 0
    for _ in range(form.skipped):
        end = LINE_END.search(text, at)
        at = end.end() if end else len(text)
    field = _field_pattern(form)
    while at < len(text):
        fields: list[_Field] = []
        while True:
            match = field.match(text, at)
            assert match is not None  # the pattern matches an empty cell
            fields.append(_field_of(match))
            at = match.end()
            if match["end"] is None:
                break
        if len(fields) > 1 or fields[0].is_quoted or fields[0].text.strip():
            yield fields
        if (line := LINE_END.match(text, at)) is None and at < len(text):
            raise CannotRewriteError("its rows cannot be found again in the file")
        at = line.end() if line else len(text)


def _field_pattern(form: TextForm) -> re.Pattern[str]:
    """A cell with the blanks before it, and the separator after it, if any."""
    if form.separator == WHITESPACE:
        blanks, rest, tail = f"[{BLANKS}]*", rf"[^\r\n{BLANKS}]", f"[{BLANKS}]*"
        end = rf"(?P<end>[{BLANKS}]+(?![\r\n{BLANKS}]|\Z))"
    else:
        sign = re.escape(form.separator)
        others = BLANKS.replace(form.separator, "")
        blanks, rest, end, tail = f"[{others}]*", rf"[^\r\n{sign}]", f"(?P<end>{sign})", ""
    quoted = rf'"(?P<quoted>(?:[^"]|"")*)"(?P<more>{rest}*)|' if form.has_quotes else ""
    return re.compile(rf"{blanks}(?P<raw>{quoted}(?P<plain>{rest}*))(?:{end}|{tail})")


def _field_of(match: re.Match[str]) -> _Field:
    groups = match.groupdict()
    if groups.get("quoted") is not None:
        return _Field(*match.span("raw"), groups["quoted"].replace('""', '"') + groups["more"], True)
    return _Field(*match.span("raw"), groups["plain"], False)


def _raw(text: str, was_quoted: bool, form: TextForm) -> str:
    """A cell as it stands in the file."""
    has_blank = any(sign.isspace() for sign in text) if form.separator == WHITESPACE else text[:1].isspace()
    needs_quotes = has_blank or form.separator in text or text.startswith('"') or bool(set(text) & {"\r", "\n", '"'})
    if form.separator == WHITESPACE and not text:
        raise CannotRewriteError("an empty cell cannot be written between spaces")
    if not form.has_quotes and needs_quotes:
        raise CannotRewriteError(f"the quotation marks in it are part of its text, so that {text} cannot be written")
    if not form.has_quotes:
        return text
    return '"' + text.replace('"', '""') + '"' if was_quoted or needs_quotes else text
