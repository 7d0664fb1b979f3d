"""The clip that is picked on the map with its player, and the list of clips, which can be stepped through by keys.

A clip is picked by a click on the map, a row of the list, or a key; it then plays. The list has at most `ROWS` rows, of
which one is the clip that is picked: many names need not be sent a second time.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.features.settings import PRESETS
from audiotag.ui import cache
from audiotag.ui.player import PlayerOptions
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.downloads import show_downloads
from audiotag.ui.widgets.kept_rows import row_of, select_row
from audiotag.ui.widgets.sound_panel import pack_sound, show_packed
from audiotag.ui.widgets.step_buttons import show_step_buttons

PICKED = "map-clip"  # in the session: subset and name of the clip that is picked
PLAYS = "map-plays"  # in the session, until the clip is drawn: it was just picked
ROWS = 500
PLAYER_HEIGHT_PX = 150
LIST_HEIGHT_PX = 230


def pick(clip: pd.Series) -> None:
    """Show and play a clip; for callbacks."""
    st.session_state[PICKED] = (clip["subset"], clip["clip"])
    st.session_state[PLAYS] = True


def picked_row(clips: pd.DataFrame, rows: np.ndarray) -> int | None:
    """The row of the clip that is picked; the first of ``rows`` if it is not among them, None if there are none."""
    subset, clip = st.session_state.get(PICKED, ("", ""))
    found = np.flatnonzero((clips["clip"] == clip) & (clips["subset"] == subset))
    among = found[np.isin(found, rows)]
    chosen = among if len(among) else rows
    return int(chosen[0]) if len(chosen) else None


def show_clip(clip: pd.Series) -> None:
    """The name, the labels and the player of a clip, which plays at once if it was just picked."""
    labels = f" · {escape(', '.join(clip['labels']))}" if len(clip["labels"]) else ""
    st.markdown(f"**{escape(clip['clip'])}**{labels}")
    plays = bool(st.session_state.pop(PLAYS, False))
    with messages.show_errors():
        settings = PRESETS["capstone"]
        sound = cache.load_sound(clip["path"], settings.sample_rate, clip["clip"])
        options = PlayerOptions(sound.name, height=PLAYER_HEIGHT_PX, autoplay=plays)
        show_packed(pack_sound(sound, settings, clip["path"], options), "map-player")


def show_steps(clips: pd.DataFrame, rows: np.ndarray, row: int) -> None:
    """The place of the clip that is picked among those that pass the filter, and the keys that step through them.

    The parameters are those of `show_list`.
    """
    place = int(np.searchsorted(rows, row))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Clip {place + 1:,} of {len(rows):,}", width="stretch")
        show_step_buttons("map-", _step, clips, rows, place)


def show_list(clips: pd.DataFrame, rows: np.ndarray, row: int, groups: list[str], dataset: Dataset) -> None:
    """The list of clips that pass the filter.

    Parameters
    ----------
    clips : pandas.DataFrame
        The clips that are on the map.
    rows : numpy.ndarray, shape=(clips that pass,), int
        Their rows, in ascending order.
    row : int
        The row of the clip that is picked.
    groups : list of str
        What the colour of each clip that passes stands for.
    dataset : Dataset
    """
    place = int(np.searchsorted(rows, row))
    first = place // ROWS * ROWS
    part = clips.iloc[rows[first : first + ROWS]]
    table = f"map-list-{first}"
    if row_of(st.session_state.get(table), len(part)) != place - first or table not in st.session_state:
        select_row(table, place - first)
    st.dataframe(
        pd.DataFrame(
            {
                "clip": part["clip"].to_numpy(),
                "colour": groups[first : first + ROWS],
                "labels": part["labels"].map(", ".join).to_numpy(),
                "subset": part["subset"].to_numpy(),
            }
        ),
        hide_index=True,
        height=LIST_HEIGHT_PX,
        on_select=partial(_take_row, part, table),
        selection_mode="single-row-required",
        key=table,
        column_config={"colour": st.column_config.TextColumn("colour", help="What its colour on the map stands for.")},
        alt="The clips on the map that pass the filter, with what their colours stand for",
    )
    if len(part) < len(rows):
        st.caption(f"The list has clips {first + 1:,} to {first + len(part):,}; Next continues it.")
    every = clips.iloc[rows]
    places = pd.DataFrame({"clip": every["clip"], "subset": every["subset"], "labels": every["labels"]})
    show_downloads(places.assign(colour=groups, x=every["x"], y=every["y"]), f"{dataset.name}-map")


def _step(by: int, clips: pd.DataFrame, rows: np.ndarray, place: int) -> None:
    pick(clips.iloc[rows[(place + by) % len(rows)]])


def _take_row(part: pd.DataFrame, table: str) -> None:
    pick(part.iloc[row_of(st.session_state.get(table), len(part))])
