"""Keep the selected row of a table when the user leaves the page and comes back.

Streamlit forgets what is selected in a table that is not on the page.
"""

from __future__ import annotations

from typing import Any

import streamlit as st


def restore_row(table: str) -> None:
    """Select again the row that was selected when the table was last on the page; call it before the table is drawn."""
    if table not in st.session_state and (row := st.session_state.get(_kept(table))) is not None:
        select_row(table, row)


def keep_row(table: str, row: int) -> None:
    """Keep the number of the selected row; call it after the table is drawn."""
    st.session_state[_kept(table)] = row


def select_row(table: str, row: int) -> None:
    """Select a row; only possible before the table is drawn."""
    st.session_state[table] = {"selection": {"rows": [row], "columns": [], "cells": []}}


def _kept(table: str) -> str:
    return f"{table}-row"


def row_of(selection: Any, rows: int) -> int:
    """The number of the selected row in what Streamlit holds for a table, among so many rows; 0 where there is none.

    >>> row_of({"selection": {"rows": [7]}}, 3), row_of({}, 3)
    (2, 0)
    """
    chosen = (selection or {}).get("selection", {}).get("rows") or [0]
    return max(0, min(chosen[0], rows - 1))
