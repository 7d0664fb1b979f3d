"""The Clips tab of the Dataset page: a table of the clips that pass the filter, and one clip with its player."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.features.settings import PRESETS
from audiotag.inspection import statistics
from audiotag.ui import address, sound_cache
from audiotag.ui.dataset.filter import clear_filter
from audiotag.ui.sidebar import chosen_ensemble
from audiotag.ui.similar import CLIP, DatasetClip, clip_text, show_similar
from audiotag.ui.text import Markdown, escape, escape_all, link
from audiotag.ui.widgets import messages, sound_panel
from audiotag.ui.widgets.downloads import show_downloads
from audiotag.ui.widgets.kept_rows import keep_row, restore_row, row_of, select_row
from audiotag.ui.widgets.step_buttons import show_step_buttons
from audiotag.wording import as_text
from audiotag.workspace import Workspace

TABLE = "clips-table"
MAX_LISTS = 2000  # rows whose labels are shown as a list
SOURCE = Markdown("source")  # label of the link to where a clip comes from
FACTS = {  # column of the index: how it is written
    "rms_dbfs": "mono mix RMS {:.1f} dBFS",
    "noise_floor_dbfs": "noise floor {:.1f} dBFS",
    "loudness_lufs": "{:.1f} LUFS",
    "crest_db": "crest {:.1f} dB",
    "bandwidth_hz": "bandwidth {:,.0f} Hz",
}


def show_clips(dataset: Dataset, index: pd.DataFrame, faults: pd.DataFrame) -> None:
    """The table of clips, and the clip that is selected in it."""
    rows = statistics.labelled_clips(index).reset_index(drop=True)
    left, right = st.columns([2, 3])
    with left:
        selected = _pick_row(rows)
        show_downloads(rows.drop(columns=["path", "third_octaves"], errors="ignore"), f"{dataset.name}-clips")
    with right:
        clip = rows.iloc[selected]
        # A place of its own: measuring adds faults and facts, and what stands after them would else begin anew.
        with st.container():
            _show_clip(clip, faults)
        if clip["size"] > 0:
            of = DatasetClip(clip["subset"], clip["clip"])
            show_similar(dataset.root, chosen_ensemble(Workspace()), of, partial(_open_similar, rows))


def _pick_row(rows: pd.DataFrame) -> int:
    """The table of clips and the keys that step through it; returns the number of the selected row."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{len(rows):,} clip{'' if len(rows) == 1 else 's'}", width="stretch")
        show_step_buttons("", _step, len(rows))
    restore_row(TABLE)
    _follow_address(rows)
    chosen = st.dataframe(
        compact(rows[["clip", "labels", "duration_s", "subset"]]),
        column_order=("clip", "duration_s", "labels", "subset"),
        hide_index=True,
        height=520,
        on_select="rerun",
        selection_mode="single-row-required",
        key=TABLE,
        column_config={
            "labels": st.column_config.ListColumn("labels", width="medium") if len(rows) <= MAX_LISTS else "labels",
            "duration_s": st.column_config.NumberColumn("length", format="%.2f s"),
        },
        alt="Clips with their labels and durations",
    )
    row = row_of(chosen, len(rows))
    keep_row(TABLE, row)
    address.write_text(CLIP, _clip_text(rows, row), without=_clip_text(rows, 0))
    return row


def _clip_text(rows: pd.DataFrame, row: int) -> str:
    return clip_text(DatasetClip(rows["subset"].iloc[row], rows["clip"].iloc[row]))


def _follow_address(rows: pd.DataFrame) -> None:
    """Select the clip that the address names."""
    if (wanted := address.new_text(CLIP)) is None:
        return
    subset, _, name = wanted.partition("/")
    of_subset = rows.index[rows["subset"] == subset]
    found = of_subset[rows.loc[of_subset, "clip"].map(as_text) == name]
    if len(found):
        select_row(TABLE, int(found[0]))
    else:
        st.warning(
            f"The clip {escape(name)}, which is in the address, is not in the dataset, or does not pass the filter.",
            icon=":material/link_off:",
        )


def _open_similar(rows: pd.DataFrame, clip: DatasetClip) -> None:
    """Show a clip of the list of similar ones in place of the selected one; without the filter if it does not pass."""
    if not ((rows["clip"] == clip.clip) & (rows["subset"] == clip.subset)).any():
        clear_filter()
    st.query_params[CLIP] = clip_text(clip)


def compact(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows, in less than half of the bytes if they are many: a step with a key sends the whole table again.

    Labels become text that is sent once for each combination, instead of a list in each row.
    """
    if len(rows) <= MAX_LISTS:
        return rows
    return rows.assign(
        labels=pd.Categorical(rows["labels"].map(", ".join)),
        subset=pd.Categorical(rows["subset"]),
        duration_s=rows["duration_s"].astype("Float32"),
    )


def _step(by: int, clips: int) -> None:
    select_row(TABLE, (row_of(st.session_state.get(TABLE), clips) + by) % clips)


def _show_clip(row: pd.Series, faults: pd.DataFrame) -> None:
    """One clip: name, labels, link, faults, player and measurements."""
    source = f" · {link(SOURCE, row['source'])}" if pd.notna(row["source"]) else ""
    labels = f" · {escape(', '.join(row['labels']))}" if row["labels"] else ""
    st.markdown(f"**{escape(row['clip'])}**{labels}{source}")
    of_clip = (faults["clip"] == row["clip"]) & (faults["subset"] == row["subset"])
    with st.container():
        for kind in faults.loc[of_clip, "kind"].unique():
            st.badge(escape(kind), icon=":material/warning:", color="orange")
    if row["size"] == 0:
        st.info("The sound file of this clip is missing.", icon=":material/folder_off:")
        return
    with messages.show_errors():
        settings = PRESETS["capstone"]
        sound = sound_cache.load_sound(row["path"], settings.sample_rate, row["clip"])
        sound_panel.show_sound(sound, settings, "clip", row["path"])
    facts = [text.format(row[column]) for column, text in FACTS.items() if pd.notna(row[column])]
    if pd.notna(row["licence"]):
        facts.append(row["licence"])
    if facts:
        st.caption(escape_all(facts, " · "))
