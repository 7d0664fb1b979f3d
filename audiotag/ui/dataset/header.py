"""The top of the Dataset page: name, one line of facts per subset, problems, and the dashboard file."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import LAYOUTS
from audiotag.figures.dashboard import dashboard
from audiotag.inspection import statistics
from audiotag.inspection.fault_kinds import worst_first
from audiotag.inspection.filters import Filter
from audiotag.inspection.measurement_job import count_unmeasured
from audiotag.ui.dataset.durations_tab import CROP_S
from audiotag.ui.text import Markdown, escape, escape_all
from audiotag.ui.widgets import measurement
from audiotag.ui.widgets.get_dataset import get_fsdkaggle2019

TAB = "tab"  # the key of the page's tabs
MAX_NAMED_KINDS = 4


class Places(NamedTuple):
    """Where further buttons stand: beside the title, and beside the line below it."""

    title: DeltaGenerator
    caption: DeltaGenerator


def show_title(dataset: Dataset) -> Places:
    """Name, layout and folder of the dataset, and its parts that are missing; returns the places for buttons."""
    places = Places(*(st.container(horizontal=True, vertical_alignment="center") for _ in Places._fields))
    places.title.title(escape(dataset.name), width="stretch")
    places.caption.caption(f"{escape(dataset.layout)} · {escape(dataset.root)}", width="stretch")
    for sentence in dataset.missing:
        st.warning(escape(sentence), icon=":material/folder_off:")
    can_be_fetched = LAYOUTS.get(dataset.layout_key).can_be_fetched
    if dataset.missing and can_be_fetched and st.button("Show how to get the missing parts", key="what-is-missing"):
        get_fsdkaggle2019(dataset.root)
    return places


def show_unreadable(index: pd.DataFrame) -> None:
    """A message and the reasons, for a dataset without one readable clip."""
    st.error(f"None of the {len(index)} clips can be read. The table gives the reasons.", icon=":material/error:")
    st.dataframe(index[["clip", "error"]], hide_index=True, alt="Clips that cannot be read, and why")


def show_label_link(dataset: Dataset) -> None:
    """The way to the page where clips are labelled, for a dataset without any label."""
    if not dataset.labels:
        st.page_link(
            "pages/review.py",
            label="Label these clips",
            icon=":material/new_label:",
            query_params={"tab": "Label"},
            help="Opens the Review page, which asks about the clips that teach a network most first.",
        )


def show_facts(shown: pd.DataFrame) -> None:
    """One line per subset about the clips that pass the filter."""
    summary = statistics.summary(shown)
    st.markdown("  \n".join(describe_subset(subset, row) for subset, row in summary.iterrows()))


def describe_subset(subset: object, row: pd.Series) -> Markdown:
    """Clips, hours, labels and lengths of one subset, a row of `audiotag.inspection.statistics.summary`."""
    clips = int(row["clips"])
    parts = [Markdown(f"**{escape(subset)}** {clips:,} clip{'' if clips == 1 else 's'}")]
    if pd.notna(row["mean_s"]):
        parts.append(Markdown(_length(float(row["hours"]))))
    if row["labels"]:
        labels = f"{row['labels']:.0f} label{'' if row['labels'] == 1 else 's'}"
        parts.append(Markdown(f"{labels}, {row['labels_per_clip']:.2f} per clip"))
    else:
        parts.append(Markdown("no labels"))
    if pd.notna(row["mean_s"]):
        parts.append(Markdown(f"{row['shortest_s']:.1f}–{row['longest_s']:.1f} s, mean {row['mean_s']:.2f} s"))
    return Markdown(" · ".join(parts))


def show_problems_line(dataset: Dataset, index: pd.DataFrame, faults: pd.DataFrame) -> None:
    """The number of problems, which opens their tab, and how far the clips are measured."""
    unmeasured = count_unmeasured(index)
    with st.container(horizontal=True, vertical_alignment="center"):  # as high while clips are measured as afterwards
        so_far = " so far" if unmeasured else ""
        st.button(
            describe_problems(faults) if len(faults) else f"No problem found{so_far}",
            icon=":material/warning:" if len(faults) else ":material/check:",
            key="open-problems",
            type="secondary" if len(faults) else "tertiary",
            on_click=_open_tab,
            args=("Problems",),
            help="Opens the Problems tab, where you can hear each of these clips.",
        )
        if not measurement.show_progress(dataset, len(index)) and unmeasured:
            st.button(
                "Only headers are checked",
                icon=":material/graphic_eq:",
                key="open-sound",
                type="tertiary",
                on_click=_open_tab,
                args=("Sound",),
                help="Opens the Sound tab, where all clips can be measured: that finds more problems.",
            )


def show_dashboard_button(dataset: Dataset, shown: pd.DataFrame, faults: pd.DataFrame, wanted: Filter) -> None:
    """A button that downloads all tabs as one HTML file."""
    st.download_button(
        "Dashboard",
        lambda: dashboard(dataset, shown, faults, wanted, st.session_state.get("crop-length", CROP_S)).encode(),
        file_name=f"{dataset.name}.html",
        mime="text/html",
        icon=":material/download:",
        key="dashboard",
        type="tertiary",
        on_click="ignore",
        help="Download all tabs as one HTML file, for the clips that pass the filter.",
    )


def describe_problems(faults: pd.DataFrame) -> Markdown:
    """The number of problems in all and of the worst kinds."""
    count = "1 problem" if len(faults) == 1 else f"{len(faults):,} problems"
    counts = worst_first(faults)["kind"].value_counts(sort=False)
    kinds = [f"{clips:,} {kind}" for kind, clips in counts.items()]
    named = kinds if len(kinds) <= MAX_NAMED_KINDS + 1 else kinds[:MAX_NAMED_KINDS]
    more = f" · {len(kinds) - len(named)} more kinds" if len(kinds) > len(named) else ""
    return Markdown(f"{count}: {escape_all(named, ' · ')}{more}")


def _open_tab(name: str) -> None:
    st.session_state[TAB] = name


def _length(hours: float) -> str:
    """A length in the unit that suits it.

    >>> _length(2.5), _length(0.64), _length(0.001)
    ('2.50 h', '38.4 min', '3.6 s')
    """
    if hours >= 1:
        return f"{hours:.2f} h"
    return f"{60 * hours:.1f} min" if hours >= 1 / 60 else f"{3600 * hours:.1f} s"
