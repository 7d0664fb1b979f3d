"""The map of clips in the browser: points that can be pointed at, clicked on, zoomed, and drawn around.

`show_clip_map` puts it on a page; `clip_map.py` packs the data and reads what the user did. ``clip_map.js`` is the map,
``view.js`` says which part of it is shown, ``painting.js`` and ``symbols.js`` draw the points, ``pointing.js`` has what
mouse, fingers and wheel do, ``legend.js`` hides groups, and ``map_image.js`` makes an image of the map.
"""

from audiotag.ui.dataset.clip_map.clip_map import ClipMapData, MapPoints, pack_points, show_clip_map
from audiotag.ui.dataset.clip_map.point_styles import PointStyle, numbered_styles

__all__ = ["ClipMapData", "MapPoints", "PointStyle", "numbered_styles", "pack_points", "show_clip_map"]
