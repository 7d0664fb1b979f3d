"""Add CSS and a script to a page."""

from __future__ import annotations

import streamlit as st

# An element that only has CSS and scripts would take a gap of the layout.
TAKES_NO_ROOM = """<style>
  [data-testid="stElementContainer"]:has(> [data-testid="stHtml"] > style) { display: none; }
</style>"""


def add_style(style: str, script: str = "<script></script>") -> None:
    """Add CSS, as a ``<style>`` element, and a ``<script>`` element to the page.

    Streamlit puts an element that has CSS alone beside the toasts, where the first toast of a fragment replaces it; one
    with a script, even an empty one, stays in its place.
    """
    st.html(TAKES_NO_ROOM + style + script, unsafe_allow_javascript=True)
