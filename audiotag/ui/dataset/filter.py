"""The filter over all tabs of the Dataset page; it is in the address, so that a link shows the same view."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from audiotag.data.dataset import SUBSETS, Dataset
from audiotag.figures.text import data_text
from audiotag.inspection.filters import Filter
from audiotag.ui import selection
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.number_field import number_field, number_text

KEYS = ("labels", "every", "text", "subset", "shortest", "below", "quietest", "softer", "problem")


def pick_filter(dataset: Dataset, faults: pd.DataFrame) -> Filter:
    """Widgets of the filter; returns the filter that they describe."""
    left, middle, right, more = st.columns([3.2, 2.8, 2.6, 1.7])
    in_address: dict[str, Any] = {"bind": "query-params"}
    labels = left.multiselect(
        "Labels",
        dataset.labels,
        key="labels",
        placeholder="Any label",
        label_visibility="collapsed",
        **in_address,
    )
    text = middle.text_input("Search", key="text", placeholder="Search", label_visibility="collapsed", **in_address)
    present = [name for name in SUBSETS if name in dataset.subsets]
    subset = right.selectbox(
        "Subset",
        ["all", *present],
        format_func=lambda name: "all subsets" if name == "all" else name,
        key="subset",
        label_visibility="collapsed",
        **in_address,
    )
    with more.popover("More", width="stretch", help="Filter by duration, level and problem."):
        shortest, below = _range_fields(Markdown("Duration (s)"), "shortest", "below", 0.0)
        quietest, softer = _range_fields(Markdown("RMS level (dBFS)"), "quietest", "softer", -math.inf)
        kinds = list(faults.loc[faults["subset"] != "", "kind"].unique())  # the others are of no clip in the dataset
        problems = st.multiselect("Problem", kinds, key="problem", placeholder="any or none", **in_address)
    summary = st.container(horizontal=True, vertical_alignment="center")
    every = len(labels) > 1 and summary.toggle("Clips that have all these labels", key="every", **in_address)
    wanted = Filter(
        "" if subset == "all" else subset,
        tuple(labels),
        every,
        text.strip(),
        shortest or 0.0,
        math.inf if below is None else below,
        -math.inf if quietest is None else quietest,
        math.inf if softer is None else softer,
        tuple(problems),
        selection.selected_clips(dataset),
    )
    if wanted != Filter():
        with summary:
            st.caption(f":material/filter_alt: {escape(wanted)}")
            if wanted.clips is not None and wanted != Filter(clips=wanted.clips):
                selection.show_clear_button()
            st.button("Clear the filter", icon=":material/close:", key="clear", type="tertiary", on_click=clear_filter)
    return wanted


def filter_by_label(chart: str, *axes: str) -> Callable[[], None]:
    """Callback for a click on a chart: sets the filter to the labels on these axes; two must be on the same clip."""

    def clicked() -> None:
        points = st.session_state[chart].selection.points
        if points:
            st.session_state["labels"] = list(dict.fromkeys(data_text(points[0][axis]) for axis in axes))
            st.session_state["every"] = len(axes) > 1

    return clicked


def filter_by_range(chart: str, low: str, high: str) -> Callable[[], None]:
    """Callback for a click on a histogram: its bin becomes the range of the filter's two fields."""

    def clicked() -> None:
        points = st.session_state[chart].selection.points
        if points:
            st.session_state[low], st.session_state[high] = map(number_text, points[0]["customdata"])

    return clicked


def _range_fields(title: Markdown, low: str, high: str, min_value: float) -> tuple[float | None, float | None]:
    options: dict[str, Any] = {"low": min_value, "placeholder": "any", "bind": "query-params"}
    left, right = st.columns(2)
    with left:
        from_value = number_field(Markdown(f"{title} from"), low, **options)
    with right:
        below_value = number_field(Markdown("to below"), high, **options)
    if from_value is not None and below_value is not None and from_value >= below_value:
        st.error(f"{title}: “from” must be less than “to below”.", icon=":material/error:")
    return from_value, below_value


def clear_filter() -> None:
    """Let all clips pass; only possible before the filter is drawn."""
    selection.clear()
    for key in KEYS:
        if key in st.session_state:
            empty: Any = {"labels": [], "problem": [], "every": False, "subset": "all"}
            st.session_state[key] = empty.get(key, "")
