"""The fields that say how time ranges are found, beside the choice of a file format with time ranges."""

from __future__ import annotations

import streamlit as st

from audiotag.tagging.events import MAX_S, EventSettings
from audiotag.ui.text import Markdown
from audiotag.ui.widgets.number_field import number_field


def pick_events(key: str) -> EventSettings:
    """Show the fields; what is left empty, or is not a number in its range, is 0.

    Parameters
    ----------
    key : str
        Begins the keys of the fields.
    """
    gap, shortest, hysteresis = st.columns(3, gap="small")
    with gap:
        gap_s = number_field(
            Markdown("Join gaps up to (s)"),
            f"{key}-event-gap",
            low=0,
            high=MAX_S,
            placeholder="0",
            help="Time ranges of a label that are at most this far apart become one.",
        )
    with shortest:
        min_s = number_field(
            Markdown("Shortest range (s)"),
            f"{key}-event-min",
            low=0,
            high=MAX_S,
            placeholder="0",
            help="Shorter time ranges are left out, after gaps are joined.",
        )
    with hysteresis:
        below = number_field(
            Markdown("Hysteresis"),
            f"{key}-event-hysteresis",
            low=0,
            high=1,
            placeholder="0",
            help="A time range begins where the score reaches the threshold, and ends where it falls more than this "
            "below it.",
        )
    return EventSettings(gap_s or 0.0, min_s or 0.0, below or 0.0)
