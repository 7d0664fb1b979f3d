"""Jump in the player to the moment at which a label is most likely."""

from __future__ import annotations

import numpy as np
import streamlit as st

from audiotag.tagging.result import Tags
from audiotag.ui.player import Jump

WANTED, COUNT = "tag-jump", "tag-jumps"  # in the session: sound and time of the jump to do; how many there were


def best_moment_s(tags: Tags, column: int) -> float:
    """Start of the window in which a label scores highest, in seconds.

    Parameters
    ----------
    tags : Tags
    column : int
        Of the label in ``tags.timeline``.
    """
    if not len(tags.starts_s):
        return 0.0
    return float(tags.starts_s[int(np.argmax(tags.timeline[:, column]))])


def jump(sound: int, time_s: float) -> None:
    """Have the player of the sound with this number go to a time; the next run of the page does it."""
    st.session_state[WANTED] = (sound, time_s)
    st.session_state[COUNT] = st.session_state.get(COUNT, 0) + 1


def take_jump(sound: int, start_s: float) -> Jump | None:
    """The jump in this sound, for a player that shows a part of it from ``start_s`` on; it is done once."""
    wanted = st.session_state.pop(WANTED, None)
    if wanted is None or wanted[0] != sound:
        return None
    return Jump(max(0.0, wanted[1] - start_s), st.session_state[COUNT])
