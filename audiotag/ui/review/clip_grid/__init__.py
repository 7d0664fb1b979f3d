"""The grid of clips in the browser: tiles that play and can be marked, and one answer for all of them.

`show_clip_grid` puts it on a page; `clip_grid.py` packs the data, ``clip_grid.html``, ``.css`` and ``.js`` draw it.
"""

from audiotag.ui.review.clip_grid.clip_grid import Answer, ClipGrid, Tile, show_clip_grid

__all__ = ["Answer", "ClipGrid", "Tile", "show_clip_grid"]
