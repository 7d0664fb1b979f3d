"""Similar clips beside a player: the ten clips of a dataset that sound most like a sound, played by key.

`show_similar` puts them on a page; `row_sounds.py` reads and packs what their rows show and play, and the component in
``clip_list`` draws and plays them.
"""

from audiotag.ui.similar.similar import CLIP, DatasetClip, OtherSound, clip_text, show_similar

__all__ = ["CLIP", "DatasetClip", "OtherSound", "clip_text", "show_similar"]
