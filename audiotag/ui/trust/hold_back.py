"""The toggle that holds back tags of sounds that are unlike the training sounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from audiotag.cli.command_lines import familiarity_line

if TYPE_CHECKING:
    from audiotag.tagging.tagger import Tagger


def pick_hold_back(tagger: Tagger) -> bool:
    """Whether tags of unfamiliar sounds are held back; not offered where the ensemble does not know its sounds."""
    if tagger.familiar is None and tagger.card.blend is not None:
        st.caption("The first member of this blend did not know what its training sounds are like when it was blended.")
        return False
    if tagger.familiar is None:
        st.caption("This ensemble does not know what its training sounds are like. Measure that with a command:")
        st.code(familiarity_line(tagger.card.name, "DATASET"), language="bash", wrap_lines=True)
        return False
    about = (
        "A sound is unlike the training sounds if its familiarity is below "
        f"{tagger.familiar.threshold:.3f}: 95 % of right tags have at least this one, on clips that were held out. "
        "Its tags are then listed as held back, and are not exported as tags."
    )
    return st.toggle("Hold back tags of unfamiliar sounds", key="hold-back", help=about, bind="query-params")
