"""What a report consists of, whatever file it becomes: sections of paragraphs, tables, charts and commands.

All texts are plain; `static_html` and `markdown` escape them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from audiotag.wording import as_number

NOTHING = "—"
Commands = Mapping[str, str]  # command lines by what they do: those that measure what a report may lack


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; a quiet one says how to read something."""

    words: str
    is_quiet: bool = False


@dataclass(frozen=True)
class Missing:
    """Something that is not known, and the command that would measure it; no command where none can."""

    words: str
    command: str = ""


@dataclass(frozen=True)
class Code:
    """Text for a shell or an interpreter, to be copied."""

    words: str


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes
    ----------
    caption : str
    columns : tuple[str, ...]
        The first one names the rows.
    rows : tuple[tuple[str, ...], ...]
    numbers : frozenset[int]
        The columns with numbers, which are aligned on the right.
    is_closed : bool
        Whether it is shown when its caption is clicked.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    is_closed: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart as SVG, which has its text alternative in itself; a table of the same values stands beside it."""

    svg: str
    caption: str


Block = Paragraph | Missing | Code | Table | Chart


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes
    ----------
    title, about : str
    figures : tuple[tuple[str, str], ...]
        The few figures at the top: what they are, and their values.
    sections : tuple[Section, ...]
    front_matter : dict
        What Hugging Face's model cards have above their text; plain values.
    """

    title: str
    about: str
    figures: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    front_matter: dict[str, Any]


def facts_table(caption: str, values: dict[str, str]) -> Table:
    """A table of names and values."""
    return Table(caption, ("", ""), tuple(values.items()))


def table_of(
    caption: str, rows: pd.DataFrame, columns: Sequence[tuple[str, str, str]], is_closed: bool = False
) -> Table:
    """A table of some columns of a data frame.

    Parameters
    ----------
    caption : str
    rows : pandas.DataFrame
    columns : sequence of tuple
        The column's name, its title, and how its numbers are formatted; an empty format for texts.
    is_closed : bool
    """
    cells = [[formatted(value, form) for value in rows[name]] for name, _, form in columns]
    numbers = frozenset(place for place, (_, _, form) in enumerate(columns) if form)
    return Table(caption, tuple(title for _, title, _ in columns), tuple(zip(*cells, strict=True)), numbers, is_closed)


def formatted(value: Any, form: str) -> str:
    """A value as text; a dash for None and NaN, and ∞ for infinity.

    >>> formatted(0.98765, ".3f"), formatted(float("nan"), ".3f"), formatted(12345, ",d"), formatted("a", "")
    ('0.988', '—', '12,345', 'a')
    >>> formatted(float("-inf"), ",d")
    '−∞'
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    if not form or not isinstance(value, int | float | np.number):
        return str(value) or NOTHING
    number = float(value)
    if math.isnan(number):
        return NOTHING
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    return as_number(int(value) if form.endswith("d") else number, form)


def with_interval(value: float, low: float, high: float, form: str = ".3f") -> str:
    """A figure and its interval.

    >>> with_interval(0.9, 0.85, 0.94, ".2f"), with_interval(float("nan"), 0, 0)
    ('0.90 (0.85 to 0.94)', '—')
    """
    if math.isnan(value):
        return NOTHING
    bounds = f" ({formatted(low, form)} to {formatted(high, form)})" if not math.isnan(low) else ""
    return formatted(value, form) + bounds
