"""Read the two tables that a score compares: scores of clips, and their true labels; and match their clips.

Tables of scores come from many programs. A column of row numbers is not a class, whatever the program calls it; rows
that say the same twice are one row; and the two tables may spell the names of the files differently.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from audiotag.audio.opening import SUFFIXES
from audiotag.data.column_names import FOLD_NAMES, NOT_LABELS, SPLIT_NAMES, normalised_name
from audiotag.data.label_columns import FLAGS, LEAST_FLAG_COLUMNS, LabelColumns, binary_columns
from audiotag.data.label_names import label_key
from audiotag.data.table_files import read_table_file
from audiotag.data.tables import FILE_COLUMNS, LABEL_COLUMNS, column_of, split_labels
from audiotag.errors import AudiotagError
from audiotag.wording import shortened

UNNAMED = re.compile(r"(unnamed(:|: |_)?\d+(_level_\d+)?(\.\d+)*|__index_level_\d+__|level_\d+|)", re.IGNORECASE)
WHOLE = re.compile(r"\d+(\.0*)?")
COUNTERS = ("index", "idx", "id", "row", "rowid", "rownumber", "no", "nr", "number", "#")  # as `label_key` gives them
NOT_SCORES = {*NOT_LABELS, *FOLD_NAMES, *SPLIT_NAMES, "target", "targetid", "classid", "labelid", "categoryid"}
NO_CLASSES = ("tags", "familiarity", "unlike", "held_back", "recorded")  # columns of what `audiotag tag --out` writes
USAGE = "usage"
MIN_COUNTED_ROWS = 3  # 0, 1 may be scores


@dataclass(frozen=True)
class ScoreTable:
    """A table of scores.

    Attributes
    ----------
    path : Path
    clips : list of str
        The file name in each row; no two are equal.
    cells : pandas.DataFrame
        The other columns, as text; those that cannot be classes are left out.
    notes : tuple[str, ...]
        What was left out and why, as sentences.
    """

    path: Path
    clips: list[str]
    cells: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """The columns that may be classes."""
        return list(self.cells.columns)

    def scores(self, rows: Sequence[int], labels: Collection[str]) -> tuple[pd.DataFrame, list[str]]:
        """The scores in these rows, and sentences about the columns without a score.

        Parameters
        ----------
        rows : sequence of int
        labels : collection of str
            Columns that are labels of the truth: they must have a score in every row.

        Raises
        ------
        AudiotagError
            If a score is not a finite number; names its cell.
        """
        numbers = self.cells.apply(_numbers).astype(np.float64)
        empty = [name for name in numbers if name not in labels and numbers[name].isna().all()]
        columns = [name for name in numbers if name not in empty]
        scores = numbers.iloc[list(rows)][columns]
        bad = np.argwhere(~np.isfinite(scores.to_numpy()))
        if len(bad):
            row, column = bad[0]
            cell = self.cells.iloc[rows[row]][columns[column]]
            raise AudiotagError(
                f"{self.path.name} has {repr(shortened(cell)) if isinstance(cell, str) else 'nothing'} for "
                f"{self.clips[rows[row]]}, {columns[column]}; every score must be a finite number."
            )
        return scores, [_ignored(self.path, name, "it has no numbers") for name in empty]


@dataclass(frozen=True)
class TruthTable:
    """A table of true labels: per clip the cell of its labels, and its ``usage`` where the table has that column."""

    path: Path
    clips: list[str]
    labels: list[object]
    usage: list[object] | None
    notes: tuple[str, ...]


def read_score_tables(submission: Path, truth: Path) -> tuple[ScoreTable, TruthTable]:
    """Read a table of scores and one of true labels.

    Raises
    ------
    AudiotagError
        If a column is missing, or a clip has two rows that differ.
    """
    table = read_table_file(submission).table
    files = _file_column(table, submission)
    others = [column for column in table.columns if column not in (files, *NO_CLASSES)]
    truth_table = read_table_file(truth).table
    truth_files = _file_column(truth_table, truth)
    true_labels = _true_labels(truth_table, truth, {label_key(column) for column in others})
    truth_table = truth_table.assign(**{str(true_labels.name): true_labels})
    known = {label_key(label) for cell in true_labels.dropna().unique() for label in (cell, *split_labels(cell))}
    ignored = [column for column in others if label_key(column) not in known and _is_counter(table[column])]
    repeated = _repeated_columns(table, [column for column in others if label_key(column) not in known], submission)
    notes = [_ignored(submission, column, "it numbers the rows") for column in ignored]
    notes += [_ignored(submission, column, "that column is there twice") for column in repeated]
    about = [column for column in others if label_key(column) not in known and normalised_name(column) in NOT_SCORES]
    notes += [_ignored(submission, column, "its name says something else") for column in about]
    ignored += repeated + about
    kept, note = _one_row_per_clip(table, files, [column for column in others if column not in ignored], submission)
    cells = kept.drop(columns=files)
    scores = ScoreTable(submission, kept[files].tolist(), cells, tuple(filter(None, [*notes, note])))
    usage = next((column for column in truth_table.columns if label_key(column) == USAGE), None)
    columns = [str(true_labels.name), *([usage] if usage else [])]
    kept, note = _one_row_per_clip(truth_table, truth_files, columns, truth)
    return scores, TruthTable(
        truth,
        kept[truth_files].tolist(),
        kept[columns[0]].tolist(),
        kept[usage].tolist() if usage else None,
        tuple(filter(None, [note])),
    )


def match_clips(wanted: Sequence[str], given: Sequence[str]) -> dict[str, int]:
    """Which of the given names is which clip: first those that are equal, then those that differ in their spelling.

    Returns
    -------
    dict
        Position in ``given`` of each of the ``wanted`` clips that was found, in their order.

    Examples
    --------
    >>> match_clips(["a.wav", "b.wav", "c.wav"], ["B.WAV", "a", "d.wav"])
    {'a.wav': 1, 'b.wav': 0}
    """
    found: dict[str, int] = {}
    spellings: tuple[Callable[[str], str], ...] = (str, clip_key, lambda name: PurePosixPath(clip_key(name)).name)
    for spelling in spellings:
        left = [name for name in wanted if name not in found]
        taken = set(found.values())
        free = [(spelling(name), row) for row, name in enumerate(given) if row not in taken]
        rows, counts = dict(free), Counter(key for key, _ in free)
        wanted_counts = Counter(map(spelling, left))
        found |= {
            name: rows[key] for name in left if counts.get(key := spelling(name)) == 1 and wanted_counts[key] == 1
        }
    return {name: found[name] for name in wanted if name in found}


def clip_key(name: str) -> str:
    """What the spellings of one file name have in common: without suffix, in lower case, with / between folders.

    >>> clip_key(".\\\\Audio\\\\A.WAV"), clip_key(" audio/a.flac")
    ('audio/a', 'audio/a')
    """
    plain = unicodedata.normalize("NFC", name).casefold().strip().replace("\\", "/").removeprefix("./")
    return next((plain.removesuffix(suffix) for suffix in SUFFIXES if plain.endswith(suffix)), plain)


def _file_column(table: pd.DataFrame, path: Path) -> str:
    """The column of file names; a first column of names without a name of its own is one, too, as pandas writes it."""
    has_names = any(label_key(str(column)) in map(label_key, FILE_COLUMNS) for column in table.columns)
    for first in table.columns[:1]:
        is_index = UNNAMED.fullmatch(str(first)) and pd.to_numeric(table[first], errors="coerce").isna().all()
        if is_index and not has_names:
            return str(first)
    return _column(table, FILE_COLUMNS, path)


def _column(table: pd.DataFrame, wanted: tuple[str, ...], path: Path) -> str:
    """The first of the wanted columns, however its name is spelt."""
    columns = {label_key(str(column)): str(column) for column in reversed(table.columns)}
    spelt = next((columns[key] for key in map(label_key, wanted) if key in columns), None)
    return spelt if spelt is not None else column_of(table, wanted, path)


def _true_labels(table: pd.DataFrame, path: Path, labels: set[str]) -> pd.Series:
    """The column of true labels; of columns of 0 and 1, which have the ``labels`` of the scores, lists of labels."""
    try:
        return table[_column(table, LABEL_COLUMNS, path)]
    except AudiotagError:
        flags = binary_columns(table, [name for name in table.columns if label_key(name) in labels])
        if len(flags) < LEAST_FLAG_COLUMNS:
            raise
        rows = LabelColumns(tuple(flags), FLAGS).labels_by_row(table, lambda cell: (cell,))
        return rows.map(list).map(json.dumps).rename(FLAGS)


def _numbers(column: pd.Series) -> pd.Series:
    """The cells of a column as numbers, which may have a decimal comma; NaN where a cell is not one."""
    if column.str.contains(",", regex=False).any():
        column = column.str.replace(r"^\s*([-+]?\d+),(\d+)\s*$", r"\1.\2", regex=True)
    return pd.to_numeric(column, errors="coerce")


def _repeated_columns(table: pd.DataFrame, columns: list[str], path: Path) -> list[str]:
    """The columns that are there twice, whose second name pandas ends with a number.

    Raises
    ------
    AudiotagError
        If the two differ.
    """
    repeated = []
    for column in columns:
        first = re.sub(r"\.\d+$", "", column)
        if first != column and first in table.columns:
            if not table[column].equals(table[first]):
                raise AudiotagError(f"{path.name} has two columns {shortened(first)} that differ; remove one of them.")
            repeated.append(column)
    return repeated


def _is_counter(column: pd.Series) -> bool:
    """Whether a column numbers the rows, or has no name."""
    name = str(column.name).strip()
    if UNNAMED.fullmatch(name):
        return True
    if len(column) == 0 or not WHOLE.fullmatch(str(column.iloc[0]).strip()):
        return False
    numbers = pd.to_numeric(column, errors="coerce")
    if not numbers.notna().all() or not (numbers % 1 == 0).all():
        return False
    if label_key(name) in COUNTERS:
        return True
    first = numbers.min()
    counted = np.arange(first, first + len(numbers))
    return len(numbers) >= MIN_COUNTED_ROWS and first in (0, 1) and bool((np.sort(numbers) == counted).all())


def _one_row_per_clip(table: pd.DataFrame, files: str, columns: list[str], path: Path) -> tuple[pd.DataFrame, str]:
    """The columns of a table without rows that are there twice, and a sentence about these."""
    named = table[table[files].notna()]
    kept = named[[files, *columns]].drop_duplicates()
    if (repeated := kept[files][kept[files].duplicated()]).size:
        raise AudiotagError(
            f"{path.name} lists {repeated.iloc[0]} more than once, with different values; each clip must have one row."
        )
    if kept.empty:
        raise AudiotagError(f"{path.name} names no clip; check that it is the right table.")
    unnamed, twice = len(table) - len(named), len(named) - len(kept)
    notes = []
    if unnamed:
        notes.append(f"{unnamed:,} rows of {path.name} have no file name; they are left out.")
    if twice:
        rows = "1 row" if twice == 1 else f"{twice:,} rows"
        notes.append(f"{rows} of {path.name} {'is' if twice == 1 else 'are'} there twice; the first is used.")
    return kept.reset_index(drop=True), " ".join(notes)


def _ignored(path: Path, column: str, reason: str) -> str:
    name = "A column without a name" if UNNAMED.fullmatch(column.strip()) else f"The column {shortened(column)}"
    return f"{name} of {path.name} is not a class: {reason}."
