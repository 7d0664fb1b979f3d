"""Pack a grid of clips for the browser, show it, and read the answer that comes back.

The browser gets one block of bytes: the length of a JSON header (4 bytes, little-endian), the header, then the block of
each tile's sound as the player packs it, whose length is in the header. The key of a grid follows from what it shows,
so the next grid can be on the page before it is needed, hidden: when it is shown, only the hash of its block is sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from audiotag.state import fits
from audiotag.ui.component import read_component
from audiotag.ui.player.packing import with_header

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

FOLDER = Path(__file__).parent
ANSWER_SHAPE = {"accepted": [str], "odd": [str]}
# What an answer does: "wrong" takes the label from marked clips, "missing" adds it to them and says that the others do
# not have it; "cluster" gives it to all but the marked clips, "alike" to the marked ones, "members" takes it from them,
# and these say nothing about the other clips.
ClipGridKind = Literal["wrong", "missing", "cluster", "alike", "members"]


@dataclass(frozen=True)
class Tile:
    """A clip of a grid.

    Attributes
    ----------
    id : str
        By which the answer names it; no other tile of the grid has it.
    name : str
    score : float
        Out-of-fold score of the grid's label; for "cluster", "alike" and "members" a cosine similarity.
    length : str
        Length of the clip in words.
    block : bytes
        Sound and spectrogram in one piece, from `audiotag.ui.player.packing.Block.joined`.
    """

    id: str
    name: str
    score: float
    length: str
    block: bytes


@dataclass(frozen=True)
class ClipGrid:
    """Clips that are reviewed together for one label.

    Attributes
    ----------
    label : str
        Empty as long as none is chosen; then nothing can be answered.
    kind : ClipGridKind
    tiles : tuple[Tile, ...]
        At most `audiotag.review.grid.CLIPS_AT_ONCE`.
    also : int
        Clips that an answer gives the label to, although they are not shown.
    """

    label: str
    kind: ClipGridKind
    tiles: tuple[Tile, ...]
    also: int = 0

    @property
    def key(self) -> str:
        """Key of the grid on the page: equal for equal clips, label and kind; other clips may get any label."""
        label = self.label if self.kind in ("wrong", "missing") else ""
        shown = json.dumps([label, self.kind, [tile.id for tile in self.tiles]])
        return f"clip-grid-{hashlib.blake2b(shown.encode(), digest_size=8).hexdigest()}"


@dataclass(frozen=True)
class Answer:
    """What the reviewer said: the ids of the tiles that were marked, and of the others."""

    accepted: tuple[str, ...]
    odd: tuple[str, ...]


def show_clip_grid(grid: ClipGrid, on_answer: Callable[[Answer], None]) -> None:
    """Show a grid; ``on_answer`` is called once per answer, before the page runs again."""

    def answered() -> None:
        answer = read_answer(st.session_state.get(grid.key), grid)
        if answer is not None:
            on_answer(answer)

    _component()(data=pack_grid(grid), key=grid.key, on_answer_change=answered)


def read_answer(state: Any, grid: ClipGrid) -> Answer | None:
    """The answer in the state that a browser sent; None where it is not about all tiles of the grid."""
    answer: Any = state.get("answer") if hasattr(state, "get") else None
    if not fits(answer, ANSWER_SHAPE):
        return None
    accepted, odd = tuple(answer["accepted"]), tuple(answer["odd"])
    if sorted(accepted + odd) != sorted(tile.id for tile in grid.tiles):
        return None
    return Answer(accepted, odd)


def pack_grid(grid: ClipGrid) -> bytes:
    """The block of bytes that the browser gets for a grid."""
    tiles = [
        {
            "id": tile.id,
            "name": tile.name,
            "score": f"{tile.score:.2f}",
            "length": tile.length,
            "bytes": len(tile.block),
        }
        for tile in grid.tiles
    ]
    header = {"id": grid.key, "label": grid.label, "kind": grid.kind, "also": grid.also, "tiles": tiles}
    return with_header(header, *(tile.block for tile in grid.tiles))


@cache
def _component() -> ComponentRenderer:
    """The component, registered when it is first shown."""
    return st.components.v2.component("audiotag-clip-grid", **read_component(FOLDER, "clip_grid"))
