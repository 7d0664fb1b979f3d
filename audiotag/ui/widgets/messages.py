"""TODO."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from audiotag.errors import AudiotagError


def select_in_sidebar(picker: str, value: object) -> None:
    """Have the sidebar's ``"dataset"`` or ``"ensemble"`` picker show another value, and run the page again."""
    st.session_state[f"{picker}-next"] = value
    st.rerun()


@contextmanager
def show_errors(stop: bool = False) -> Iterator[None]:
    """Show what the user can mend as a sentence, never as a traceback."""
    try:
        yield
    except AudiotagError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        if stop:
            st.stop()


def escape_markdown(text: str) -> str:
    """Text that is shown as it is: a file's name must not become a heading, a link or a formula.

    >>> escape_markdown("a_b [x](y) $1$.wav")
    'a\\\\_b \\\\[x\\\\]\\\\(y\\\\) \\\\$1\\\\$.wav'
    """
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$:])", r"\\\1", text)


def quoted(path: Path) -> str:
    """A path as a shell wants it."""
    return shlex.quote(str(path))
