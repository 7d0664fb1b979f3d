"""The top of the Dataset page: title, missing parts, one card per subset, problems, and the dashboard file."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import LAYOUTS
from audiotag.figures.dashboard import dashboard
from audiotag.inspection import statistics
from audiotag.inspection.filters import Filter
from audiotag.ui.dataset.tabs import CROP_S
from audiotag.ui.text import escape, escape_all
from audiotag.ui.widgets.get_dataset import get_fsdkaggle2019


def show_title(dataset: Dataset) -> None:
    """Name, layout and folder of the dataset, and its parts that are missing."""
    st.title(escape(dataset.name))
    st.caption(f"{escape(dataset.layout)} · {escape(dataset.root)}")
    for sentence in dataset.missing:
        st.warning(escape(sentence), icon=":material/folder_off:")
    can_be_fetched = LAYOUTS.get(dataset.layout_key).can_be_fetched
    if dataset.missing and can_be_fetched and st.button("Show how to get the missing parts", key="what-is-missing"):
        get_fsdkaggle2019(dataset.root)


def show_unreadable(index: pd.DataFrame) -> None:
    """A message and the reasons, for a dataset without one readable clip."""
    st.error(f"None of the {len(index)} clips can be read. The table gives the reasons.", icon=":material/error:")
    st.dataframe(index[["clip", "error"]], hide_index=True, alt="Clips that cannot be read, and why")


def show_header(dataset: Dataset, shown: pd.DataFrame, faults: pd.DataFrame, wanted: Filter) -> None:
    """One card per subset about the clips that pass the filter, the number of problems, and the dashboard file."""
    summary = statistics.summary(shown)
    for column, subset in zip(st.columns(max(3, len(summary))), summary.index, strict=False):
        _show_subset(column, subset, summary.loc[subset])
    with st.container(horizontal=True, vertical_alignment="center"):
        kinds = escape_all((f"{clips:,} {kind}" for kind, clips in faults["kind"].value_counts().items()), " · ")
        text = f":material/warning: Problems: {kinds}." if kinds else ":material/check: No problem found."
        if len(statistics.measured_clips(shown)) < len(statistics.readable_clips(shown)):
            text += " Only file headers are checked so far: measure the clips in the Sound tab."
        st.caption(text, width="stretch")
        st.download_button(
            "Dashboard",
            lambda: dashboard(dataset, shown, faults, wanted, st.session_state.get("crop-length", CROP_S)).encode(),
            file_name=f"{dataset.name}.html",
            mime="text/html",
            icon=":material/download:",
            key="dashboard",
            on_click="ignore",
            help="Download all tabs as one HTML file, for the clips that pass the filter.",
        )


def _show_subset(column: DeltaGenerator, subset: str, row: pd.Series) -> None:
    """Clips, hours, labels and durations of one subset."""
    with column.container(border=True):
        clips = int(row["clips"])
        st.metric(
            escape(subset),
            f"{clips:,} clip{'' if clips == 1 else 's'}",
            help="Clips that cannot be read are not counted.",
        )
        combinations = int(row["combinations"])
        parts = ["no labels"]
        if row["labels"]:
            labels = f"{row['labels']:.0f} label{'' if row['labels'] == 1 else 's'}"
            parts = [f"{labels} in {combinations} combination{'' if combinations == 1 else 's'}"]
            parts.append(f"{row['labels_per_clip']:.2f} labels per clip")
        if pd.notna(row["mean_s"]):
            hours = float(row["hours"])
            short = f"{60 * hours:.1f} min" if hours >= 1 / 60 else f"{3600 * hours:.1f} s"
            parts.insert(0, f"{hours:.2f} h" if hours >= 0.1 else short)
            parts.append(f"{row['shortest_s']:.1f}–{row['longest_s']:.1f} s, mean {row['mean_s']:.2f} s")
        st.markdown(" · ".join(parts))
