"""Show a sound in the player.

On a page the player is several components: a visible one, which has the code and no data, and hidden ones, which hold
the head and the parts of the block (`audiotag.ui.player.packing`) for it. So a new spectrogram is sent without the
sound and without the code, and what the browser has already is named by its hash alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from audiotag.features.settings import SpectrogramSettings
from audiotag.ui.component import Sources, read_component
from audiotag.ui.player.options import PlayerOptions
from audiotag.ui.player.packing import Block, Part, pack_block, with_header

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

FOLDER = Path(__file__).parent
HIDDEN = "player-parts"  # how the keys of containers begin that are not shown: see page.css
SCRIPTS = (  # of the player, besides player.js
    "drawing",
    "axes",
    "time_window",
    "region",
    "listening",
    "playback",
    "outline",
    "highlight",
    "panel",
    "panel_pointer",
    "overview",
    "region_bar",
    "keys",
    "key_handling",
)


def show_player(
    waveform: np.ndarray, spectrogram: np.ndarray, settings: SpectrogramSettings, options: PlayerOptions, key: str
) -> None:
    """Show a sound that can be played and sought in; this does not run the page again.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), float32 in [-1, 1]
        At ``settings.sample_rate``.
    spectrogram : numpy.ndarray, shape=(n_mels, frames), dB
        `audiotag.features.log_mel.log_mel` of the waveform, or of a part of it, with ``settings``.
    settings : SpectrogramSettings
    options : PlayerOptions
    key : str
        Key of this place on the page. Another sound under the same key replaces the first; the choice of axis stays.
    """
    show_block(pack_block(waveform, spectrogram, settings, options), key)


def show_block(block: Block, key: str) -> None:
    """Show a sound that `pack_block` has packed, as `show_player` does."""
    _player()(data={"place": key}, key=key)
    show_parts(key, [Part("head", block.head), *block.parts])


def show_parts(place: str, parts: Sequence[Part]) -> None:
    """Send parts to the component at a place of the page, each in a hidden component of its own."""
    with st.container(key=f"{HIDDEN}-{place}"):
        for number, part in enumerate(parts):
            _part()(data=with_header({"place": place, "part": part.id}, part.data), key=f"{place}-part-{number}")


def player_sources() -> Sources:
    """HTML, CSS and JavaScript of the player, whose script is in several files."""
    return read_component(FOLDER, "player", SCRIPTS)


def part_script() -> str:
    """The script of the hidden components that hold head and parts."""
    return (FOLDER / "part.js").read_text(encoding="utf-8")


@cache
def _player() -> ComponentRenderer:
    """The visible component, registered when it is first shown."""
    return st.components.v2.component("audiotag-player", **player_sources())


@cache
def _part() -> ComponentRenderer:
    """The component that holds the head or a part."""
    return st.components.v2.component("audiotag-player-part", js=part_script())
