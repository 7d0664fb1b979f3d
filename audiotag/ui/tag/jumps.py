"""Jump in the player to the moment at which a label is most likely."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import streamlit as st

from audiotag.tagging.result import Tags
from audiotag.ui.player import Jump

LAST = "tag-jump"  # in the session: the last jump


class _SoundJump(NamedTuple):
    """A jump to a time of the whole sound with this number; each jump has a higher ``order``."""

    sound: int
    time_s: float
    order: int


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
    before = st.session_state.get(LAST)
    st.session_state[LAST] = _SoundJump(sound, time_s, before.order + 1 if before else 1)


def jump_of(sound: int, start_s: float) -> Jump | None:
    """The last jump, if it was in this sound, for a player that shows a part of it from ``start_s`` on."""
    last = st.session_state.get(LAST)
    return Jump(max(0.0, last.time_s - start_s), last.order) if last and last.sound == sound else None
