"""Tables of clips: reading CSV and Parquet as text, finding the columns, and saying which rows are wrong."""

from __future__ import annotations

import csv
import difflib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from audiotag.audio.opening import SUFFIXES
from audiotag.checks import require
from audiotag.data.dataset import Problem
from audiotag.errors import AudiotagError

Value = TypeVar("Value")

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
FILE_COLUMNS = ("fname", "filename", "file", "path", "clip", "audio")
LABEL_COLUMNS = ("labels", "label", "category", "tags", "class")
SEPARATORS = ",;\t|"


@dataclass(frozen=True)
class TableOptions:
    """What is said of a table rather than found out; None means find out.

    Attributes
    ----------
    separator : str, optional
        Between columns: comma, semicolon, tab or bar.
    file_column, label_column : str, optional
        Their names.
    """

    separator: str | None = None
    file_column: str | None = None
    label_column: str | None = None

    def __post_init__(self) -> None:
        require(
            self.separator is None or (len(self.separator) == 1 and self.separator in SEPARATORS),
            "separator",
            "be a comma, a semicolon, a tab or a bar",
            repr(self.separator),
            "leave it out to have it found.",
        )


def split_labels(cell: object) -> tuple[str, ...]:
    """The labels of a table cell, comma-separated as in FSDKaggle2019, or with semicolons.

    >>> split_labels("Bark,Meow"), split_labels("Bark; Meow")
    (('Bark', 'Meow'), ('Bark', 'Meow'))
    """
    if not pd.notna(cell):
        return ()
    return tuple(label.strip() for label in str(cell).replace(";", ",").split(",") if label.strip())


def read_table(path: Path, separator: str | None = None) -> pd.DataFrame:
    """A CSV or Parquet table as text; says what is wrong where it is none.

    Parameters
    ----------
    path : Path
    separator : str, optional
        Of a CSV; by default the one that parts its header line into most names that are known, else into most columns.
    """
    if path.suffix.lower() == ".parquet":
        return _read_parquet(path)
    try:
        # Only an empty cell is empty: NA, None and null may be names and labels.
        table = pd.read_csv(
            path, dtype="str", keep_default_na=False, na_values=[""], sep=separator or _separator_of(path)
        )
    except OSError as error:
        raise AudiotagError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, csv.Error) as error:
        raise AudiotagError(f"{path.name} cannot be read as a CSV file with a header line: {error}".strip()) from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for an index, and shifts the rest
        raise AudiotagError(
            f"{path.name} has rows with more cells than its header; put several labels of a clip in quotes, "
            'like "Bark,Meow".'
        )
    if not all(str(name).isprintable() for name in table.columns):
        raise AudiotagError(
            f"{path.name} cannot be read as a CSV file with a header line: that line is not plain text; "
            "save it as text with commas between the columns."
        )
    return table


def column_of(table: pd.DataFrame, wanted: tuple[str, ...], path: Path) -> str:
    """The first of ``wanted`` that the table has."""
    for name in wanted:
        if name in table.columns:
            return name
    shown = ", ".join(f"{name:.40}" for name in map(str, table.columns[:10]))
    fix = "rename one of them" if len(wanted) > 1 else "name one of these"
    more = f" and {len(table.columns) - 10} more" if len(table.columns) > 10 else ""
    raise AudiotagError(f"{path.name} needs a column named {' or '.join(wanted)}, it has {shown}{more}; {fix}.")


def map_cells(column: pd.Series, function: Callable[[str], Value]) -> list[Value]:
    """``function`` of every cell, worked out once for those that are alike; an empty cell is ``""``."""
    cells = column.fillna("").tolist()
    known = {cell: function(cell) for cell in set(cells)}
    return [known[cell] for cell in cells]


def sound_names(names: Iterable[str]) -> list[str]:
    """The names of sounds, without hidden ones.

    >>> sound_names(["a.wav", "b.FLAC", "._a.wav", "t.csv"])
    ['a.wav', 'b.FLAC']
    """
    return [name for name in names if name.lower().endswith(SUFFIXES) and not name.startswith(".")]


