"""The style of the Spectrogram page: the form beside the player, or below it where the page is narrow."""

from __future__ import annotations

import functools
from pathlib import Path

import streamlit as st

from audiotag.ui.style import add_style


def add_page_style() -> None:
    """Add the CSS in ``spectrogram.css`` to the page."""
    add_style(_css())


@functools.cache
def _css() -> str:
    """The CSS, with the page's background as a variable: Streamlit has none, and what stays in sight must be opaque."""
    light, dark = (st.get_option(f"theme.{scheme}.backgroundColor") for scheme in ("light", "dark"))
    background = f":root {{ --page-background: light-dark({light or '#ffffff'}, {dark or '#0e1117'}); }}"
    css = (Path(__file__).parent / "spectrogram.css").read_text(encoding="utf-8")
    return f"<style>{background}\n{css}</style>"
