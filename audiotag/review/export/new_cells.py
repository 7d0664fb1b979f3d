"""Write labels into the cells of a table as the table has them: separated, as lists, or one column per label."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import pandas as pd

from audiotag.data.label_cells import BRACKETS, COMMAS_STAY, LINES, LISTS, WORDS, LabelFormat, find_label_format
from audiotag.data.label_columns import FLAGS, PROBABILITIES, LabelColumns, probabilities
from audiotag.review.export.cell_changes import CannotRewriteError, Changes, NewCell

Style = Literal["separated", "lists"]  # how several labels are written in a cell that held one: "a,b" or '["a", "b"]'
STYLES: tuple[Style, ...] = ("separated", "lists")
IS_IN, IS_NOT = ("1", "0")
SIGNS = {"comma": ",", "semicolon": ";", "bar": "|", "space": " "}
NEEDS_LIST = set(",;|\n\"'[](){}")  # a label with one of these is not read as it is from a cell with several labels


def changed_label_cells(
    table: pd.DataFrame, columns: tuple[str, ...], words: str, after: dict[int, tuple[str, ...]], style: Style
) -> Changes:
    """The cells of the label columns that change.

    Parameters
    ----------
    table : pandas.DataFrame
        All cells as text, or NA.
    columns : tuple[str, ...]
        The columns of labels.
    words : str
        How labels are written, as `audiotag.data.dataset.Reading.label_format` says it.
    after : dict[int, tuple[str, ...]]
        The new labels of rows.
    style : Style
        How several labels are written where the table does not tell.

    Raises
    ------
    CannotRewriteError
        If there is no column for a label.
    """
    if words in (FLAGS, PROBABILITIES):
        return _changed_flags(table, columns, words, after)
    if len(columns) > 1:
        return _changed_in_several(table, columns, after, style)
    (column,) = columns
    write = CellWriter(table[column], words, style)
    cells = table[column].tolist()
    return {(row, column): NewCell(write(labels, _text(cells[row])), labels) for row, labels in after.items()}


def label_format_of(cells: pd.Series, words: str) -> LabelFormat:
    """How a column is read whose format is told in words."""
    found = find_label_format(cells.dropna().unique().tolist())
    key = next((key for key, known in WORDS.items() if known == words), None)
    return found if found.words == words or key is None else find_label_format((), key)


class CellWriter:
    """Writes labels as the other cells of a column do.

    Parameters
    ----------
    cells : pandas.Series
        The column as text, or NA.
    words : str
        How its labels are written.
    style : Style
    """

    def __init__(self, cells: pd.Series, words: str, style: Style) -> None:
        texts = [cell.strip() for cell in cells.dropna().unique().tolist()]
        self._has_lists = words.startswith(LISTS)
        self._style = style
        self._sign = _sign_of(texts, words)
        self._commas_separate = "commas" in words and words != COMMAS_STAY
        spaced = sum(text.count(f"{self._sign} ") for text in texts)
        self._gap = " " if 2 * spaced > sum(text.count(self._sign) for text in texts) else ""
        lists = [text for text in texts if _is_list(text)]
        self._quote = "'" if sum("'" in text for text in lists) * 2 > len(lists) else '"'

    def __call__(self, labels: Sequence[str], before: str) -> str:
        """The text of a cell with these labels, which held ``before``."""
        if self._has_lists and (_is_list(before) or self._sign == ""):
            return self._list(labels, before)
        if not labels:
            return ""
        if self._style == "lists" and (len(labels) > 1 or set(labels[0]) & NEEDS_LIST):
            return json.dumps(list(labels), ensure_ascii=False)
        if len(labels) == 1 and not (self._commas_separate and set(labels[0]) & {",", ";", '"'}):
            return labels[0]
        sign = next((sign for sign in (self._sign, ";") if sign == ";" and ";" in before), self._sign) or ","
        return f"{sign}{self._gap}".join(_quoted(label) if sign == "," else label for label in labels)

    def _list(self, labels: Sequence[str], before: str) -> str:
        quote = "'" if "'" in before and '"' not in before else '"' if '"' in before else self._quote
        if quote == '"':
            return json.dumps(list(labels), ensure_ascii=False)
        return f"[{', '.join(map(repr, labels))}]"


def _sign_of(texts: list[str], words: str) -> str:
    """What separates the labels of a cell; empty if all cells are lists."""
    if words == LISTS:
        return ""
    if words.endswith(LINES):
        return "\n"
    keys = [key for key in SIGNS if WORDS[key] in words]
    if not keys:
        return ","  # one label per cell, so far
    if "or commas" in words:
        counts = {sign: sum(text.count(sign) for text in texts) for sign in ",;"}
        return max(counts, key=lambda sign: counts[sign])
    return SIGNS[keys[0]]


def _quoted(label: str) -> str:
    return '"' + label.replace('"', '""') + '"' if set(label) & {",", ";", '"'} else label


def _is_list(text: str) -> bool:
    text = text.strip()
    return len(text) > 1 and BRACKETS.get(text[0]) == text[-1]


def _text(cell: object) -> str:
    return cell if isinstance(cell, str) else ""


def _changed_flags(
    table: pd.DataFrame, columns: tuple[str, ...], words: str, after: dict[int, tuple[str, ...]]
) -> Changes:
    labels = LabelColumns(columns, words).labels
    if unknown := sorted({label for own in after.values() for label in own} - set(labels)):
        raise CannotRewriteError(f"it has no column for {unknown[0]}")
    is_in = {column: probabilities(table[column]) >= 0.5 for column in columns}
    texts = {column: _flag_texts(table, column, columns, words) for column in columns}
    changes: Changes = {}
    for row, own in after.items():
        for label, column in zip(labels, columns, strict=True):
            wanted = label in own
            if wanted != bool(is_in[column][row]):
                changes[row, column] = NewCell(texts[column][wanted], is_in=wanted)
    return changes


def _flag_texts(table: pd.DataFrame, column: str, columns: tuple[str, ...], words: str) -> dict[bool, str]:
    """How yes and no are written in a column, or else in the others."""
    if words == PROBABILITIES:
        return {True: IS_IN, False: IS_NOT}
    found: dict[bool, str] = {}
    for name in (column, *columns):
        counts = Counter(table[name].fillna("").tolist())
        by_text = dict(zip(counts, probabilities(pd.Series(list(counts), dtype="str")), strict=True))
        for text, _ in counts.most_common():
            found.setdefault(bool(by_text[text] >= 0.5), text)
        if len(found) == 2:
            break
    return {True: IS_IN, False: IS_NOT} | found


def _changed_in_several(
    table: pd.DataFrame, columns: tuple[str, ...], after: dict[int, tuple[str, ...]], style: Style
) -> Changes:
    """The labels one after the other: one in each column, the rest in a column of lists, if there is one."""
    cells = {name: table[name].tolist() for name in columns}
    lists = [name for name in columns if any(_is_list(_text(cell)) for cell in cells[name])]
    single = [name for name in columns if name not in lists]
    changes: Changes = {}
    for row, labels in after.items():
        rest = labels[len(single) :]
        if rest and not lists:
            raise CannotRewriteError(
                f"it has {len(columns)} columns of labels, and a clip has now {len(labels)} labels"
            )
        wanted: dict[str, tuple[str, ...]] = {name: labels[at : at + 1] for at, name in enumerate(single)}
        wanted |= {name: rest if name == lists[0] else () for name in lists}
        for name, own in wanted.items():
            before = _text(cells[name][row])
            write = CellWriter(table[name], LISTS if name in lists else WORDS["none"], style)
            text = write(own, before)
            if text != before:
                changes[row, name] = NewCell(text, own)
    return changes
