"""The header of a table: which row it is, if any, and tables of text with named columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audiotag.audio.opening import SUFFIXES
from audiotag.data.column_names import count_known
from audiotag.errors import AudiotagError

QUOTES = "\"'"
INVISIBLE = "\ufeff\u200b\u200e\u200f\u00a0"
MAX_NAME = 10_000  # characters
NAMES_OF_A_HEADER = 2  # known ones, that make a row the header without doubt


@dataclass(frozen=True)
class TextForm:
    """How the text of a table is divided into cells, and how it is encoded.

    Attributes
    ----------
    encoding, errors : str
        As `open` takes them.
    separator : str
        Of columns: a character, or the regular expression of white space.
    skipped : int
        Lines before the first row.
    has_quotes : bool
        Whether quotation marks around a cell are not part of it.
    """

    encoding: str
    errors: str
    separator: str
    skipped: int
    has_quotes: bool


@dataclass(frozen=True)
class TableFile:
    """A table that was read from a file.

    Attributes
    ----------
    table : pandas.DataFrame
        All cells as text; empty ones are NA. A column without a name is called ``Unnamed: N``, or ``column N`` in a
        table without a header.
    notes : tuple[str, ...]
        Sentences about how the file was read, where that is not obvious.
    first_line : int
        Line or row number of the first row in the file, from 1.
    has_header : bool
    positions : tuple[int, ...]
        Position of each column in the file, from 0, where columns have positions.
    form : TextForm or None
        How a text file was read; None for files of other kinds.
    """

    table: pd.DataFrame
    notes: tuple[str, ...] = ()
    first_line: int = 2
    has_header: bool = True
    positions: tuple[int, ...] = ()
    form: TextForm | None = None


def clean_cell(cell: str) -> str:
    """A cell without spaces, invisible characters and quotation marks around it.

    >>> clean_cell(' "fname" '), clean_cell("\\ufefffname")
    ('fname', 'fname')
    """
    cell = cell.strip().strip(INVISIBLE).strip()
    if len(cell) > 1 and cell[0] == cell[-1] and cell[0] in QUOTES:
        cell = cell[1:-1].strip()
    elif cell.count('"') == 1:  # a stray one; 12" are inches
        cell = re.sub(r'^"|(?<!\d)"$', "", cell).strip()
    return cell


def has_sound(cells: Sequence[str]) -> bool:
    """Whether a row names a sound, so that it is not a header."""
    return any(clean_cell(cell).lower().endswith(SUFFIXES) for cell in cells)


def find_header(rows: Sequence[Sequence[str]], further: frozenset[str] = frozenset()) -> tuple[int, bool]:
    """The first row that belongs to the table, and whether it is the header.

    What comes before is a title: its rows have other numbers of cells.

    Parameters
    ----------
    rows : sequence of sequences of str
        The first ones of the file, at least one.
    further : frozenset[str]
        Normalised names of columns that are known beside the usual ones.
    """
    for at, row in enumerate(rows):
        if has_sound(row):
            same = [before for before in range(at) if len(rows[before]) == len(row)]
            return (same[0], True) if same else (at, False)
        if count_known(list(row), further) >= NAMES_OF_A_HEADER:
            return at, True
    return 0, True


def with_header(
    path: Path, table: pd.DataFrame, header: list[str] | None, notes: tuple[str, ...], first_line: int
) -> TableFile:
    """A table with the names of its header, or with numbered columns; columns without name and content are dropped.

    Raises
    ------
    AudiotagError
        If the header is not plain text.
    """
    if header is None:
        names = [f"column {number}" for number in range(1, table.shape[1] + 1)]
        notes = (*notes, "The table has no header: its first row names a sound.")
    else:
        names = distinct_names([clean_cell(name) or f"Unnamed: {at}" for at, name in enumerate(header)])
    if not all(name.isprintable() and len(name) <= MAX_NAME for name in names):
        raise AudiotagError(
            f"{path.name} cannot be read as a CSV file with a header line: that line is not plain text; "
            "save it as text with commas between the columns."
        )
    table = table.set_axis(names, axis=1)
    empty = [name for name in names if name.startswith("Unnamed: ") and table[name].isna().all()]
    positions = tuple(at for at, name in enumerate(names) if name not in empty)
    return TableFile(table.drop(columns=empty), notes, first_line, header is not None, positions)


def distinct_names(names: list[str]) -> list[str]:
    """Names, of which those that came before have a number."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        number = seen.get(name, 0)
        seen[name] = number + 1
        distinct.append(f"{name}.{number}" if number else name)
    return distinct if len(set(distinct)) == len(distinct) else [f"{name} ({at})" for at, name in enumerate(names)]
