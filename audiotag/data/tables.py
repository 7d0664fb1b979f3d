"""Read tables of clips as text, and check their rows against the sounds and the labels that there are."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from audiotag.audio.opening import SUFFIXES
from audiotag.data.column_names import column_error, normalised_name
from audiotag.data.dataset import Problem
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.table_files import TABLE_SUFFIXES as TABLE_SUFFIXES
from audiotag.data.table_files import read_table_file

Value = TypeVar("Value")

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
    """Read a table of any kind as text.

    Parameters
    ----------
    path : Path
    separator : str, optional
        Column separator of a text file; detected by default.

    Raises
    ------
    AudiotagError
        If the file cannot be read as a table; the message says why.
    """
    return read_table_file(path, separator).table


def column_of(table: pd.DataFrame, wanted: tuple[str, ...], path: Path) -> str:
    """Name of the first of the ``wanted`` columns that the table has, also if it is written in capitals or with spaces.

    Raises
    ------
    AudiotagError
        If it has none of them; lists the columns that it has.
    """
    written = {normalised_name(name): name for name in reversed(list(map(str, table.columns)))}
    for name in wanted:
        if name in table.columns:
            return name
        if found := written.get(normalised_name(name)):
            return found
    raise column_error(path, list(table.columns), wanted)


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
    sounds : SoundPaths
        The sounds of its folder.
    files : dict[str, str or None]
        For each name in the table its file, relative to the folder; None if that is not there. All of them are files if
        no clip is there, so that clips are not checked one by one.
    vocabulary : tuple[str, ...]
        The labels that are allowed; empty if any label is.
    vocabulary_file : str
        Name of the file that has the spelling of the labels.
    may_lack_labels : bool
        Whether a clip may have no label.
    """

    table: str
    sounds: SoundPaths
    files: dict[str, str | None]
    vocabulary: tuple[str, ...]
    vocabulary_file: str
    may_lack_labels: bool = False

    def problems(self, names: pd.Series, labels: pd.Series) -> dict[int, Problem]:
        """The problems of rows, by row number.

        Parameters
        ----------
        names : pandas.Series
            What the table calls the clips; its index has the numbers of the rows in the table, from 0.
        labels : pandas.Series
            Labels of the same rows, each a tuple of str.
        """
        known = set(self.vocabulary)
        found = {}
        for row, name, own in zip(names.index, names.tolist(), labels.tolist(), strict=True):
            is_there = isinstance(name, str) and self.files[name] is not None
            is_labelled = bool(own) or self.may_lack_labels
            if not (is_there and is_labelled and (not known or known.issuperset(own))):
                found[row] = self._problem_of(name, own, row + 2)
        return found

    def extra_sounds(self) -> list[str]:
        """The sounds of the folder that are not in the table; empty if the table is not about these sounds at all."""
        named = set(self.files.values())
        extra = [sound for sound in self.sounds.sounds if sound not in named]
        return [] if len(extra) == len(self.sounds.sounds) else extra

    def surplus(self) -> Problem | None:
        """The problem that sounds of the folder are not in the table."""
        sounds = self.sounds.sounds
        folder = self.sounds.root
        extra = self.extra_sounds()
        if not extra:
            return None
        example = f"{extra[0]} is" if len(extra) == 1 else f"{len(extra):,}, like {extra[0]}, are"
        reason = (
            f"{folder.name}/ holds {len(sounds):,} sounds, {self.table} names {len(self.files):,}: "
            f"{example} not in the table."
        )
        return Problem(extra[0], reason, "counts")

    def _problem_of(self, name: object, labels: tuple[str, ...], line: int) -> Problem:
        table = self.table
        if not isinstance(name, str):
            return Problem(str(name), f"{table}, line {line} has no file name; it is left out.", "missing")
        clip = self.files[name]
        if clip is None:
            reason = f"{name} is listed in {table} but {self.sounds.why_not(name)}; it is left out."
            return Problem(name, reason, "missing")
        if not labels:
            return Problem(clip, f"{clip} has no label in {table}, line {line}; it is left out.")
        return self._unknown_label(clip, next(label for label in labels if label not in self.vocabulary))

    def _unknown_label(self, clip: str, label: str) -> Problem:
        close = difflib.get_close_matches(label, self.vocabulary, n=1)
        hint = f"did you mean {close[0]}?" if close else f"is it spelt as in {self.vocabulary_file}?"
        return Problem(
            clip,
            f"{clip} has the label {label}, which is not among this dataset's {len(self.vocabulary)}; {hint} "
            "It is left out.",
        )
