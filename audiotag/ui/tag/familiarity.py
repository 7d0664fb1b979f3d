"""Show on the Tag page how familiar a sound is to the ensemble, which tags are held back, and where it is unlike."""

from __future__ import annotations

import numpy as np
import streamlit as st

from audiotag.tagging.familiar_tags import held_back_note
from audiotag.tagging.result import Tags
from audiotag.ui.player import TimelineRow
from audiotag.ui.text import Markdown, escape

HELP = (
    "Measured by how far the sound is from the training sounds for the networks. The familiarity is about the share of "
    "training clips that were at least as far away when they were held out. Below the limit, which 95 % of right tags "
    "reach, tags are doubtful."
)


def show_familiarity(tags: Tags) -> None:
    """How familiar the sound is; a calm badge with the reasons where it differs from the training sounds."""
    if tags.differences:
        title = "Unlike the sounds it was trained on" if tags.is_unlike else "Differs from the sounds it was trained on"
        st.markdown(Markdown(f":orange-badge[:material/question_mark: {title}]"), help=HELP)
        for difference in tags.differences:
            st.caption(escape(difference))
    elif tags.familiarity is not None:
        st.markdown(Markdown(f":small[:gray[familiarity {tags.familiarity:.2f}{_unlike_parts(tags)}]]"), help=HELP)


def other_notes(tags: Tags) -> list[str]:
    """The notes that `show_familiarity` and `show_held_back` do not show."""
    held_back = held_back_note(tags) if tags.held_back else ""
    return [note for note in tags.notes if note not in (*tags.differences, held_back)]


def show_held_back(tags: Tags) -> None:
    """The labels that are not tags only because the sound is unlike the training sounds."""
    for tag in tags.held_back:
        st.markdown(
            Markdown(
                f":gray-badge[:material/block: {escape(tag.label)} {tag.score:.2f}] held back  \n"
                f":small[:gray[familiarity {tag.familiarity or 0:.3f}, limit {tags.familiarity_threshold:.3f}]]"
            )
        )


def familiarity_row(tags: Tags, start_s: float, length_s: float) -> TimelineRow | None:
    """A row of the player with the familiarity of each window; None unless some window is unlike the training sounds.

    Parameters
    ----------
    tags : Tags
    start_s, length_s : float
        Start and length of the part that is shown.
    """
    windows = tags.window_familiarity
    if windows is None or not (windows < tags.familiarity_threshold).any():
        return None
    times_s, inside = middles_in_part(tags, start_s, length_s)
    inside = inside & ~np.isnan(windows)
    return TimelineRow("familiarity", times_s[inside], windows[inside])


def middles_in_part(tags: Tags, start_s: float, length_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Middle of each window in seconds after the start of a part of the sound, and whether it is in the part."""
    ends_s = np.minimum(tags.starts_s + tags.window_s, tags.duration_s)
    inside = (ends_s > start_s) & (tags.starts_s < start_s + length_s)
    return (tags.starts_s + ends_s) / 2 - start_s, inside


def _unlike_parts(tags: Tags) -> Markdown:
    """How many windows are unlike the training sounds, where some are; empty otherwise."""
    windows = tags.window_familiarity
    count = 0 if windows is None else int((windows < tags.familiarity_threshold).sum())
    if not count:
        return Markdown("")
    return Markdown(f" · {count:,} of {len(tags.starts_s):,} windows are unlike the training sounds")
