"""The Sound tab of the Dataset page: formats of the files, and measurements of their sound."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from audiotag.cli.command_lines import scan_line
from audiotag.data.dataset import Dataset
from audiotag.data.layouts import OpenOptions
from audiotag.figures import dataset as figures
from audiotag.inspection import statistics
from audiotag.inspection.measurement_job import count_unmeasured
from audiotag.inspection.shortcuts import KIND as SHORTCUT
from audiotag.ui import dataset_cache
from audiotag.ui.dataset.durations_tab import NO_SOUNDS
from audiotag.ui.dataset.filter import filter_by_label, filter_by_range
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_downloads, show_table
from audiotag.workspace import Workspace


def show_sound(dataset: Dataset, index: pd.DataFrame, shown: pd.DataFrame, faults: pd.DataFrame) -> None:
    """Formats of the files and measurements of their sound.

    Parameters
    ----------
    dataset : Dataset
    index, faults : pandas.DataFrame
        Of the whole dataset.
    shown : pandas.DataFrame
        The part of the index that passes the filter.
    """
    if len(statistics.readable_clips(shown)) == 0:
        st.info(NO_SOUNDS, icon=":material/folder_off:")
        return
    st.markdown("**Files**")
    facts = statistics.formats(shown).rename_axis("fact")
    st.dataframe(facts, height="content", alt="Format, hours and durations of each subset's files")
    show_downloads(facts.reset_index(), "files")
    for sentence in faults.loc[faults["kind"] == SHORTCUT, "what"]:
        st.warning(escape(sentence), icon=":material/warning:")
    _offer_measurement(dataset, index)
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


def _offer_measurement(dataset: Dataset, index: pd.DataFrame) -> None:
    """The button that measures every clip; nothing while clips are measured, and once all are."""
    job = dataset_cache.measurement_job(dataset)
    todo = count_unmeasured(index)
    if todo == 0 or job.is_active():
        return
    if job.failure():
        st.error(escape(job.failure()), icon=":material/error:")
    clips = "1 clip is" if todo == 1 else f"{todo:,} clips are"
    st.info(
        f"{clips} not measured yet. Measuring finds levels, loudness, spectra and duplicates, and continues after you "
        "leave this page.",
        icon=":material/graphic_eq:",
    )
    if st.button("Measure all clips", type="primary", key="measure"):
        with messages.show_errors():
            job.start()
            st.rerun()
    st.caption("The same as a command:")
    options = OpenOptions.from_dict(Workspace().dataset_options(dataset.root))
    st.code(scan_line(dataset.root, options, measure=True), language="bash", wrap_lines=True)
