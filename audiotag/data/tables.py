"""Read tables of clips: CSV and Parquet as text, find the columns, and check the rows."""

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
from audiotag.data.dataset import Problem
from audiotag.data.table_bounds import SEPARATORS, check_text_table
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason

Value = TypeVar("Value")

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
FILE_COLUMNS = ("fname", "filename", "file", "path", "clip", "audio")
LABEL_COLUMNS = ("labels", "label", "category", "tags", "class")


def split_labels(cell: object) -> tuple[str, ...]:
    """The labels in a table cell, separated by commas as in FSDKaggle2019, or by semicolons.

    >>> split_labels("Bark,Meow"), split_labels("Bark; Meow")
    (('Bark', 'Meow'), ('Bark', 'Meow'))
    """
    if not pd.notna(cell):
        return ()
    return tuple(label.strip() for label in str(cell).replace(";", ",").split(",") if label.strip())


def read_table(path: Path, separator: str | None = None) -> pd.DataFrame:
    """Read a CSV or Parquet table as text.

    Parameters
    ----------
    path : Path
    separator : str, optional
        Column separator of a CSV file; by default the one that splits its header line into most known column names, or
        else into most columns.

    Raises
    ------
    AudiotagError
        If the file cannot be read as a table with a header line; the message says why.
    """
    if path.suffix.lower() == ".parquet":
        from audiotag.data.parquet_tables import read_parquet_table

        return read_parquet_table(path)
    try:
        check_text_table(path)
        # Only an empty cell counts as empty: NA, None and null may be names and labels.
        table = pd.read_csv(
            path,
            dtype="str",
            keep_default_na=False,
            na_values=[""],
            sep=separator or _detect_separator(path),
            compression=None,  # a compressed file may be a thousand times as large as it looks
        )
    except OSError as error:
        raise AudiotagError(f"{path} cannot be read: {plain_reason(error)}.") from error
    except UnicodeDecodeError as error:
        raise AudiotagError(
            f"{path.name} cannot be read as a CSV file with a header line: it is not UTF-8 text; save it as UTF-8."
        ) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        raise AudiotagError(
            f"{path.name} cannot be read as a CSV file with a header line: {plain_reason(error)}."
        ) from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas makes surplus cells an index, and shifts the other columns
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
    """Name of the first of the ``wanted`` columns that the table has.

    Raises
    ------
    AudiotagError
        If it has none of them; lists the columns that it has.
    """
    for name in wanted:
        if name in table.columns:
            return name
    shown = ", ".join(f"{name:.40}" for name in map(str, table.columns[:10]))
    fix = "rename one of them" if len(wanted) > 1 else "name one of these"
    more = f" and {len(table.columns) - 10} more" if len(table.columns) > 10 else ""
    raise AudiotagError(f"{path.name} needs a column named {' or '.join(wanted)}, it has {shown}{more}; {fix}.")


def map_cells(column: pd.Series, function: Callable[[str], Value]) -> list[Value]:
    """``function`` of every cell, called once per distinct value; it gets ``""`` for an empty cell."""
    cells = column.fillna("").tolist()
    results = {cell: function(cell) for cell in set(cells)}
    return [results[cell] for cell in cells]


def sound_names(names: Iterable[str]) -> list[str]:
    """The names of sound files, without hidden ones.

    >>> sound_names(["a.wav", "b.FLAC", "._a.wav", "t.csv"])
    ['a.wav', 'b.FLAC']
    """
    return [name for name in names if name.lower().endswith(SUFFIXES) and not name.startswith(".")]


@dataclass(frozen=True)
class RowCheck:
    """Checks the rows of a table against its folder of clips and the vocabulary.

    Attributes
    ----------
    table : str
        Name of the table.
    folder : Path
        Folder in which its clips should be.
    present : set[str], optional
        File names in that folder; None if no clip is there, so that clips are not checked one by one.
    vocabulary : tuple[str, ...]
        The labels that are allowed; empty if any label is.
    vocabulary_file : str
        Name of the file that has the spelling of the labels.
    """

    table: str
    folder: Path
    present: set[str] | None
    vocabulary: tuple[str, ...]
    vocabulary_file: str

    def problems(self, clips: pd.Series, labels: pd.Series) -> dict[int, Problem]:
        """The problems of rows, by row number.

        Parameters
        ----------
        clips : pandas.Series
            File names; its index has the numbers of the rows in the table, from 0.
        labels : pandas.Series
            Labels of the same rows, each a tuple of str.
        """
        # Whole columns show quickly which rows are doubtful; only these are checked one by one.
        is_repeated = clips.duplicated()
        doubtful = clips.isna() | is_repeated | clips.isin([".", ".."]) | clips.str.contains("/", regex=False)
        if self.present is not None:
            doubtful |= np.array([clip not in self.present for clip in clips.tolist()], dtype=bool)
        known = set(self.vocabulary)
        is_valid = [bool(row) and (not known or known.issuperset(row)) for row in labels]
        doubtful |= ~np.array(is_valid, dtype=bool)
        rows = clips.index[doubtful]
        found = {row: self._problem_of(clips[row], labels[row], row + 2, is_repeated[row]) for row in rows}
        return {row: problem for row, problem in found.items() if problem}

    def surplus(self, clips: pd.Series) -> Problem | None:
        """The problem that sounds of the folder are not in the table; ``clips`` are all names in the table."""
        sounds = sound_names(self.present or ())
        named = set(clips.dropna().tolist())
        extra = sorted(set(sounds) - named)
        if not extra:
            return None
        example = f"{extra[0]} is" if len(extra) == 1 else f"{len(extra):,}, like {extra[0]}, are"
        reason = (
            f"{self.folder.name}/ holds {len(sounds):,} sounds, {self.table} names {len(named):,}: "
            f"{example} not in the table."
        )
        return Problem(extra[0], reason, "counts")

    def _problem_of(self, clip: object, labels: tuple[str, ...], line: int, is_repeated: bool) -> Problem | None:
        table, folder = self.table, self.folder
        if not isinstance(clip, str):
            return Problem(str(clip), f"{table}, line {line} has no file name; it is left out.", "missing")
        if os.path.basename(clip) != clip or clip in (".", ".."):
            reason = f"{table}, line {line}: {clip} must be a bare file name inside {folder.name}/; it is left out."
            return Problem(clip, reason, "missing")
        if is_repeated:
            reason = f"{clip} is listed twice in {table} (again in line {line}); its first row is used."
            return Problem(clip, reason, "listed twice")
        if self.present is not None and clip not in self.present:
            return Problem(clip, f"{clip} is listed in {table} but is not in {folder}; it is left out.", "missing")
        if not labels:
            return Problem(clip, f"{clip} has no label in {table}, line {line}; it is left out.")
        unknown = next((label for label in labels if self.vocabulary and label not in self.vocabulary), None)
        return None if unknown is None else self._unknown_label(clip, unknown)

    def _unknown_label(self, clip: str, label: str) -> Problem:
        close = difflib.get_close_matches(label, self.vocabulary, n=1)
        hint = f"did you mean {close[0]}?" if close else f"is it spelt as in {self.vocabulary_file}?"
        return Problem(
            clip,
            f"{clip} has the label {label}, which is not among this dataset's {len(self.vocabulary)}; {hint} "
            "It is left out.",
        )


def _detect_separator(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()

    def fit(separator: str) -> tuple[int, int]:
        names = next(csv.reader([header], delimiter=separator), [])
        return len({*FILE_COLUMNS, *LABEL_COLUMNS}.intersection(names)), len(names)

    return max(SEPARATORS, key=fit)
