"""Read the labels in the cells of a table: one label, several with a separator between them, or a list.

How a column is written is found from all of its cells, because one cell may be read in two ways: "Vehicle horn, car
horn, honking" is one label of AudioSet, "dog, cat" two of most tables.
"""

from __future__ import annotations

import ast
import csv
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from audiotag.data.table_header import clean_cell

WORDS = {
    "comma": "labels separated by commas",
    "semicolon": "labels separated by semicolons",
    "bar": "labels separated by bars",
    "space": "labels separated by spaces",
    "none": "one label per row",
}
COMMAS_STAY = "one label per row; commas are part of labels"
LISTS = "lists of labels"
LINES = "labels on lines of their own"
SPLITTERS = {"semicolon": re.compile(r"[;\n]"), "bar": re.compile(r"[|\n]"), "space": re.compile(r"\s+")}
BRACKETS = {"[": "]", "(": ")", "{": "}"}
QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
WITHOUT_COMMAS = re.compile(r"['\"]\s+['\"]")  # as NumPy writes lists
COMMA_IN_TEXT = re.compile(r",(?=\s|$)")
MACHINE_ID = re.compile(r"/[mgt]/\w+")  # of AudioSet
LABEL_KEYS = ("label", "labels", "name", "class", "category", "tag", "value")
MAX_EVALUATED_CHARS = 10_000
MAX_NESTED = 30
LEAST_PROBABILITY = 0.5

EMPTY = {"nan", "NaN", "NAN", "#N/A", "<NA>"}  # as pandas, NumPy and spreadsheets write cells without content
SEPARATORS = " ,;|\t\r\n"  # at the ends of cells they mean nothing

Split = Callable[[str], tuple[str, ...]]


@dataclass(frozen=True)
class LabelFormat:
    """How the labels of a column are written.

    Attributes
    ----------
    words : str
        For people.
    split : callable
        The labels in a cell, in their order, each once.
    """

    words: str
    split: Split


def find_label_format(
    cells: Iterable[str], separator: str | None = None, vocabulary: Collection[str] = ()
) -> LabelFormat:
    """How the labels in some cells are written.

    Parameters
    ----------
    cells : iterable of str
        All cells of a column.
    separator : str, optional
        A key of `WORDS`, if it is not detected.
    vocabulary : collection of str
        All labels, where they are known; then commas and semicolons separate labels, unless they are part of one.
    """
    distinct = {cell.strip() for cell in cells} - {""}
    if separator is not None:
        return LabelFormat(WORDS[separator], _splitter(separator, ()))
    plain = {cell.strip(SEPARATORS) for cell in distinct if not _is_list(cell)} - {""}
    words, key = _find_separator(plain, vocabulary)
    if len(plain) < len(distinct):
        words = f"{LISTS}; other cells: {words}" if plain else LISTS
    return LabelFormat(words, _splitter(key, frozenset(vocabulary), reads_lists=True))


def _is_list(cell: str) -> bool:
    """Whether a cell is a list, tuple, set or object; what is in round brackets without quotes may be a name."""
    if len(cell) < 2 or BRACKETS.get(cell[0]) != cell[-1]:
        return False
    return cell[0] == "[" or "'" in cell or '"' in cell or not cell[1:-1].strip()


def labels_of_list(cell: str) -> tuple[str, ...]:
    """The labels in a list as JSON, Python or NumPy write it; of an object those whose value is true.

    >>> labels_of_list('["dog", "cat"]'), labels_of_list("['dog' 'cat']"), labels_of_list("{'dog': 1, 'cat': 0}")
    (('dog', 'cat'), ('dog', 'cat'), ('dog',))
    """
    if WITHOUT_COMMAS.search(cell) and not re.search(r"['\"]\s*[,:]\s*", cell):
        return _distinct(one or other for one, other in QUOTED.findall(cell))
    value = _value(cell)
    return _distinct(_texts(value) if value is not None else cell.strip()[1:-1].split(","))


