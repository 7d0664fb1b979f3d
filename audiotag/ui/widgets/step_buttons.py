"""Buttons with keyboard shortcuts: step through the rows of a table, draw a random sample again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def show_step_buttons(key: str, on_click: Callable[..., None], *args: Any) -> None:
    """Show Previous (P) and Next (N): they call ``on_click`` with −1 or 1, and ``args``.

    ``key`` is the beginning of the buttons' own keys.
    """
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


def show_draw_button(key: str) -> int:
    """Show the button (D) that draws a random sample again, and return how often it was pressed.

    ``key`` is the place of this number in the session.
    """
    st.button("Draw again", icon=":material/casino:", key=f"{key}-again", on_click=_add_one, args=(key,), shortcut="D")
    return int(st.session_state.get(key, 0))


def _add_one(key: str) -> None:
    st.session_state[key] = st.session_state.get(key, 0) + 1
