"""Read text files as tables: find the separator and the header, which comments and titles may precede."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from audiotag.data.column_names import count_known
from audiotag.data.table_bounds import SEPARATORS, check_cells
from audiotag.data.table_header import TableFile, TextForm, clean_cell, find_header, has_sound, with_header
from audiotag.data.text_files import TextFile, open_text_file
from audiotag.errors import AudiotagError
from audiotag.spreadsheets import rearm

HEAD_CHARS = 2**16
HEAD_LINES = 50  # that are compared
WHITESPACE = r"\s+"
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[;,\t|]*', re.IGNORECASE)  # which Excel understands
LINE_END = re.compile(r"\r\n|\r|\n")
TOO_MANY_CELLS = re.compile(r"Expected \d+ fields in line (\d+), saw \d+")
NO_TABLE = "{} cannot be read as a CSV file with a header line: {}"
OPEN_QUOTES = "Quotation marks in the table are not closed; they were read as part of the text."


MARKED_UTF8 = "utf-8-sig"  # as tables for spreadsheets are, see `audiotag.spreadsheets`


@dataclass(frozen=True)
class _Dialect:
    """How the lines of a file are read."""

    separator: str
    header: list[str] | None  # None if there is none
    columns: int
    skipped: int  # lines before the first row
    notes: tuple[str, ...] = ()


def read_text_table(
    path: Path, separator: str | None = None, further: frozenset[str] = frozenset(), has_header: bool = True
) -> TableFile:
    """Read a text file as a table.

    Parameters
    ----------
    path : Path
    separator : str, optional
        Column separator; by default the one that splits the header into most known column names, or else the first
        lines into equally many columns.
    further : frozenset[str]
        Normalised names of columns that are known beside the usual ones.
    has_header : bool
        False if it is known that the table has none; otherwise a first row that names a sound is not a header.

    Raises
    ------
    AudiotagError
        If the file cannot be read as a table; the message says why, and the line where that is known.
    """
    text = open_text_file(path)
    dialect = _find_dialect(path, text, separator, further, has_header)
    check_cells(path, dialect.columns, text.lines)
    notes = (*text.notes, *dialect.notes)
    try:
        table = _parse(path, text, dialect, csv.QUOTE_MINIMAL)
        has_open_quotes = _has_line_ends(table) and _is_regular_without_quotes(text, dialect)
    except (pd.errors.ParserError, csv.Error) as error:
        has_open_quotes = _is_regular_without_quotes(text, dialect)
        if not has_open_quotes:
            raise _parser_error(path, dialect, str(error)) from error
    if has_open_quotes:
        table = _parse(path, text, dialect, csv.QUOTE_NONE)
        notes = (*notes, OPEN_QUOTES)
    if text.encoding == MARKED_UTF8:
        table = table.map(rearm)
        dialect = replace(dialect, header=dialect.header and list(map(rearm, dialect.header)))
    form = TextForm(text.encoding, text.errors, dialect.separator, dialect.skipped, not has_open_quotes)
    return replace(with_header(path, table, dialect.header, notes, dialect.skipped + 1), form=form)


def _parse(path: Path, text: TextFile, dialect: _Dialect, quoting: int) -> pd.DataFrame:
    """All cells of the rows as text, by column number."""
    surplus = dialect.columns  # a further column, for separators at the ends of lines
    with text.open() as file:
        for _ in range(dialect.skipped):
            file.readline()
        try:
            # Only an empty cell counts as empty: NA, None and null may be names and labels.
            table = pd.read_csv(
                file,
                header=None,
                names=range(surplus + 1),
                dtype="str",
                keep_default_na=False,
                na_values=[""],
                sep=dialect.separator,
                skipinitialspace=True,
                quoting=quoting,
            )
        except pd.errors.EmptyDataError:
            return pd.DataFrame(columns=range(surplus), dtype="str")
    if not isinstance(table.index, pd.RangeIndex):  # pandas makes surplus cells an index, and shifts the other columns
        raise _surplus_cells(path, dialect.skipped + 1)
    if not (cells := table[surplus].dropna()).empty:
        raise _surplus_cells(path, dialect.skipped + 1 + cells.index[0])
    return table.drop(columns=surplus)


def _surplus_cells(path: Path, line: int) -> AudiotagError:
    return AudiotagError(
        f"{path.name} has rows with more cells than its header, like line {line}; put several labels of a clip in "
        'quotes, like "Bark,Meow".'
    )


def _parser_error(path: Path, dialect: _Dialect, reason: str) -> AudiotagError:
    if found := TOO_MANY_CELLS.search(reason):
        return _surplus_cells(path, dialect.skipped + int(found[1]))
    if "EOF inside string" in reason:
        return AudiotagError(NO_TABLE.format(path.name, "a quotation mark is not closed; close or remove it."))
    return AudiotagError(NO_TABLE.format(path.name, "its lines have different numbers of cells; save it as CSV."))


def _find_dialect(
    path: Path, text: TextFile, separator: str | None, further: frozenset[str], has_header: bool
) -> _Dialect:
    lines = _first_lines(text)
    skipped, comments = 0, list[str]()
    if match := SEPARATOR_LINE.fullmatch(lines[0].strip()):
        separator = separator or (match[1] if match[1] in SEPARATORS else None)
        skipped = 1
    for line in lines[skipped:]:
        if line.strip() and not _is_comment(line, further):
            break
        comments += [line] if line.strip() else []
        skipped += 1
    numbered = [(at, line) for at, line in enumerate(lines) if at >= skipped and line.strip()][:HEAD_LINES]
    if not numbered:
        raise AudiotagError(NO_TABLE.format(path.name, "it is empty."))
    separator = separator or _best_separator([line for _, line in numbered], further)
    rows = [_cells(line, separator) for _, line in numbered]
    first, is_header = find_header(rows, further)
    notes = []
    if before := len(comments) + first:
        notes.append(f"{before} lines before the header were skipped." if before > 1 else "Its first line was skipped.")
    columns, skipped = len(rows[first]), numbered[first][0]
    names = _cells(comments[-1].lstrip("#; \t"), separator) if comments else []
    if len(names) == columns > 1 and count_known(names, further) > count_known(rows[first], further):
        return _Dialect(separator, names, columns, skipped, ("Its header is in the last line of comments.",))
    if not (is_header and has_header):
        return _Dialect(separator, None, columns, skipped, tuple(notes))
    return _Dialect(separator, rows[first], columns, skipped + 1, tuple(notes))


def _first_lines(text: TextFile) -> list[str]:
    with text.open() as file:
        head = file.read(HEAD_CHARS)
        rest = file.readline()  # of the last line
    return LINE_END.split(head + rest)


def _is_comment(line: str, further: frozenset[str]) -> bool:
    """Whether a line before the header is a comment; one that begins with a semicolon may have an empty first cell."""
    line = line.strip()
    return line.startswith("#") or (line.startswith(";") and not count_known(_cells(line, ";"), further))


def _best_separator(lines: list[str], further: frozenset[str]) -> str:
    """The separator that splits the first line into most known names, or else all lines into equally many cells."""

    def fit(separator: str) -> tuple[int, float, int]:
        counts = [len(_cells(line, separator)) for line in lines]
        most = max(counts)
        known = max(count_known(_cells(line, separator), further) for line in lines[:2])
        return known, counts.count(counts[-1]) / len(counts) if most > 1 else 0, most

    best = max(SEPARATORS, key=fit)
    if fit(best)[2] == 1:
        counts = {len(line.split()) for line in lines}
        if len(counts) == 1 and counts != {1} and (has_sound(lines[0].split()) or count_known(lines[0].split()) > 1):
            return WHITESPACE
    return best


def _cells(line: str, separator: str) -> list[str]:
    """The cells of a line."""
    if separator == WHITESPACE:
        return line.split()
    try:
        cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a cell beyond the limit of this parser
        cells = line.split(separator)
    return [clean_cell(cell) for cell in cells]


def _has_line_ends(table: pd.DataFrame) -> bool:
    return any(table[column].str.contains("[\r\n]", regex=True, na=False).any() for column in table.columns)


def _is_regular_without_quotes(text: TextFile, dialect: _Dialect) -> bool:
    """Whether every line has as many separators as the header, if quotation marks mean nothing."""
    if dialect.separator == WHITESPACE:
        return False
    with text.open() as file:
        for at, line in enumerate(file):
            if at >= dialect.skipped and line.strip() and line.count(dialect.separator) != dialect.columns - 1:
                return False
    return True
