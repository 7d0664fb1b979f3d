"""Show an exception that no page expected as a sentence, and write its traceback into the log."""

from __future__ import annotations

import logging

import streamlit as st

from audiotag.crash_log import unexpected
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.ui.text import escape

STREAMLIT_REPORT = "Uncaught app execution"  # with the traceback, onto the terminal


def show_uncaught(error: Exception) -> bool:
    """Show an exception that ended the run of a page or a fragment; `streamlit.App` calls it, also for callbacks.

    Tests open pages without it, so that they see the exception itself.

    Returns
    -------
    bool
        True: Streamlit has nothing to show any more.
    """
    if isinstance(error, AudiotagError):
        text = str(error)
    elif isinstance(error, OSError):
        text = disk_problem(error)
    else:
        sentence = unexpected("this page", error)
        text = f"{sentence[0].upper()}{sentence[1:]} Reload the page, or choose something else on it."
    st.container(key="uncaught-error").error(escape(text), icon=":material/error:")
    return True


def keep_tracebacks_off_the_terminal() -> None:
    """Drop Streamlit's own report of exceptions of pages: they are in the log."""
    logging.getLogger("streamlit.error_util").addFilter(lambda record: record.getMessage() != STREAMLIT_REPORT)
