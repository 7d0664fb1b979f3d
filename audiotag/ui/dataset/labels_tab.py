"""The Labels tab of the Dataset page: clips per label, labels per clip, and which labels are on the same clip."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from audiotag.figures import dataset as figures
from audiotag.inspection import statistics
from audiotag.inspection.filters import Filter
from audiotag.ui.dataset.filter import filter_by_label
from audiotag.ui.text import escape, escape_all
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_downloads, show_table


def show_labels(index: pd.DataFrame, wanted: Filter) -> None:
    """Labels of the clips that pass the filter: counts, labels per clip, combinations, licences."""
    counts = statistics.label_counts(index)
    if len(counts) == 0:
        st.info("These clips have no labels.", icon=":material/label_off:")
        return
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    order = controls.segmented_control(
        "Order",
        ["most clips", "fewest clips", "name"],
        default="most clips",
        key="label-order",
        required=True,
        persist_state="session",
    )
    search = controls.text_input("Find a label", key="label-search", placeholder="part of its name", width=180)
    if not wanted.labels:  # among the clips of one label all others are rare
        st.caption(escape_all(statistics.describe_rarest_labels(counts), " · "))
    counts = statistics.sort_label_counts(counts, order)
    counts = counts[counts.index.str.contains(search.strip(), case=False, regex=False)]
    if len(counts) == 0:
        st.info(f"No label has “{escape(search)}” in its name.", icon=":material/search_off:")
        return
    top = len(counts)
    if len(counts) > 5:
        top = controls.slider("Labels shown", 5, len(counts), min(30, len(counts)), key="labels-shown", width=260)
    show_chart(
        figures.labels(counts.head(top)),
        key="label-counts",
        on_select=filter_by_label("label-counts", "y"),
        selection_mode="points",
        alt="Number of clips of each label",
    )
    show_table(counts.rename_axis("label"), "labels")
    _show_combinations(index)
    _show_co_occurrence(index, list(counts.head(min(top, figures.MAX_MAP_LABELS)).index))
    licences = statistics.licences(index)
    if len(licences):
        st.markdown("**Licences**")
        st.dataframe(licences, alt="Clips of each licence")
        show_downloads(licences.reset_index(), "licences")


def _show_combinations(index: pd.DataFrame) -> None:
    """How many labels clips have, and which combinations."""
    left, right = st.columns(2)
    with left:
        st.markdown("**Labels per clip**")
        numbers = statistics.labels_per_clip(index)
        show_chart(
            figures.counts_by_number(numbers, "labels per clip"),
            key="label-numbers",
            alt="Number of clips by their number of labels",
        )
        show_table(numbers, "labels-per-clip")
    with right:
        st.markdown("**Combinations**")
        combinations = statistics.combinations(index)
        st.dataframe(combinations, height=300, alt="Clips of each combination of labels")
        show_downloads(combinations.reset_index(), "combinations")


def _show_co_occurrence(index: pd.DataFrame, names: list[str]) -> None:
    """Map of the labels that are on the same clip."""
    st.markdown("**Labels on the same clip**")
    pairs = statistics.co_occurrence(index)
    if pairs.empty:
        st.caption("No clip has two labels.")
    else:
        show_chart(
            figures.co_occurrence(pairs, names),
            key="label-map",
            on_select=filter_by_label("label-map", "x", "y"),
            selection_mode="points",
            alt="Map of labels that are on the same clip",
        )
        show_table(pairs, "labels-together")
