"""The toggle that gives scores as probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from audiotag.tagging.tagger import Tagger


def pick_calibrated(tagger: Tagger) -> bool:
    """Whether scores are calibrated; switched off where the ensemble has no temperature."""
    temperature = tagger.temperature
    about = (
        "Divides the logit of each score, and of its threshold, by the ensemble's temperature, which was fitted to "
        "out-of-fold scores. A score is then about how often such a tag is right. The tags and their order stay the "
        "same. A weighted mean is calibrated already and stays as it is."
    )
    if temperature is None:
        st.caption("This ensemble has no out-of-fold scores, so its scores cannot be calibrated.")
        return False
    return st.toggle(
        f"Calibrated scores (temperature {temperature:.2f})", key="calibrated", help=about, bind="query-params"
    )
