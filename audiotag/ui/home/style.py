"""The style of the Home page, which is in ``home.css``."""

from __future__ import annotations

import functools
from pathlib import Path

from audiotag.ui.style import add_style


def add_home_style() -> None:
    """Add the style to the page."""
    add_style(_style())


@functools.cache
def _style() -> str:
    return f"<style>{(Path(__file__).parent / 'home.css').read_text(encoding='utf-8')}</style>"
