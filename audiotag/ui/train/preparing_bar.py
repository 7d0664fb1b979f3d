"""Show what a run or an estimate prepares before its first batch."""

from __future__ import annotations

import streamlit as st

from audiotag.training.preparation import Preparing
from audiotag.ui.text import escape


def show_preparing(preparing: Preparing | None, otherwise: str) -> None:
    """A bar with the step, its counts and the time that is left; ``otherwise`` before the process has said anything."""
    if preparing is None:
        st.progress(0.0, escape(otherwise))
    else:
        st.progress(preparing.share, escape(f"{preparing.describe()} …"))
