"""Show errors as messages, and change what is chosen in the sidebar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.ui.text import escape


def select_in_sidebar(picker: str, value: object) -> None:
    """Select another value in the picker ``"dataset"``, ``"ensemble"`` or ``"preset"``, and run the page again."""
    st.session_state[f"{picker}-next"] = value
    st.rerun()


@contextmanager
def show_errors(stop: bool = False) -> Iterator[None]:
    """Show an `AudiotagError` as a message instead of a traceback; ``stop`` then ends the run of the page."""
    try:
        yield
    except AudiotagError as error:
        st.error(escape(error), icon=":material/error:")
        if stop:
            st.stop()
