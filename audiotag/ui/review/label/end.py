"""The end of the Label tab's queue: what was labelled, what was skipped, and what can be done next."""

from __future__ import annotations

from functools import partial

import streamlit as st

from audiotag.ui.review.label.loading import Labelling
from audiotag.ui.review.label.position import go_to, next_row, next_skipped
from audiotag.ui.review.label.side import show_training
from audiotag.ui.text import Markdown


def show_end(labelling: Labelling) -> None:
    """A summary, the way back to clips that have no label yet, and training."""
    state = labelling.state
    skipped, silent = int(state.is_skipped.sum()), int((state.material.is_silent & ~state.is_labelled).sum())
    if (row := next_row(labelling)) is not None:
        st.info("This is the end of the queue; some clips before it have no label yet.")
        _show_button(labelling, row, Markdown("Go to the next clip without a label"), "label-go-open")
    elif skipped:
        clips = "1 clip was" if skipped == 1 else f"{skipped:,} clips were"
        st.success(f"All other clips have labels; {clips} skipped.", icon=":material/task_alt:")
        if (again := next_skipped(labelling)) is not None:
            _show_button(labelling, again, Markdown("Go through the skipped clips"), "label-go-skipped")
    else:
        st.success("All clips have labels.", icon=":material/task_alt:")
    if silent:
        clips = "1 clip is" if silent == 1 else f"{silent:,} clips are"
        st.caption(f"{clips} silent, and not asked about.")
    show_training(labelling)


def _show_button(labelling: Labelling, row: int, text: Markdown, key: str) -> None:
    label: Markdown = text
    st.button(label, icon=":material/arrow_forward:", key=key, on_click=partial(go_to, labelling, row))