def _find_separator(cells: set[str], vocabulary: Collection[str]) -> tuple[str, str]:
    """What separates labels, in words and as a key of `WORDS`."""
    if vocabulary:
        return WORDS["comma"], "comma"
    bare = sorted(cells)
    if any("|" in cell for cell in bare):
        return WORDS["bar"], "bar"
    has_tight_comma = any("," in cell and not _only_commas_in_text(cell) for cell in bare)
    if any(";" in cell for cell in bare):
        return (f"{WORDS['semicolon']} or commas", "comma") if has_tight_comma else (WORDS["semicolon"], "semicolon")
    if any("," in cell for cell in bare):
        if has_tight_comma or _parts_occur_elsewhere([cell for cell in bare if "," in cell], bare):
            return WORDS["comma"], "comma"
        return COMMAS_STAY, "none"
    if any("\n" in cell for cell in bare):
        return LINES, "semicolon"
    if _tokens_occur_alone(bare):
        return WORDS["space"], "space"
    return WORDS["none"], "none"


def _only_commas_in_text(cell: str) -> bool:
    """Whether a space follows every comma of a cell outside of quotation marks, as in English."""
    return cell.count(",") == len(COMMA_IN_TEXT.findall(cell)) and '"' not in cell


def _parts_occur_elsewhere(joined: list[str], cells: list[str]) -> bool:
    """Whether most cells with commas have a part that is also a label by itself, or is combined with others.

    Parts that are always the first, like "Inside, small room" and "Inside, public space", are no sign of it.
    """
    parts = {cell: _parts(cell) for cell in joined}
    counts = Counter(part for own in parts.values() for part in set(own))  # in how many cells a part is
    not_first = {part for own in parts.values() for part in own[1:]}
    alone = set(cells)
    broken = sum(
        any(part in alone or (counts[part] > 1 and part in not_first) for part in own) for own in parts.values()
    )
    return 2 * broken >= len(joined)


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(",") if part.strip()]


def _tokens_occur_alone(cells: list[str]) -> bool:
    """Whether every word of every cell is also a label by itself, or is a code."""
    words = {cell: cell.split() for cell in cells}
    alone = {own[0] for own in words.values() if len(own) == 1}
    joined = [own for own in words.values() if len(own) > 1]
    return bool(joined) and all(
        alone.issuperset(own) or all(MACHINE_ID.fullmatch(word) or word.isdigit() for word in own) for own in joined
    )


def _splitter(separator: str, vocabulary: Collection[str], reads_lists: bool = False) -> Split:
    def split(cell: str) -> tuple[str, ...]:
        cell = cell.strip()
        if reads_lists and _is_list(cell):
            return labels_of_list(cell)
        if separator == "none" or cell in vocabulary:
            return _distinct([cell.strip(SEPARATORS) if reads_lists else cell])
        if separator == "comma":
            return _distinct(_split_commas(cell))
        return _distinct(SPLITTERS[separator].split(cell))

    return split


def _split_commas(cell: str) -> Iterator[str]:
    """The parts of a cell; in quotation marks a comma is part of a label."""
    cell = cell.replace(";", ",").replace("\n", ",")
    try:
        yield from next(csv.reader([cell], skipinitialspace=True), [])
    except csv.Error:
        yield from cell.split(",")


def _distinct(labels: Iterable[str]) -> tuple[str, ...]:
    cleaned = (unicodedata.normalize("NFC", clean_cell(label)) for label in labels)
    return tuple(dict.fromkeys(label for label in cleaned if label and label not in EMPTY))


def _value(cell: str) -> Any:
    """The value of a cell as JSON or as Python; None if it is neither."""
    if sum(map(cell.count, "[({")) > MAX_EVALUATED_CHARS // MAX_NESTED:
        return None
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        pass
    if len(cell) > MAX_EVALUATED_CHARS or re.search(r"[\[({]\s*" * MAX_NESTED, cell):
        return None
    try:
        return ast.literal_eval(cell)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > MAX_NESTED or value is None:
        return
    if isinstance(value, dict):
        numbers = {name: number for name, number in value.items() if isinstance(number, int | float)}
        if numbers and len(numbers) == len(value):
            yield from (str(name) for name, number in numbers.items() if number >= LEAST_PROBABILITY)
        else:
            named = [value[key] for key in LABEL_KEYS if key in value]
            yield from _texts(named or list(value.values()), depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in sorted(value, key=str) if isinstance(value, set | frozenset) else value:
            yield from _texts(inner, depth + 1)
    else:
        yield str(value)
