"""The player of all pages: waveform, spectrogram and timeline over one time axis.

`show_player` puts it on a page. Read `options` (what can be shown), `packing` (what the browser gets) and `player` (the
components), then ``player.js``, which uses the other scripts. ``part.js`` is that of the hidden components that hold
the data.
"""

from audiotag.ui.player.options import Beside, Highlight, Jump, OtherSound, PlayerOptions, Region, TimelineRow, Values
from audiotag.ui.player.packing import Block, pack_block
from audiotag.ui.player.player import show_block, show_player

__all__ = [
    "Beside",
    "Block",
    "Highlight",
    "Jump",
    "OtherSound",
    "PlayerOptions",
    "Region",
    "TimelineRow",
    "Values",
    "pack_block",
    "show_block",
    "show_player",
]