@dataclass(frozen=True)
class RowCheck:
    """What the rows of a table must obey.

    Attributes
    ----------
    table : str
        Its name.
    folder : Path
        Where its clips should be.
    present : set[str], optional
        The names in that folder; None where no clip is there.
    vocabulary : tuple[str, ...]
        The labels that there are; empty where any may be.
    spelling : str
        The file to look a label's spelling up in.
    """

    table: str
    folder: Path
    present: set[str] | None
    vocabulary: tuple[str, ...]
    spelling: str

    def problems(self, clips: pd.Series, labels: pd.Series) -> dict[int, Problem]:
        """What is wrong with which row, by the index of ``clips``, which counts the table's rows from 0.

        The columns show which rows are doubtful; only these are looked at closely.
        """
        again = clips.duplicated()
        doubtful = clips.isna() | again | clips.isin([".", ".."]) | clips.str.contains("/", regex=False)
        if self.present is not None:
            doubtful |= np.array([clip not in self.present for clip in clips.tolist()], dtype=bool)
        known = set(self.vocabulary)
        fits = [bool(row) and (not known or known.issuperset(row)) for row in labels]
        doubtful |= ~np.array(fits, dtype=bool)
        rows = clips.index[doubtful]
        found = {row: self._problem(clips[row], labels[row], row + 2, again[row]) for row in rows}
        return {row: problem for row, problem in found.items() if problem}

    def surplus(self, clips: pd.Series) -> Problem | None:
        """What to say of the folder's sounds that are in no row; ``clips`` are all names of the table."""
        sounds = sound_names(self.present or ())
        named = set(clips.dropna().tolist())
        extra = sorted(set(sounds) - named)
        if not extra:
            return None
        what = f"{extra[0]} is in no row." if len(extra) == 1 else f"{len(extra):,} are in no row, like {extra[0]}."
        reason = f"{self.folder.name}/ holds {len(sounds):,} sounds, {self.table} names {len(named):,}: {what}"
        return Problem(extra[0], reason, "counts")

    def _problem(self, clip: object, labels: tuple[str, ...], line: int, again: bool) -> Problem | None:
        table, folder = self.table, self.folder
        if not isinstance(clip, str):
            return Problem(str(clip), f"{table}, line {line} names no file; it is left out.", "missing")
        if os.path.basename(clip) != clip or clip in (".", ".."):
            reason = f"{table}, line {line}: {clip} must be a bare file name inside {folder.name}/; it is left out."
            return Problem(clip, reason, "missing")
        if again:
            reason = f"{clip} is listed twice in {table} (again in line {line}); its first row counts."
            return Problem(clip, reason, "listed twice")
        if self.present is not None and clip not in self.present:
            return Problem(clip, f"{clip} is listed in {table} but is not in {folder}; it is left out.", "missing")
        if not labels:
            return Problem(clip, f"{clip} has no label in {table}, line {line}; it is left out.")
        for label in labels:
            if self.vocabulary and label not in self.vocabulary:
                close = difflib.get_close_matches(label, self.vocabulary, n=1)
                hint = f"did you mean {close[0]}?" if close else f"is it spelt as in {self.spelling}?"
                return Problem(
                    clip,
                    f"{clip} has the label {label}, which is not among this dataset's {len(self.vocabulary)}; {hint} "
                    "It is left out.",
                )
        return None


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet

    try:  # past pandas, which makes 7.0 of 7 where a column has gaps, and hides the columns that were an index
        columns = pa.parquet.read_table(path).to_pydict()
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise AudiotagError(f"{path.name} cannot be read as a Parquet table: {reason:.200}.") from error
    return pd.DataFrame({name: [_text(cell) for cell in cells] for name, cells in columns.items()}, dtype="str")


def _text(cell: object) -> str | None:
    if isinstance(cell, list):
        return ",".join(map(str, cell)) or None
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell) if pd.notna(cell) and cell != "" else None


def _separator_of(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()

    def fit(sign: str) -> tuple[int, int]:
        names = next(csv.reader([header], delimiter=sign), [])
        return len({*FILE_COLUMNS, *LABEL_COLUMNS}.intersection(names)), len(names)

    return max(SEPARATORS, key=fit)
