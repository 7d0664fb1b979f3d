"""The buttons, and keys, that step through the rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def step_buttons(key: str, on_click: Callable[..., None], *args: Any) -> None:
    """Previous and Next; a press calls ``on_click`` with −1 or 1, and ``args``. ``key`` begins those of the buttons."""
    for label, icon, shortcut, step in (
        ("Previous", ":material/skip_previous:", "P", -1),
        ("Next", ":material/skip_next:", "N", 1),
    ):
        st.button(
            label,
            icon=icon,
            key=f"{key}{label.lower()}",
            shortcut=shortcut,
            on_click=on_click,
            args=(step, *args),
            type="tertiary",
        )
