"""Show errors as messages, and change what is chosen in the sidebar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.state import take_sentences
from audiotag.ui.text import escape

JUST_OPENED = "dataset-just-opened"  # in the session: the dataset whose reading the Dataset page shows


def select_in_sidebar(picker: str, value: object) -> None:
    """Select another value in the picker ``"dataset"``, ``"ensemble"`` or ``"preset"``, and run the page again."""
    st.session_state[f"{picker}-next"] = value
    st.rerun()


@contextmanager
def show_errors(stop: bool = False) -> Iterator[None]:
    """Show an `AudiotagError`, or what the disk refuses, as a message; ``stop`` then ends the run of the page."""
    try:
        yield
    except (AudiotagError, OSError) as error:
        st.error(escape(disk_problem(error) if isinstance(error, OSError) else error), icon=":material/error:")
        if stop:
            st.stop()


def show_sentences() -> None:
    """Show, once, what was said about damaged files and the disk since the last page was shown."""
    for sentence in take_sentences():
        st.toast(escape(sentence), icon=":material/warning:", duration="infinite")
