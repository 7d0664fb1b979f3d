"""Find the columns of a table that hold labels: one by its name or its cells, or one column of 0 and 1 per label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.column_names import LABEL_NAMES, NOT_LABELS, column_error, normalised_name
from audiotag.data.label_cells import LEAST_PROBABILITY, Split
from audiotag.errors import AudiotagError

LIKELY_NAMES = LABEL_NAMES[: LABEL_NAMES.index("sound")]  # the rest may well be something else
YES, NO, MARKS = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no"), ("x", "✓", "✔")
PREFIXES = ("label_", "labels_", "class_", "tag_", "is_", "has_")
LEAST_FLAG_COLUMNS = 2
LEAST_PROBABILITY_COLUMNS = 3  # a table may well have two columns of numbers between 0 and 1
MANY_ROWS = 20
MAX_SHARE_OF_LABELS = 0.5  # of different cells in a column that is taken for labels by its cells
FLAGS, PROBABILITIES = "columns of 0 and 1", "columns of probabilities: a label where it is at least 0.5"
SEVERAL = "several columns of labels"
PRIMARY, SECONDARY = "primarylabel", ("secondarylabel", "secondarylabels")  # further labels of the same clip
NUMBERED = re.compile(r"(label|tag|class|category|species|event)s?\d+")


@dataclass(frozen=True)
class LabelColumns:
    """The columns of labels.

    Attributes
    ----------
    columns : tuple[str, ...]
        One whose cells are labels, or one per label.
    kind : str
        `FLAGS` or `PROBABILITIES` where there is one column per label, `SEVERAL` where the labels of a clip are in
        several columns; else empty.
    """

    columns: tuple[str, ...]
    kind: str = ""

    @property
    def labels(self) -> list[str]:
        """The label of each column of 0 and 1: its name without a prefix that all of them have."""
        return _without_prefix(self.columns)

    def labels_by_row(self, table: pd.DataFrame, split: Split) -> pd.Series:
        """The labels of every row, if there are several columns; ``split`` gives the labels of a cell."""
        if self.kind == SEVERAL:
            cells = table[list(self.columns)].fillna("").to_numpy(dtype=object).tolist()
            labels = [tuple(dict.fromkeys(label for cell in row for label in split(cell))) for row in cells]
            return pd.Series(labels, index=table.index, dtype=object)
        names = self.labels
        values = np.column_stack([probabilities(table[column]) for column in self.columns])
        rows = values >= LEAST_PROBABILITY
        return pd.Series(
            [tuple(name for name, is_label in zip(names, row, strict=True) if is_label) for row in rows.tolist()],
            index=table.index,
            dtype=object,
        )


def find_label_columns(
    path: Path, table: pd.DataFrame, candidates: list[str], wish: tuple[str, ...] | None, notes: list[str]
) -> LabelColumns:
    """The columns of labels.

    Parameters
    ----------
    path : Path
        The table's file, for messages.
    table : pandas.DataFrame
    candidates : list[str]
        The columns that are nothing else.
    wish : tuple[str, ...], optional
        Those that the user named; empty for columns of 0 and 1.
    notes : list[str]
        Where sentences about the choice are added.

    Raises
    ------
    AudiotagError
        If there are none.
    """
    if wish is not None and len(wish) == 1:
        return LabelColumns(wish)
    every = candidates
    if not wish:
        candidates = [name for name in every if normalised_name(name) not in NOT_LABELS]
    flags = binary_columns(table, list(wish or candidates))
    if wish and not flags:
        return LabelColumns(wish, SEVERAL)
    if wish:
        if len(flags) < len(wish):
            other = next(name for name in wish if name not in flags)
            raise AudiotagError(f"{path.name}: several label columns must hold 0 and 1, the column {other} does not.")
        return LabelColumns(wish, FLAGS)
    numbered = [name for name in candidates if NUMBERED.fullmatch(normalised_name(name)) and name not in flags]
    if wish is None and len(numbered) > 1:
        return LabelColumns(tuple(numbered), SEVERAL)
    if wish is None and (named := _named_column(table, every, flags, notes)):
        further = [name for name in every if normalised_name(name) in SECONDARY]
        if normalised_name(named) == PRIMARY and further:
            return LabelColumns((named, *further), SEVERAL)
        return LabelColumns((named,))
    if len(flags) >= LEAST_FLAG_COLUMNS:
        return LabelColumns(tuple(flags), FLAGS)
    shares = [name for name in candidates if _are_probabilities(table[name])]
    if len(shares) >= LEAST_PROBABILITY_COLUMNS:
        notes.append("The columns of numbers between 0 and 1 were read as probabilities of labels.")
        return LabelColumns(tuple(shares), PROBABILITIES)
    if wish is None and (found := _column_by_cells(table, candidates, notes)):
        return LabelColumns((found,))
    if wish is not None:
        raise AudiotagError(f"{path.name} has no columns of 0 and 1; name its column of labels.")
    raise column_error(path, list(table.columns), ("labels", "label", "category", "tags", "class"))


def binary_columns(table: pd.DataFrame, names: list[str]) -> list[str]:
    """Those columns that hold nothing but 0 and 1, or false and true, or crosses and empty cells."""
    return [name for name in names if _is_binary(table[name])]


def _is_binary(column: pd.Series) -> bool:
    cells = {cell.strip().lower() for cell in column.dropna().unique().tolist()}
    return bool(cells) and (cells <= {*YES, *NO} or (cells <= {*MARKS} and column.isna().any()))


def _are_probabilities(column: pd.Series) -> bool:
    numbers = probabilities(column)
    return bool(len(numbers) and np.isfinite(numbers).all() and (numbers >= 0).all() and (numbers <= 1).all())


def probabilities(column: pd.Series) -> np.ndarray:
    """The cells of a column of 0 and 1, or of probabilities, as numbers.

    Yes is 1, no is 0, an empty cell 0, and a text that is not a number is NaN.
    """
    cells = column.fillna("0").str.strip().str.lower().str.replace(",", ".", regex=False)
    cells = cells.replace(dict.fromkeys((*YES, *MARKS), "1") | dict.fromkeys((*NO, ""), "0"))
    return pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64)


def _without_prefix(names: Sequence[str]) -> list[str]:
    """Names of columns as labels, without a prefix that all of them have."""
    for prefix in PREFIXES:
        if all(name.lower().startswith(prefix) and len(name) > len(prefix) for name in names):
            return [name[len(prefix) :] for name in names]
    return list(names)


def _named_column(table: pd.DataFrame, candidates: list[str], flags: list[str], notes: list[str]) -> str | None:
    """The column of labels by its name; one with texts rather than one with numbers."""
    order = {name: at for at, name in enumerate(LABEL_NAMES)}
    named = [name for name in candidates if normalised_name(name) in order]
    named = [name for name in named if table[name].notna().any()] or named
    if len(flags) > LEAST_FLAG_COLUMNS:  # a label may have one of these names
        named = [name for name in named if name not in flags]
    if not named:
        return None

    def rank(name: str) -> tuple[bool, bool, int]:
        normalised = normalised_name(name)
        return normalised not in LIKELY_NAMES, _is_numeric(table[name]), order[normalised]

    best = min(named, key=rank)
    if _is_numeric(table[best]) and (text := _same_in_words(table, best, candidates)):
        notes.append(f"{best} has numbers for the labels in {text}; {text} was used.")
        return text
    numbers = [name for name in named if name != best and _is_numeric(table[name])]
    notes += [f"{name} has numbers; the labels in {best} were used." for name in numbers]
    return best


def _is_numeric(column: pd.Series) -> bool:
    cells = column.dropna()
    return bool(len(cells)) and bool(cells.str.fullmatch(r"\s*[-+]?\d+([.,]\d+)?\s*").all())


def _is_measured(column: pd.Series) -> bool:
    """Whether a column has numbers with decimals, or another text in each of many rows: neither are labels."""
    cells = column.dropna()
    is_fraction = _is_numeric(column) and not cells.str.fullmatch(r"\s*[-+]?\d+([.,]0*)?\s*").all()
    return is_fraction or (len(cells) > MANY_ROWS and cells.nunique() == len(cells))


def _same_in_words(table: pd.DataFrame, numbers: str, candidates: list[str]) -> str | None:
    """The column of texts that says the same as a column of numbers."""
    count = table[numbers].nunique()
    for name in candidates:
        if name == numbers or _is_numeric(table[name]) or not 1 < count == table[name].nunique() < len(table):
            continue
        if len(table[[numbers, name]].dropna().drop_duplicates()) == count:
            return name
    return None


def _column_by_cells(table: pd.DataFrame, candidates: list[str], notes: list[str]) -> str | None:
    """The column with the fewest different texts, if no name says which one has labels."""
    filled = [name for name in candidates if table[name].notna().any()]
    if len(filled) == 1 and not _is_measured(table[filled[0]]):
        notes.append(f"No column is named as labels are; the only other one, {filled[0]}, was used.")
        return filled[0]
    counts = {
        name: count
        for name in filled
        if not _is_numeric(table[name]) and 1 < (count := table[name].nunique()) <= MAX_SHARE_OF_LABELS * len(table)
    }
    if not counts:
        varied = [name for name in filled if table[name].nunique() > 1]
        texts = [name for name in varied if not _is_numeric(table[name]) and not _is_measured(table[name])]
        only = texts or binary_columns(table, varied)
        if len(only) != 1:
            return None
        notes.append(f"No column is named as labels are; the only one that may be labels, {only[0]}, was used.")
        return only[0]
    best = min(counts, key=lambda name: counts[name])
    others = [name for name in counts if name != best]
    possible = f" {', '.join(others[:3])} may be meant." if others else ""
    notes.append(f"No column is named as labels are; {best} has the fewest different texts and was used.{possible}")
    return best
