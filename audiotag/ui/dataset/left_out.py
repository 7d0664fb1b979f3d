"""Leave out clips whose labels contradict each other, and take them back, on the Problems tab of the Dataset page."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.left_out import LeftOutClip, leave_out, take_back
from audiotag.inspection.contradictions import clips_to_leave_out
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages
from audiotag.workspace import Workspace


def show_left_out_buttons(dataset: Dataset, faults: pd.DataFrame) -> None:
    """A button for the contradictions among the faults, and one for what is left out; none where there is nothing."""
    contradictory = clips_to_leave_out(faults)
    if not contradictory and not dataset.left_out:
        return
    with st.container(horizontal=True):
        if contradictory:
            st.button(
                escape(f"Leave out {_count_of_clips(len(contradictory))} with contradictory labels"),
                icon=":material/block:",
                key="leave-out",
                on_click=_leave_out,
                args=(dataset, contradictory),
                help="They have the same sound as clips with other labels. Sounds and tables stay as they are.",
            )
        if dataset.left_out:
            st.button(
                escape(f"Take back {_count_of_clips(len(dataset.left_out))}"),
                icon=":material/undo:",
                key="take-back",
                on_click=_take_back,
                args=(dataset,),
                help="Use all clips again that you left out.",
            )


def _leave_out(dataset: Dataset, clips: list[LeftOutClip]) -> None:
    with messages.show_errors():
        leave_out(dataset, clips, Workspace())


def _take_back(dataset: Dataset) -> None:
    with messages.show_errors():
        take_back(dataset.root, Workspace())


def _count_of_clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count:,} clips"
