"""A field for a number that takes a decimal comma as well as a decimal point.

A browser's own number field drops the comma of "2,5" and gives 25. This one is a text field: what is typed reaches the
page as it is, and what is not a number in the range is said below the field.
"""

from __future__ import annotations

import math
import re
from typing import Any

import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.ui.text import Markdown, escape

NUMBER = re.compile(r"([-+]?)(?:(\d+)[.,]?(\d*)|[.,](\d+))(e[-+]?\d{1,3})?", re.IGNORECASE)


def number_field(
    label: Markdown,
    key: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    whole: bool = False,
    **options: Any,
) -> float | None:
    """Show the field; returns its number, None where it is empty or, with a message below it, where it has none.

    Parameters
    ----------
    label : Markdown
        With the unit in brackets.
    key : str
        The session state holds the text of the field under this key; see `number_text`.
    low, high : float
        Range, both included.
    whole : bool
        Whether only whole numbers are taken.
    **options
        Of `streamlit.text_input`.
    """
    typed = st.text_input(label, key=key, **options)
    try:
        return parse_number(typed, label, low, high, whole)
    except AudiotagError as error:
        st.error(escape(error), icon=":material/error:")
        return None


def parse_number(
    text: str | None, name: str, low: float = -math.inf, high: float = math.inf, whole: bool = False
) -> float | None:
    """The number that a user typed, with a decimal comma or a decimal point; None for an empty text.

    >>> parse_number("2,5", "x"), parse_number(" −2.5", "x"), parse_number("", "x")
    (2.5, -2.5, None)

    Raises
    ------
    AudiotagError
        If the text is not a number in the range; names the field.
    """
    typed = (text or "").strip().replace("−", "-")
    if not typed:
        return None
    if not NUMBER.fullmatch(typed):
        example = "12" if whole else "2.5 or 2,5"
        raise AudiotagError(f"{name} must be a number such as {example}, got {text!r}.")
    value = float(typed.replace(",", "."))
    if whole and not value.is_integer():
        raise AudiotagError(f"{name} must be a whole number, got {text!r}.")
    if not low <= value <= high or math.isinf(value):
        bounds = (f"at least {low:g}" if low > -math.inf else "", f"at most {high:g}" if high < math.inf else "")
        wanted = " and ".join(filter(None, bounds)) or "a finite number"
        raise AudiotagError(f"{name} must be {wanted}, got {text!r}.")
    return value


def number_text(value: float | None) -> str:
    """A number as the text of a field; empty for None.

    >>> number_text(2.5), number_text(3.0), number_text(None)
    ('2.5', '3', '')
    """
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
