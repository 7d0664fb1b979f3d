"""The tabs of the Dataset page, a function each: an index in, widgets and figures out."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from audiotag.data.dataset import Dataset
from audiotag.features.settings import PRESETS
from audiotag.figures import dataset as figures
from audiotag.figures.dashboard import dashboard
from audiotag.figures.theme import CONFIG
from audiotag.inspection import statistics
from audiotag.inspection.filters import Filter
from audiotag.ui import cache
from audiotag.ui.dataset.filter import by_label, by_range
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.downloads import as_table, download
from audiotag.wording import format_duration
from audiotag.workspace import Workspace

CROP_S = PRESETS["capstone"].clip_s
NO_SOUNDS = "This needs the sounds, and they are not here."


def header(dataset: Dataset, shown: pd.DataFrame, found: pd.DataFrame, wanted: Filter) -> None:
    """The clips that pass the filter in figures, a card a subset; what is wrong; the whole page as a file."""
    summary = statistics.summary(shown)
    for column, subset in zip(st.columns(max(3, len(summary))), summary.index, strict=False):
        _card(column, subset, summary.loc[subset])
    with st.container(horizontal=True, vertical_alignment="center"):
        kinds = " · ".join(f"{clips:,} {kind}" for kind, clips in found["kind"].value_counts().items())
        text = f":material/warning: Problems: {kinds}" if kinds else ":material/check: No problem found"
        if len(statistics.measured_clips(shown)) < len(statistics.readable_clips(shown)):
            text += ", by the headers; what is in the sounds is not measured yet (see Sound)"
        st.caption(text, width="stretch")
        st.download_button(
            "Dashboard",
            lambda: dashboard(dataset, shown, found, wanted, st.session_state.get("crop-length", CROP_S)).encode(),
            file_name=f"{dataset.name}.html",
            mime="text/html",
            icon=":material/download:",
            key="dashboard",
            on_click="ignore",
            help="All tabs about the clips that pass the filter, as one HTML file that opens without a network.",
        )


def _card(column: DeltaGenerator, subset: str, row: pd.Series) -> None:
    """One subset in figures."""
    with column.container(border=True):
        clips = int(row["clips"])
        st.metric(
            subset,
            f"{clips:,} clip{'' if clips == 1 else 's'}",
            help="Those known to be broken are not counted.",
        )
        combinations = int(row["combinations"])
        parts = [f"{row['labels']:.0f} labels in {combinations} combination{'' if combinations == 1 else 's'}"]
        parts.append(f"{row['labels_a_clip']:.2f} labels a clip")
        if pd.notna(row["mean_s"]):
            hours = float(row["hours"])
            parts.insert(0, f"{hours:.2f} h" if hours >= 0.1 else f"{60 * hours:.1f} min")
            parts.append(f"{row['shortest_s']:.1f}–{row['longest_s']:.1f} s, mean {row['mean_s']:.2f} s")
        st.markdown(" · ".join(parts))


def durations(index: pd.DataFrame) -> None:
    """How long the clips are, and what a crop of a given length would see of them."""
    if len(statistics.readable_clips(index)) == 0:
        st.info(NO_SOUNDS, icon=":material/folder_off:")
        return
    crop_s = st.slider(
        "Crop length (s)",
        0.5,
        10.0,
        CROP_S,
        0.5,
        key="crop-length",
        persist_state="session",
        help="How much of a clip the network would see at once. Shorter clips are padded, longer ones cut.",
    )
    shorter = statistics.share_shorter(index, crop_s)
    seen = statistics.share_seen(index, crop_s)
    st.markdown(
        " · ".join(
            f"**{100 * shorter[name]:.0f} %** of {name} clips are shorter, a crop sees **{100 * seen[name]:.0f} %** "
            "of their sound"
            for name in shorter.index
        )
    )
    left, right = st.columns(2)
    with left:
        table = statistics.distribution(statistics.readable_clips(index), "duration_s")
        st.plotly_chart(
            figures.histogram(table, "duration", "s", crop_s, 340),
            key="durations",
            config=CONFIG,
            on_select=by_range("durations", "shortest", "below"),
            selection_mode="points",
            alt="Histogram of clip durations, for each subset",
        )
        as_table(table, "durations")
    with right:
        percentiles = statistics.percentiles(index)
        st.plotly_chart(
            figures.cumulative(percentiles, crop_s),
            key="cumulative",
            config=CONFIG,
            alt="Cumulative share of clips by duration",
        )
        as_table(percentiles, "cumulative-durations")
    by_label_table = statistics.durations_by_label(index)
    if len(by_label_table) == 0:
        return
    st.markdown("**Each label:** median, and the range of the middle 80 % of its clips")
    names = statistics.labels_by_median_duration(by_label_table)
    st.plotly_chart(
        figures.durations_by_label(by_label_table, names, crop_s),
        key="label-durations",
        config=CONFIG,
        alt="Durations of each label's clips",
    )
    as_table(by_label_table, "durations-by-label")


def labels(index: pd.DataFrame, wanted: Filter) -> None:
    """How the clips that pass the filter are labelled: counts, labels a clip, combinations, licences."""
    counts = statistics.label_counts(index)
    if len(counts) == 0:
        st.info("These clips have no labels.", icon=":material/label_off:")
        return
    left, middle, right = st.columns([2.6, 2, 3], vertical_alignment="bottom")
    order = left.segmented_control(
        "Order",
        ["most clips", "fewest clips", "name"],
        default="most clips",
        key="label-order",
        required=True,
        persist_state="session",
    )
    search = middle.text_input("Find a label", key="label-search", placeholder="part of its name")
    if not wanted.labels:  # among the clips of one label the others are rare, and that says nothing
        st.caption(" · ".join(statistics.describe_rarest_labels(counts)))
    counts = statistics.sort_label_counts(counts, order)
    counts = counts[counts.index.str.contains(search.strip(), case=False, regex=False)]
    if len(counts) == 0:
        st.info(f"No label has “{messages.escape_markdown(search)}” in its name.", icon=":material/search_off:")
        return
    top = len(counts)
    if len(counts) > 5:
        top = right.slider("Labels shown", 5, len(counts), min(30, len(counts)), key="labels-shown")
    st.plotly_chart(
        figures.labels(counts.head(top)),
        key="label-counts",
        config=CONFIG,
        on_select=by_label("label-counts", "y"),
        selection_mode="points",
        alt="Number of clips of each label",
    )
    as_table(counts.rename_axis("label"), "labels")
    left, right = st.columns(2)
    with left:
        st.markdown("**Labels a clip**")
        numbers = statistics.labels_per_clip(index)
        st.plotly_chart(figures.bars(numbers, "labels a clip"), key="label-numbers", config=CONFIG, alt="Labels a clip")
        as_table(numbers, "labels-a-clip")
    with right:
        st.markdown("**Combinations**")
        combinations = statistics.combinations(index)
        st.dataframe(combinations, height=300, alt="Clips of each combination of labels")
        download(combinations.reset_index(), "combinations")
    st.markdown("**Which labels come together**")
    names = list(counts.head(min(top, figures.MAP_LABELS)).index)
    pairs = statistics.co_occurrence(index)
    if pairs.empty:
        st.caption("No clip has two labels.")
    else:
        st.plotly_chart(
            figures.together(pairs, names),
            key="label-map",
            config=CONFIG,
            on_select=by_label("label-map", "x", "y"),
            selection_mode="points",
            alt="Map of labels that are on the same clip",
        )
        as_table(pairs, "labels-together")
    licences = statistics.licences(index)
    if len(licences):
        st.markdown("**Licences**")
        st.dataframe(licences, alt="Clips of each licence")
        download(licences.reset_index(), "licences")


def sound(dataset: Dataset, index: pd.DataFrame, shown: pd.DataFrame) -> None:
    """What the files are, and what is measured of their sound; ``shown`` is what the filter lets through."""
    if len(statistics.readable_clips(shown)) == 0:
        st.info(NO_SOUNDS, icon=":material/folder_off:")
        return
    st.markdown("**Files**")
    facts = statistics.formats(shown).rename_axis("fact")
    st.dataframe(facts, height="content", alt="Format, hours and durations of each subset's files")
    download(facts.reset_index(), "files")
    _second_pass(dataset, index)
    measured = statistics.measured_clips(shown)
    if len(measured) == 0:
        return
    _spectra(measured)
    for at, (column, (title, unit)) in enumerate(figures.MEASURED.items()):
        if at % 2 == 0:
            columns = st.columns(2)
        table = statistics.distribution(measured, column)
        with columns[at % 2]:
            st.plotly_chart(
                figures.histogram(table, title, unit),
                key=column,
                config=CONFIG,
                on_select=by_range(column, "quietest", "softer") if column == "rms_dbfs" else "ignore",
                selection_mode="points",
                alt=f"Distribution of {title}",
            )
            as_table(table, title)


def _spectra(measured: pd.DataFrame) -> None:
    """Average third-octave spectra of one label or all, and what sets the subsets apart for each label."""
    st.markdown("**Average third-octave spectrum**")
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    labels = sorted(set().union(*measured["labels"]))
    label = left.selectbox("Label", ["all labels", *labels], key="spectrum-label", persist_state="session")
    same_power = right.toggle(
        "Every clip at the same power",
        key="same-power",
        persist_state="session",
        help="Compares colour alone: no loud clip outweighs the others, and 0 dB is the power in all bands. Without "
        "it, 0 dBFS is the level of a square wave between −1 and 1; a sine at full scale has −3 dBFS.",
    )
    clips = measured
    if label != "all labels":
        clips = measured[measured["labels"].map(lambda have: label in have).astype(bool)]
    spectra = statistics.third_octaves(clips, same_power)
    unit = "dB re the power in all bands" if same_power else "level in the band (dBFS)"
    st.plotly_chart(
        figures.third_octaves(spectra, unit),
        key="spectra",
        config=CONFIG,
        alt="Average third-octave spectrum of each subset",
    )
    as_table(spectra, "third-octaves")
    if not {"curated", "noisy"}.issubset(measured["subset"]):
        return
    gap = statistics.spectral_gap(measured, "noisy", "curated")
    if len(gap):
        st.markdown(
            "**The acoustic gap:** how far noisy clips lie above curated ones in each band, every clip at the same "
            "power; the most different label first"
        )
        st.plotly_chart(
            figures.spectral_gap(gap, "noisy", "curated"),
            key="spectral-gap",
            config=CONFIG,
            on_select=by_label("spectral-gap", "y"),
            selection_mode="points",
            alt="Map of the difference between noisy and curated spectra, a label a row",
        )
        as_table(gap, "spectral-gap")


def _second_pass(dataset: Dataset, index: pd.DataFrame) -> None:
    measuring = cache.measuring(dataset)
    todo = int((index["rms_dbfs"].isna() & index["measure_error"].isna() & index["error"].isna()).sum())
    if not measuring.is_active() and todo == 0:
        return

    @st.fragment(run_every=1 if measuring.is_active() else None)
    def watch() -> None:
        if measuring.is_active():
            st.session_state["measuring"] = True
            progress = measuring.progress() or {"done": 0, "total": len(index), "left_s": math.nan}
            left = "" if math.isnan(progress["left_s"]) else f" · {format_duration(progress['left_s'])} left"
            st.progress(
                min(1.0, progress["done"] / max(1, progress["total"])),
                f"Measuring {progress['done']:,} of {progress['total']:,} clips{left}",
            )
            st.button("Stop", icon=":material/stop:", key="stop-measuring", on_click=measuring.stop)
        elif st.session_state.pop("measuring", False):
            st.rerun()
        else:
            if measuring.failure():
                st.error(messages.escape_markdown(measuring.failure()), icon=":material/error:")
            st.info(
                f"{todo:,} clips are not measured yet: levels, noise floor, loudness, bandwidth, spectra, duplicates. "
                "It goes on when you leave this page, and can be stopped and continued.",
                icon=":material/graphic_eq:",
            )
            if st.button("Measure every clip", type="primary", key="measure"):
                measuring.start()
                st.rerun()

    watch()


def problems(dataset: Dataset, found: pd.DataFrame) -> None:
    """What is wrong, by kind, with a download; condemned clips can be put back."""
    if dataset.flagged:
        workspace = Workspace()
        options = workspace.dataset_options(dataset.root)
        put_back = st.toggle(
            f"Use the {len(dataset.flagged)} clips that the dataset's own notes condemn",
            value=options.get("keep_flagged", False),
            key=f"put-back-{dataset.name}",
        )
        if put_back != options.get("keep_flagged", False):
            workspace.remember_dataset(dataset.root, options | {"keep_flagged": put_back})
            st.rerun()
    if len(found) == 0:
        st.success("Nothing is wrong that is looked for.", icon=":material/check:")
        return
    kinds = found["kind"].value_counts()
    chosen = st.pills("Kind", list(kinds.index), format_func=lambda kind: f"{kind} ({kinds[kind]})", key="problem-kind")
    rows = found[found["kind"] == chosen] if chosen else found
    st.dataframe(rows, hide_index=True, alt="Clips with something wrong, and what")
    download(rows, "problems")
