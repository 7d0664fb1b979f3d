"""Choose the overlap of windows on the Tag page, see what it costs, and make it the ensemble's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from audiotag.cli.command_lines import overlap_line
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.tagging.moments import MIN_OVERLAP
from audiotag.tagging.own_overlap import OVERLAPS, cost_of_overlap, save_overlap
from audiotag.tagging.settings import DEFAULT_OVERLAP, TagSettings
from audiotag.ui.text import Markdown, escape

if TYPE_CHECKING:
    from audiotag.tagging.card import Card

IN_ADDRESS: dict[str, Any] = {"bind": "query-params"}
KEY = "overlap"
CHOSEN_FOR = "overlap-chosen-for"  # in the session: the ensemble that the slider belongs to, and its own overlap
PROBLEM = "overlap-problem"


def pick_overlap(folder: Path, card: Card) -> float:
    """A slider that starts at the ensemble's own overlap, with the cost, and a button that makes it its own."""
    own = TagSettings().or_overlap(card.overlap).overlap_share
    before = st.session_state.get(CHOSEN_FOR)
    if before is not None and before != (str(folder), own):  # another ensemble, or the command has set another overlap
        st.session_state[KEY] = own
    st.session_state[CHOSEN_FOR] = (str(folder), own)
    overlap = st.select_slider(
        "Overlap of windows",
        sorted({*OVERLAPS, own}),
        own,
        format_func=lambda overlap: f"{overlap:.0%}",
        key=KEY,
        help=f"Windows of {card.spectrogram.clip_s:g} s. From {MIN_OVERLAP:.0%} on, the timeline shows when an event "
        "begins and ends, because each moment is seen in many windows.",
        **IN_ADDRESS,
    )
    overlap = float(overlap)
    st.caption(Markdown(escape(f"{cost_of_overlap(overlap, card.spectrogram.clip_s)}.")))
    with st.container():  # what varies has a place of its own, so that nothing below is drawn anew
        if overlap != own:
            st.button(
                f"Always tag with {overlap:.0%}",
                key="save-overlap",
                on_click=_save,
                args=(folder, overlap),
                help=f"Writes it into the card of {escape(card.name)}, for this page, commands and Python.",
            )
            st.caption(
                Markdown(f"{escape(card.name)} tags with {own:.0%}; this page now uses {overlap:.0%}. As a command:")
            )
            st.code(overlap_line(folder.name, overlap), language="bash", wrap_lines=True)
        if problem := st.session_state.pop(PROBLEM, None):
            st.error(escape(problem))
    return overlap


def _save(folder: Path, overlap: float) -> None:
    try:
        save_overlap(folder, None if overlap == DEFAULT_OVERLAP else overlap)
    except (AudiotagError, OSError) as error:
        st.session_state[PROBLEM] = disk_problem(error) if isinstance(error, OSError) else str(error)
