"""Columns that say the same as the labels in another way, like ESC-50's ``target``: they must follow the labels.

Only columns that identify classes follow: numbers or AudioSet's codes, one for each label in every row, or the same
names in another spelling. Whatever else goes together with labels, like the person who recorded them, does not change
when a label does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from audiotag.data.column_names import normalised_name
from audiotag.data.label_cells import MACHINE_ID, LabelFormat
from audiotag.data.label_names import label_key
from audiotag.review.export.cell_changes import Changes, NewCell

CLASS_NAMES = {
    "target", "targets", "classid", "classids", "classnumber", "classindex", "classidx", "labelid", "labelids",
    "labelnumber", "labelindex", "labelidx", "categoryid", "tagid", "mid", "mids", "asoid", "ontologyid",
}  # fmt: skip
LEAST_ROWS_PER_CLASS = 2  # on average, before a column of numbers is taken for those of classes
SIGNS = (",", ";", "|")


def changed_class_cells(
    table: pd.DataFrame,
    others: Iterable[str],
    cells: pd.Series,
    how: LabelFormat,
    after: dict[int, tuple[str, ...]],
) -> tuple[Changes, list[str]]:
    """The cells that follow the labels.

    Parameters
    ----------
    table : pandas.DataFrame
    others : iterable of str
        The columns that have no other meaning.
    cells : pandas.Series
        The column of labels, as it is now.
    how : LabelFormat
        How it is read.
    after : dict[int, tuple[str, ...]]
        The new labels of rows.

    Returns
    -------
    tuple[Changes, list[str]]
        The cells, and sentences about labels for which a column has no value.
    """
    texts = cells.fillna("").tolist()
    labels = [how.split(text) for text in texts]
    changes: Changes = {}
    notes = []
    for column in others:
        values = [cell if isinstance(cell, str) else "" for cell in table[column].tolist()]
        sign = next((sign for sign in SIGNS if any(sign in value for value in values)), "")
        parts = [_parts(value, sign) for value in values]
        value_of = _values_by_label(labels, parts)
        if not value_of or not _is_of_classes(column, value_of, len(table)):
            continue
        lacking = sorted({label for own in after.values() for label in own} - value_of.keys())
        if lacking:
            notes.append(f"The column {column} has no value for {lacking[0]}; its cells stay empty there.")
        for row, own in after.items():
            text = (sign or ",").join(value_of[label] for label in own if label in value_of)
            if text != values[row]:
                changes[row, column] = NewCell(text)
    return changes, notes


def _parts(value: str, sign: str) -> list[str]:
    parts = value.split(sign) if sign else [value]
    return [part.strip() for part in parts if part.strip()]


def _values_by_label(labels: Sequence[Sequence[str]], values: Sequence[Sequence[str]]) -> dict[str, str]:
    """The value of each label, if every row has as many values as labels and no two labels share one; else empty."""
    found: dict[str, str] = {}
    for own, parts in zip(labels, values, strict=True):
        if not own:
            continue
        if len(own) != len(parts):
            return {}
        for label, value in zip(own, parts, strict=True):
            if found.setdefault(label, value) != value:
                return {}
    return found if len(set(found.values())) == len(found) > 1 else {}


def _is_of_classes(column: str, value_of: dict[str, str], rows: int) -> bool:
    values = list(value_of.values())
    if normalised_name(column) in CLASS_NAMES or all(map(MACHINE_ID.fullmatch, values)):
        return True
    if all(label_key(label) == label_key(value) for label, value in value_of.items()):
        return True
    if not all(map(str.isdecimal, values)) or rows < LEAST_ROWS_PER_CLASS * len(values):
        return False
    numbers = sorted(map(int, values))
    return numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
