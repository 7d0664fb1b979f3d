"""Jump in the player to the moment at which a label is most likely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from audiotag.tagging.result import Tags

JUMPS = "tag-jumps"  # in the session: the last jump of each sound


@dataclass(frozen=True)
class SoundJump:
    """Where the player of a sound goes.

    Attributes
    ----------
    time_s : float
        In the whole sound, also where the player shows a part of it.
    number : int
        Rises with each jump.
    """

    time_s: float
    number: int


def best_moment_s(tags: Tags, column: int) -> float:
    """Start of the window in which a label scores highest, in seconds.

    Windows overlap, so the sound of the label is probably where all the windows lie that score as high.

    Parameters
    ----------
    tags : Tags
    column : int
        Of the label in ``tags.timeline``.
    """
    if not len(tags.starts_s):
        return 0.0
    scores = tags.timeline[:, column]
    start_s = float(tags.starts_s[int(np.argmax(scores))])
    return max(0.0, min(start_s, tags.duration_s))


def jump(sound: int, time_s: float) -> None:
    """Have the player of the sound with this number go to a time; the next run of the page does it."""
    before = last_jump(sound)
    made = st.session_state.setdefault(JUMPS, {})
    made[sound] = SoundJump(time_s, before.number + 1 if before else 1)


def last_jump(sound: int) -> SoundJump | None:
    """The last jump of a sound; None before the first."""
    return st.session_state.get(JUMPS, {}).get(sound)
