"""The clip that is picked on the map with its player, and the list of clips, which can be stepped through by keys.

A clip is picked by a click on the map, a row of the list, or a key; it then plays. The list has at most `ROWS` rows, of
which one is the clip that is picked: many names need not be sent a second time.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.features.settings import PRESETS
from audiotag.ui import sound_cache
from audiotag.ui.dataset.placed_clips import PlacedClips
from audiotag.ui.player import PlayerOptions
from audiotag.ui.similar import CLIP, DatasetClip, clip_text
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.downloads import show_downloads
from audiotag.ui.widgets.kept_rows import row_of, select_row
from audiotag.ui.widgets.sound_panel import pack_sound, show_packed
from audiotag.ui.widgets.step_buttons import show_step_buttons

PLAYS = "map-plays"  # in the session, until the clip is drawn: it was just picked
ROWS = 500
PLAYER_HEIGHT_PX = 150
LIST_HEIGHT_PX = 230


def pick(clip: DatasetClip) -> None:
    """Show and play a clip, which the address then has; for callbacks."""
    st.query_params[CLIP] = clip_text(clip)
    st.session_state[PLAYS] = True


def clip_of(row: pd.Series) -> DatasetClip:
    """The clip of a row of the index."""
    return DatasetClip(row["subset"], row["clip"])


def picked_row(placed: PlacedClips, rows: np.ndarray) -> int | None:
    """The row of the clip that is picked; the first of ``rows`` if it is not among them, None without any."""
    if not len(rows):
        return None
    found = placed.row_of.get(st.query_params.get(CLIP, ""), -1)
    place = min(int(np.searchsorted(rows, found)), len(rows) - 1)
    return found if rows[place] == found else int(rows[0])


def show_clip(clip: pd.Series) -> None:
    """The name, the labels and the player of a clip, which plays at once if it was just picked."""
    labels = f" · {escape(', '.join(clip['labels']))}" if len(clip["labels"]) else ""
    st.markdown(f"**{escape(clip['clip'])}**{labels}")
    plays = bool(st.session_state.pop(PLAYS, False))
    with messages.show_errors():
        settings = PRESETS["capstone"]
        sound = sound_cache.load_sound(clip["path"], settings.sample_rate, clip["clip"])
        options = PlayerOptions(sound.name, height=PLAYER_HEIGHT_PX, autoplay=plays)
        show_packed(pack_sound(sound, settings, clip["path"], options), "map-player")


def show_steps(clips: pd.DataFrame, rows: np.ndarray, row: int) -> None:
    """The place of the clip that is picked among those that pass the filter, and the keys that step through them.

    Parameters
    ----------
    clips, rows, row
        As for `show_list`.
    """
    place = int(np.searchsorted(rows, row))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Clip {place + 1:,} of {len(rows):,}", width="stretch")
        show_step_buttons("map-", _step, clips, rows, place)


def show_list(table: pd.DataFrame, clips: pd.DataFrame, rows: np.ndarray, row: int, name: str) -> None:
    """The list of clips that pass the filter, with downloads of all of it.

    Parameters
    ----------
    table : pandas.DataFrame
        What the list says about each clip that passes, numbered from 0; ``x`` and ``y`` are only downloaded.
    clips : pandas.DataFrame
        The clips that are on the map.
    rows : numpy.ndarray, shape=(clips that pass,), int
        Their rows in ``clips``, in ascending order.
    row : int
        The row of the clip that is picked.
    name : str
        Of the dataset.
    """
    place = int(np.searchsorted(rows, row))
    first = place // ROWS * ROWS
    part = table.iloc[first : first + ROWS]
    key = f"map-list-{first}"
    if key not in st.session_state or row_of(st.session_state[key], len(part)) != place - first:
        select_row(key, place - first)
    st.dataframe(
        part.drop(columns=["x", "y"]).assign(labels=part["labels"].map(", ".join)),
        hide_index=True,
        height=LIST_HEIGHT_PX,
        on_select=partial(_take_row, clips.iloc[rows[first : first + ROWS]], key),
        selection_mode="single-row-required",
        key=key,
        alt="The clips on the map that pass the filter",
    )
    if len(part) < len(table):
        st.caption(f"The list has clips {first + 1:,} to {first + len(part):,}; Next continues it.")
    show_downloads(table, f"{name}-map")


def _step(by: int, clips: pd.DataFrame, rows: np.ndarray, place: int) -> None:
    pick(clip_of(clips.iloc[rows[(place + by) % len(rows)]]))


def _take_row(part: pd.DataFrame, key: str) -> None:
    pick(clip_of(part.iloc[row_of(st.session_state.get(key), len(part))]))
