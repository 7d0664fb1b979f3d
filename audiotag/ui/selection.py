"""The clips that the user selected, as on the map: the address has the id of the selection, so that a reload keeps it.

The Dataset page shows these clips alone in all its tabs, the Review page reviews these alone.
"""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.selections import Name, read_selection, save_selection
from audiotag.disk import disk_problem
from audiotag.ui.text import Markdown, escape
from audiotag.workspace import Workspace

PARAMETER = "selection"  # in the address
PROBLEM = "selection-problem"  # in the session: what the next run says once


def selected_clips(dataset: Dataset) -> frozenset[Name] | None:
    """Subset and name of the selected clips; None without a selection, or where the workspace has it no longer."""
    if problem := st.session_state.pop(PROBLEM, ""):
        st.error(escape(problem), icon=":material/error:")
    if not (wanted := selection_id()):
        return None
    found = read_selection(dataset, wanted, Workspace())
    if found is None:
        st.warning(
            "The address names a selection of clips that this workspace does not have for this dataset, so all clips "
            "are shown.",
            icon=":material/link_off:",
        )
        clear()
    return found


def selection_id() -> str:
    """The id of the selection in the address; empty without one."""
    return st.query_params.get(PARAMETER, "")


def select(dataset: Dataset, clips: Collection[Name]) -> None:
    """Make clips the selection; without any there is no selection."""
    if not clips:
        clear()
        return
    try:
        st.query_params[PARAMETER] = save_selection(dataset, clips, Workspace())
    except OSError as error:
        st.session_state[PROBLEM] = f"The selection cannot be saved: {disk_problem(error)}"


def clear() -> None:
    """Callback that shows all clips again."""
    st.query_params.pop(PARAMETER, None)


def show_clear_button() -> None:
    """A button that ends the selection."""
    st.button("Clear the selection", icon=":material/deselect:", key="clear-selection", type="tertiary", on_click=clear)


def show_chip(clips: Collection[Name]) -> None:
    """How many clips are selected, and the button that ends the selection."""
    number = Markdown("1 selected clip") if len(clips) == 1 else Markdown(f"{len(clips):,} selected clips")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f":material/filter_alt: Only {number}")
        show_clear_button()
