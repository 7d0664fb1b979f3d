"""The list of similar clips in the browser: rows that are moved through and played by key.

`show_clip_list` puts it on a page; `clip_list.py` packs the data, ``clip_list.html``, ``.css`` and ``.js`` draw
it.
"""

from audiotag.ui.similar.clip_list.clip_list import ClipList, ListRow, show_clip_list

__all__ = ["ClipList", "ListRow", "show_clip_list"]
