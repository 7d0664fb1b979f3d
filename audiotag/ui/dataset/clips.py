"""The Clips tab of the Dataset page: the clips that pass the filter, one of them to hear and see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.features.settings import PRESETS
from audiotag.inspection import statistics
from audiotag.ui import cache
from audiotag.ui.widgets import messages, sound_panel
from audiotag.ui.widgets.downloads import download
from audiotag.ui.widgets.step_buttons import step_buttons

TABLE = "clips-table"
FACTS = {
    "rms_dbfs": "RMS {:.1f} dBFS",
    "noise_floor_dbfs": "noise floor {:.1f} dBFS",
    "loudness_lufs": "{:.1f} LUFS",
    "crest_db": "crest {:.1f} dB",
    "bandwidth_hz": "bandwidth {:,.0f} Hz",
}


def clips(dataset: Dataset, index: pd.DataFrame, found: pd.DataFrame) -> None:
    """The table, and the clip that is chosen in it; ``found`` are the dataset's faults."""
    rows = statistics.labelled_clips(index).reset_index(drop=True)
    left, right = st.columns([2, 3])
    with left:
        at = _choose(rows)
        download(rows.drop(columns=["path", "third_octaves"], errors="ignore"), f"{dataset.name}-clips")
    with right:
        _one(rows.iloc[at], found)


def _choose(rows: pd.DataFrame) -> int:
    """The table of clips, and the keys that step through it; the number of the row that is chosen."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{len(rows):,} clip{'' if len(rows) == 1 else 's'}", width="stretch")
        step_buttons("", _step, len(rows))
    chosen = st.dataframe(
        rows[["clip", "labels", "duration_s", "subset"]],
        column_order=("clip", "duration_s", "labels", "subset"),
        hide_index=True,
        height=520,
        on_select="rerun",
        selection_mode="single-row-required",
        key=TABLE,
        column_config={
            "labels": st.column_config.ListColumn("labels", width="medium"),
            "duration_s": st.column_config.NumberColumn("length", format="%.2f s"),
        },
        alt="Clips with their labels and durations",
    )
    return _row_of(chosen, len(rows))


def _row_of(table: Mapping[str, Any], clips: int) -> int:
    rows = table.get("selection", {}).get("rows") or [0]
    return min(rows[0], clips - 1)


def _step(by: int, clips: int) -> None:
    at = (_row_of(st.session_state.get(TABLE, {}), clips) + by) % clips
    st.session_state[TABLE] = {"selection": {"rows": [at], "columns": [], "cells": []}}


def _one(row: pd.Series, found: pd.DataFrame) -> None:
    """One clip: name, labels, link, faults, player, waveform, log-mel and facts."""
    link = f" · [source]({row['source']})" if pd.notna(row["source"]) else ""
    st.markdown(
        f"**{messages.escape_markdown(row['clip'])}** · {messages.escape_markdown(', '.join(row['labels']))}{link}"
    )
    for kind in found.loc[(found["clip"] == row["clip"]) & (found["subset"] == row["subset"]), "kind"].unique():
        st.badge(kind, icon=":material/warning:", color="orange")
    if row["size"] == 0:
        st.info("Its sound is not here.", icon=":material/folder_off:")
        return
    with messages.show_errors():
        settings = PRESETS["capstone"]
        sound_panel.whole(cache.sound(row["path"], settings.sample_rate), settings, key="clip")
    known = [text.format(row[column]) for column, text in FACTS.items() if pd.notna(row[column])]
    if pd.notna(row["licence"]):
        known.append(messages.escape_markdown(row["licence"]))
    if known:
        st.caption(" · ".join(known))
