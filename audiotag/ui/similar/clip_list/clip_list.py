"""Pack a list of clips for the browser, show it, and send the sounds that it asks for.

The browser gets the rows with small spectrograms in one block: the length of a JSON header (4 bytes, little-endian),
the header, and the levels of each row's spectrogram. Sounds are hidden components, as the parts of the player are: that
of the first row comes with the list, and the others when the browser wants them. It asks for the sound of a row and of
the one after it, so that the next step is heard at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from audiotag.state import fits
from audiotag.ui.component import read_component
from audiotag.ui.player.packing import Part, colour_scale, with_header
from audiotag.ui.player.player import show_parts
from audiotag.ui.similar.row_sounds import RowSound

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

FOLDER = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class ListRow:
    """A clip of the list.

    Attributes
    ----------
    id : str
        No other row of the list has it.
    name : str
    details : str
        What is written below the name: its labels.
    similarity : float
        0 to 1.
    mark : str
        What the clip has to do with the sound; empty for nothing.
    address : str
        Where the clip is opened, relative to the app's address.
    sound : RowSound
    """

    id: str
    name: str
    details: str
    similarity: float
    mark: str
    address: str
    sound: RowSound


@dataclass(frozen=True, eq=False)
class ClipList:
    """Clips that are compared with a sound, the most similar first."""

    of: str
    rows: tuple[ListRow, ...]


def show_clip_list(clips: ClipList, key: str, on_open: Callable[[str], None]) -> None:
    """Show a list in a fragment; ``on_open`` gets the id of a row that is to be opened, before the page runs again.

    Parameters
    ----------
    clips : ClipList
    key : str
        Key of this place on the page.
    on_open : callable
    """
    ids = [row.id for row in clips.rows]

    def opened() -> None:
        if (wanted := read_opened(st.session_state.get(key), ids)) is not None:
            on_open(wanted)

    _component()(data=pack_list(clips, key), key=key, on_wanted_change=lambda: None, on_opened_change=opened)
    sounds = {row.id: row.sound.sound for row in clips.rows}
    show_parts(key, [Part(each, sounds[each]) for each in read_wanted(st.session_state.get(key), ids) if sounds[each]])


def read_wanted(state: Any, ids: list[str]) -> list[str]:
    """The ids of the rows whose sounds the browser gets: the first row, and those that it has asked for, in that order.

    The order matters: a sound that is in the browser stays in its place, so that it is not sent again.
    """
    wanted: Any = state.get("wanted") if hasattr(state, "get") else None
    asked = wanted if fits(wanted, [str]) else []
    return list(dict.fromkeys([*ids[:1], *(each for each in asked if each in ids)]))


def read_opened(state: Any, ids: list[str]) -> str | None:
    """The id of the row that is to be opened, in the state that a browser sent; None where it is not in the list."""
    opened: Any = state.get("opened") if hasattr(state, "get") else None
    return opened if isinstance(opened, str) and opened in ids else None


def pack_list(clips: ClipList, place: str) -> bytes:
    """The block of bytes that the browser gets for a list at a place on the page."""
    rows = [
        {
            "id": row.id,
            "name": row.name,
            "details": row.details,
            "similarity": round(row.similarity, 2),
            "mark": row.mark,
            "address": row.address,
            "length": row.sound.length,
            "problem": row.sound.problem,
            "duration_s": row.sound.duration_s,
            "rows": row.sound.spectrogram.shape[0],
            "columns": row.sound.spectrogram.shape[1],
            "start_s": row.sound.start_s,
            "column_s": row.sound.column_s,
        }
        for row in clips.rows
    ]
    header = {"place": place, "of": clips.of, "colours": colour_scale(), "rows": rows}
    digest = hashlib.blake2b(json.dumps(header).encode(), digest_size=8).hexdigest()
    return with_header(header | {"id": digest}, *(row.sound.spectrogram.tobytes() for row in clips.rows))


@cache
def _component() -> ComponentRenderer:
    """The component, registered when it is first shown."""
    return st.components.v2.component("audiotag-clip-list", **read_component(FOLDER, "clip_list"))
