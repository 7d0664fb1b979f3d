"""The player of all pages: waveform, spectrogram and timeline over one time axis.

`show_player` puts it on a page; `player.py` packs the data, ``player.html``, ``.css`` and ``.js`` draw it, with
``sounds.js``, which other components that show sounds share.
"""

from audiotag.ui.player.player import PlayerOptions, Region, TimelineRow, pack_block, show_block, show_player

__all__ = ["PlayerOptions", "Region", "TimelineRow", "pack_block", "show_block", "show_player"]
