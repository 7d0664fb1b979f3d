"""The tabs of the Dataset page, one function per tab: an index in, widgets and figures out."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from audiotag.cli.command_lines import scan_line
from audiotag.data.dataset import Dataset
from audiotag.data.layouts import OpenOptions
from audiotag.features.settings import PRESETS
from audiotag.figures import dataset as figures
from audiotag.inspection import statistics
from audiotag.inspection.filters import Filter
from audiotag.inspection.measurement_job import MeasurementJob, count_unmeasured
from audiotag.ui import cache
from audiotag.ui.dataset.filter import filter_by_label, filter_by_range
from audiotag.ui.dataset.left_out import show_left_out_buttons
from audiotag.ui.text import escape, escape_all
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_downloads, show_table
from audiotag.wording import format_duration
from audiotag.workspace import Workspace

CROP_S = PRESETS["capstone"].clip_s
NO_SOUNDS = "The sound files of these clips are missing."


def show_durations(index: pd.DataFrame) -> None:
    """Durations of the clips, and how much of them a crop of a given length covers."""
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
        help="Length of the network input. Shorter clips are padded, longer ones are cut.",
    )
    shorter = statistics.share_shorter(index, crop_s)
    covered = statistics.share_covered(index, crop_s)
    st.markdown(
        " · ".join(
            f"**{100 * shorter[name]:.0f} %** of {escape(name)} clips are shorter; a crop covers "
            f"**{100 * covered[name]:.0f} %** of their sound"
            for name in shorter.index
        )
    )
    left, right = st.columns(2)
    with left:
        table = statistics.distribution(statistics.readable_clips(index), "duration_s")
        show_chart(
            figures.histogram(table, "duration", "s", crop_s, 340),
            key="durations",
            on_select=filter_by_range("durations", "shortest", "below"),
            selection_mode="points",
            alt="Histogram of clip durations, for each subset",
        )
        show_table(table, "durations")
    with right:
        percentiles = statistics.percentiles(index)
        show_chart(
            figures.cumulative(percentiles, crop_s),
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


def show_labels(index: pd.DataFrame, wanted: Filter) -> None:
    """Labels of the clips that pass the filter: counts, labels per clip, combinations, licences."""
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
    if not wanted.labels:  # among the clips of one label all others are rare
        st.caption(escape_all(statistics.describe_rarest_labels(counts), " · "))
    counts = statistics.sort_label_counts(counts, order)
    counts = counts[counts.index.str.contains(search.strip(), case=False, regex=False)]
    if len(counts) == 0:
        st.info(f"No label has “{escape(search)}” in its name.", icon=":material/search_off:")
        return
    top = len(counts)
    if len(counts) > 5:
        top = right.slider("Labels shown", 5, len(counts), min(30, len(counts)), key="labels-shown")
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
            figures.bars(numbers, "labels per clip"),
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


def show_sound(dataset: Dataset, index: pd.DataFrame, shown: pd.DataFrame) -> None:
    """Formats of the files and measurements of their sound; ``shown`` is the part of the index in the filter."""
    if len(statistics.readable_clips(shown)) == 0:
        st.info(NO_SOUNDS, icon=":material/folder_off:")
        return
    st.markdown("**Files**")
    facts = statistics.formats(shown).rename_axis("fact")
    st.dataframe(facts, height="content", alt="Format, hours and durations of each subset's files")
    show_downloads(facts.reset_index(), "files")
    _show_measurement(dataset, index)
    measured = statistics.measured_clips(shown)
    if len(measured) == 0:
        return
    _show_spectra(measured)
    for at, (column, (title, unit)) in enumerate(figures.MEASURED.items()):
        if at % 2 == 0:
            columns = st.columns(2)
        table = statistics.distribution(measured, column)
        with columns[at % 2]:
            show_chart(
                figures.histogram(table, title, unit),
                key=column,
                on_select=filter_by_range(column, "quietest", "softer") if column == "rms_dbfs" else "ignore",
                selection_mode="points",
                alt=f"Distribution of {title}",
            )
            show_table(table, title)


def _show_spectra(measured: pd.DataFrame) -> None:
    """Average third-octave spectra of one label or all, and the difference between the subsets for each label."""
    st.markdown("**Average third-octave spectrum**")
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    labels = sorted(set().union(*measured["labels"]))
    label = left.selectbox("Label", ["all labels", *labels], key="spectrum-label", persist_state="session")
    same_power = right.toggle(
        "All clips at the same power",
        key="same-power",
        persist_state="session",
        help="Compares only the shape of the spectra: 0 dB is a clip's total power. Otherwise 0 dBFS is the level of "
        "a square wave between −1 and 1.",
    )
    clips = measured
    if label != "all labels":
        clips = measured[measured["labels"].map(lambda have: label in have).astype(bool)]
    spectra = statistics.third_octaves(clips, same_power)
    unit = "dB re total power" if same_power else "level in the band (dBFS)"
    show_chart(
        figures.third_octaves(spectra, unit),
        key="spectra",
        alt="Average third-octave spectrum of each subset",
    )
    show_table(spectra, "third-octaves")
    if not {"curated", "noisy"}.issubset(measured["subset"]):
        return
    gap = statistics.spectral_gap(measured, "noisy", "curated")
    if len(gap):
        st.markdown(
            "**Noisy minus curated:** difference of the spectra in each band, all clips at the same power, the most "
            "different label first"
        )
        show_chart(
            figures.spectral_gap(gap, "noisy", "curated"),
            key="spectral-gap",
            on_select=filter_by_label("spectral-gap", "y"),
            selection_mode="points",
            alt="Map of the difference between noisy and curated spectra, one row per label",
        )
        show_table(gap, "spectral-gap")


def _show_measurement(dataset: Dataset, index: pd.DataFrame) -> None:
    """The button that measures every clip, or the progress of that; nothing once all clips are measured."""
    job = cache.measurement_job(dataset)
    todo = count_unmeasured(index)
    if not job.is_active() and todo == 0:
        return

    @st.fragment(run_every=1 if job.is_active() else None)
    def watch() -> None:
        if job.is_active():
            st.session_state["measuring"] = True
            progress = job.progress() or {"done": 0, "total": len(index), "left_s": math.nan}
            left = "" if math.isnan(progress["left_s"]) else f" · {format_duration(progress['left_s'])} left"
            st.progress(
                min(1.0, progress["done"] / max(1, progress["total"])),
                f"Measuring {progress['done']:,} of {progress['total']:,} clips{left}",
            )
            st.button("Stop", icon=":material/stop:", key="stop-measuring", on_click=_stop, args=(job,))
        elif st.session_state.pop("measuring", False):
            st.rerun()
        else:
            if job.failure():
                st.error(escape(job.failure()), icon=":material/error:")
            st.info(
                f"{todo:,} clips are not measured yet. Measuring finds levels, loudness, spectra and duplicates, and "
                "continues after you leave this page.",
                icon=":material/graphic_eq:",
            )
            if st.button("Measure all clips", type="primary", key="measure"):
                with messages.show_errors():
                    job.start()
                    st.rerun()
            st.caption("The same as a command:")
            options = OpenOptions.from_dict(Workspace().dataset_options(dataset.root))
            st.code(scan_line(dataset.root, options, measure=True), language="bash", wrap_lines=True)

    watch()


def _stop(job: MeasurementJob) -> None:
    with messages.show_errors():
        job.stop()


def show_problems(dataset: Dataset, faults: pd.DataFrame) -> None:
    """Problems by kind, with a download; clips that the dataset's authors marked as corrupt can be used anyway."""
    if dataset.flagged:
        workspace = Workspace()
        options = workspace.dataset_options(dataset.root)
        keep_flagged = st.toggle(
            f"Use the {len(dataset.flagged)} clips that the dataset's authors marked as corrupt",
            value=options.get("keep_flagged", False),
            key=f"keep-flagged-{dataset.name}",
        )
        if keep_flagged != options.get("keep_flagged", False):
            workspace.remember_dataset(dataset.root, options | {"keep_flagged": keep_flagged})
            st.rerun()
    show_left_out_buttons(dataset, faults)
    if len(faults) == 0:
        st.success("No problem found in what is measured so far.", icon=":material/check:")
        return
    kinds = faults["kind"].value_counts()
    chosen = st.pills(
        "Kind", list(kinds.index), format_func=lambda kind: escape(f"{kind} ({kinds[kind]})"), key="problem-kind"
    )
    rows = faults[faults["kind"] == chosen] if chosen else faults
    st.dataframe(rows, hide_index=True, alt="Clips with a problem, and its description")
    show_downloads(rows, "problems")
