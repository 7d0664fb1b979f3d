"""Which file is chosen for download, and the fields that say how the time ranges in it are found."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from audiotag.tagging.events import MAX_S, EventSettings
from audiotag.tagging.export.base import ExportFormat
from audiotag.ui.text import Markdown
from audiotag.ui.widgets.number_field import number_field


@dataclass(frozen=True)
class FileChoice:
    """The file that is chosen for download.

    Attributes
    ----------
    format : ExportFormat
    spreadsheet : bool
        Whether it is for a spreadsheet.
    events : EventSettings
        How its time ranges are found, if it has any.
    """

    format: ExportFormat
    spreadsheet: bool
    events: EventSettings


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
