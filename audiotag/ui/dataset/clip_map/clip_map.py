"""Pack the map of clips for the browser, show it, and read what the user picked and drew around.

Positions are sent as 16-bit numbers from 0 to `UNITS`, the same unit in both directions, which is finer than the pixels
of any screen. As on the player, the component that is seen has the code and no data; positions, groups, names, and the
head that names them are in hidden ones, each of which is sent again only when it changes: a click sends some hundred
bytes.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from audiotag.state import fits
from audiotag.ui.component import read_component
from audiotag.ui.dataset.clip_map.point_styles import PointStyle
from audiotag.ui.dataset.lassos import inside_lasso
from audiotag.ui.player.packing import Part, with_header
from audiotag.ui.player.player import show_parts
from audiotag.wording import as_text

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

FOLDER = Path(__file__).parent
SCRIPTS = ("symbols", "painting", "view", "pointing", "legend", "map_image")  # besides clip_map.js
UNITS = 65_535  # of the larger side of the map
FAINT_GROUP = 255  # how clip_map.js gets the group −1
MAX_CORNERS = 20_000  # of a lasso
PICKED_SHAPE = {"points": str, "row": int}
DRAWN_SHAPE = {"points": str, "corners": [[float]], "hidden": [int]}


@dataclass(frozen=True, eq=False)
class MapPoints:
    """Where the clips are on the map, and what they are called, as the browser gets it.

    Attributes
    ----------
    units : numpy.ndarray, shape=(clips, 2), uint16
        Right and up.
    places, names : Part
    """

    units: np.ndarray
    places: Part
    names: Part


@dataclass(frozen=True, eq=False)
class ClipMapData:
    """What the map shows.

    Attributes
    ----------
    points : MapPoints
    groups : numpy.ndarray, shape=(clips,), int
        The number of each clip's style. Clips of no style, with −1, are faint; they cannot be picked and show nothing
        under the pointer.
    styles : sequence of PointStyle
        In the order of the legend; at most `FAINT_GROUP`. Those without a clip are left out.
    picked : int or None
        The clip that has a ring around it.
    revision : str
        What was drawn around clips goes when this changes.
    alt : str
        What the map shows, for those who cannot see it.
    """

    points: MapPoints
    groups: np.ndarray
    styles: Sequence[PointStyle]
    picked: int | None
    revision: str
    alt: str


def pack_points(positions: np.ndarray, names: Sequence[str], labels: Sequence[Sequence[str]]) -> MapPoints:
    """Pack what is the same as long as the map is the same.

    Parameters
    ----------
    positions : numpy.ndarray, shape=(clips, 2)
        Right and up; at least one clip.
    names : sequence of str
    labels : sequence of sequences of str
        Of each clip.
    """
    low = positions.min(axis=0)
    span = float((positions.max(axis=0) - low).max()) or 1.0
    units = np.round((positions - low) * (UNITS / span)).astype(np.uint16)
    places = with_header({"extent": units.max(axis=0).tolist()}, np.ascontiguousarray(units.T, "<u2").tobytes())
    texts = [", ".join(each) for each in labels]
    number = {text: at for at, text in enumerate(dict.fromkeys(texts))}
    about = ([as_text(name) for name in names], [list(map(as_text, number)), [number[text] for text in texts]])
    packed = zlib.compress("\n".join(map(json.dumps, about)).encode(), 1)
    return MapPoints(units, _part("places", places), _part("names", packed))


def show_clip_map(
    data: ClipMapData, key: str, on_pick: Callable[[int], None], on_draw: Callable[[np.ndarray], None]
) -> None:
    """Show the map in a fragment.

    Parameters
    ----------
    data : ClipMapData
    key : str
        Key of this place on the page, and name of the files that are downloaded.
    on_pick : callable
        Gets the number of the clip that the user clicked on, before the page runs again.
    on_draw : callable
        Gets which clips are inside of what the user drew, ``(clips,)``, bool, before the page runs again. Groups that
        the user has hidden are outside.
    """

    def picked() -> None:
        if (row := read_picked(st.session_state.get(key), data)) is not None:
            on_pick(row)

    def drawn() -> None:
        if (inside := read_drawn(st.session_state.get(key), data)) is not None:
            on_draw(inside)

    _component()(data={"place": key}, key=key, on_picked_change=picked, on_drawn_change=drawn)
    groups = pack_groups(data)
    head = {
        "points": data.points.places.id,
        "names": data.points.names.id,
        "groups": groups.id,
        "picked": data.picked,
        "revision": data.revision,
        "alt": data.alt,
    }
    show_parts(key, [Part("head", json.dumps(head).encode()), data.points.places, groups, data.points.names])


def pack_groups(data: ClipMapData) -> Part:
    """The group of each clip, and how the groups look."""
    groups = np.where(data.groups < 0, FAINT_GROUP, data.groups).astype(np.uint8)
    return _part("groups", with_header({"styles": [asdict(style) for style in data.styles]}, groups.tobytes()))


def read_picked(state: Any, data: ClipMapData) -> int | None:
    """The clip that was clicked on, in the state that a browser sent; None where it is not one that can be picked."""
    picked = _event(state, "picked", PICKED_SHAPE, data)
    if picked is None or not 0 <= picked["row"] < len(data.groups) or data.groups[picked["row"]] < 0:
        return None
    return int(picked["row"])


def read_drawn(state: Any, data: ClipMapData) -> np.ndarray | None:
    """Which clips are inside of what was drawn, in the state that a browser sent; None where nothing was drawn."""
    drawn = _event(state, "drawn", DRAWN_SHAPE, data)
    if (
        drawn is None
        or not 3 <= len(drawn["corners"]) <= MAX_CORNERS
        or any(len(each) != 2 for each in drawn["corners"])
    ):
        return None
    inside = inside_lasso(data.points.units.astype(float), np.array(drawn["corners"], float))
    return inside & ~np.isin(data.groups, [group for group in drawn["hidden"] if group >= 0])


def _event(state: Any, name: str, shape: Any, data: ClipMapData) -> Any:
    """What the browser sent about the points that it is shown; None for nothing, or for something else."""
    event: Any = state.get(name) if hasattr(state, "get") else None
    return event if fits(event, shape) and event["points"] == data.points.places.id else None


def _part(kind: str, content: bytes) -> Part:
    return Part(f"{kind}-{hashlib.blake2b(content, digest_size=12).hexdigest()}", content)


@cache
def _component() -> ComponentRenderer:
    """The component, registered when it is first shown."""
    return st.components.v2.component("audiotag-clip-map", **read_component(FOLDER, "clip_map", SCRIPTS))
