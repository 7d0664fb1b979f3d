"""The Durations tab of the Dataset page: how long clips are, and how much of them a crop covers."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from audiotag.features.settings import PRESETS
from audiotag.figures import dataset as figures
from audiotag.inspection import statistics
from audiotag.ui.dataset.filter import filter_by_range
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_table

CROP_S = PRESETS["capstone"].clip_s
NO_SOUNDS = Markdown("The sound files of these clips are missing.")
HEIGHT_PIXELS = 290  # both charts of the first row are seen without scrolling on a small screen


def show_durations(index: pd.DataFrame) -> None:
    """Durations of the clips, and how much of them a crop of a given length covers."""
    if len(statistics.readable_clips(index)) == 0:
        st.info(NO_SOUNDS, icon=":material/folder_off:")
        return
    charts = st.container()  # the first thing that is seen; what changes them is below
    crop_s = _pick_crop(index)
    left, right = charts.columns(2)
    with left:
        table = statistics.distribution(statistics.readable_clips(index), "duration_s")
        show_chart(
            figures.histogram(table, "duration", "s", crop_s, HEIGHT_PIXELS),
            key="durations",
            on_select=filter_by_range("durations", "shortest", "below"),
            selection_mode="points",
            alt="Histogram of clip durations, for each subset",
        )
        show_table(table, "durations")
    with right:
        percentiles = statistics.percentiles(index)
        show_chart(
            figures.cumulative(percentiles, crop_s, HEIGHT_PIXELS),
            key="cumulative",
            alt="Cumulative share of clips by duration",
        )
        show_table(percentiles, "cumulative-durations")
    label_durations = statistics.durations_by_label(index)
    if len(label_durations) == 0:
        return
    st.markdown("**By label:** median and middle 80 % of the clips")
    names = statistics.labels_by_median_duration(label_durations)
    show_chart(
        figures.durations_by_label(label_durations, names, crop_s),
        key="label-durations",
        alt="Durations of each label's clips",
    )
    show_table(label_durations, "durations-by-label")


def _pick_crop(index: pd.DataFrame) -> float:
    """The length of a crop in seconds, and what it leaves of each subset's clips."""
    left, right = st.columns([1, 2], gap="large", vertical_alignment="center")
    crop_s = left.slider(
        "Crop length (s)",
        0.5,
        10.0,
        CROP_S,
        0.5,
        key="crop-length",
        persist_state="session",
        help="Length of the network input. Shorter clips are padded, longer ones are cut.",
    )
    shorter = statistics.share_shorter(index, crop_s)
    covered = statistics.share_covered(index, crop_s)
    right.markdown(
        "  \n".join(
            f"{escape(name)}: **{100 * shorter[name]:.0f} %** of the clips are shorter; a crop covers "
            f"**{100 * covered[name]:.0f} %** of the sound"
            for name in shorter.index
        )
    )
    return crop_s
