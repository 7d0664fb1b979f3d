"""The Dataset page's filter and tabs, a function each: an index in, widgets and figures out."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from audiotag.data import statistics
from audiotag.data.dataset import SUBSETS, Dataset
from audiotag.data.statistics import Filter
from audiotag.figures import dataset as figures
from audiotag.figures.theme import CONFIG
from audiotag.sound.spectrogram import PRESETS
from audiotag.ui import cached, listen, shell
from audiotag.ui.durations import spoken
from audiotag.workspace import Workspace

ROWS_SHOWN = 2000
MAP_LABELS = 40
MEASURED = {
    "rms_dbfs": "RMS level (dBFS)",
    "noise_floor_dbfs": "noise floor (dBFS)",
    "loudness_lufs": "loudness (LUFS)",
    "crest_db": "crest factor (dB)",
    "bandwidth_hz": "bandwidth (Hz)",
    "peak_dbfs": "peak (dBFS)",
}


def pick_filter(dataset: Dataset) -> Filter:
    """The filter over all tabs; it is in the address, so a link shows the same view."""
    left, middle, right = st.columns([3, 2, 2])
    labels = left.multiselect(
        "Labels",
        dataset.labels,
        key="labels",
        bind="query-params",
        placeholder="any",
        help="Also by a click on a bar or a square of the Labels tab.",
    )
    every = left.toggle("all of them on one clip", key="every", bind="query-params")
    text = middle.text_input("Search", key="text", bind="query-params", placeholder="name, label or link")
    present = [name for name in SUBSETS if name in dataset.subsets]
    subset = right.selectbox("Subset", ["all", *present], key="subset", bind="query-params")
    return Filter("" if subset == "all" else subset, tuple(labels), every, text.strip())


def header(column: DeltaGenerator, subset: str, row: pd.Series) -> None:
    """One subset in figures."""
    with column.container(border=True):
        clips = int(row["clips"])
        st.metric(
            subset,
            f"{clips:,} clip{'' if clips == 1 else 's'}",
            help="Those known to be broken are not counted.",
        )
        parts = [f"{row['labels']:.0f} labels in {row['combinations']:.0f} combinations"]
        parts.append(f"{row['labels_a_clip']:.2f} labels a clip")
        if pd.notna(row["mean_s"]):
            parts.insert(0, f"{row['hours']:.2f} h")
            parts.append(f"{row['shortest_s']:.1f}–{row['longest_s']:.1f} s, mean {row['mean_s']:.2f} s")
        st.markdown(" · ".join(parts))


def durations(index: pd.DataFrame) -> None:
    """How long the clips are, and what a crop of a given length would see of them."""
    if len(statistics.readable(index)) == 0:
        st.info("Durations need the sounds, and they are not here.", icon=":material/folder_off:")
        return
    crop_s = st.slider(
        "Crop length (s)",
        0.5,
        10.0,
        PRESETS["capstone"].clip_s,
        0.5,
        key="crop-length",
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
    table = figures.duration_table(index)
    left, right = st.columns(2)
    left.plotly_chart(
        figures.durations(table, crop_s), key="durations", config=CONFIG, alt="Histogram of clip durations a subset"
    )
    right.plotly_chart(
        figures.cumulative(index, crop_s), key="cumulative", config=CONFIG, alt="Cumulative share of clips by duration"
    )
    as_table(table, "durations")


def labels(index: pd.DataFrame) -> None:
    """How the clips are labelled: counts, labels a clip, which come together, combinations, licences."""
    counts = statistics.label_counts(index)
    left, right = st.columns([1, 2])
    order = left.segmented_control(
        "Order", ["most clips", "fewest clips", "name"], default="most clips", key="label-order", required=True
    )
    top = len(counts)
    if len(counts) > 5:
        top = right.slider("Labels shown", 5, len(counts), min(30, len(counts)), key="labels-shown")
    counts = statistics.ordered(counts, order)
    st.plotly_chart(
        figures.labels(counts.head(top)),
        key="label-counts",
        config=CONFIG,
        on_select=_filter_by("label-counts", "y"),
        selection_mode="points",
        alt="Number of clips of each label",
    )
    as_table(counts.reset_index(names="label"), "labels")
    left, right = st.columns(2)
    with left:
        st.markdown("**Labels a clip**")
        numbers = statistics.labels_a_clip(index)
        st.plotly_chart(figures.bars(numbers, "labels a clip"), key="label-numbers", config=CONFIG, alt="Labels a clip")
    with right:
        st.markdown("**Combinations**")
        combinations = statistics.combinations(index)
        st.dataframe(combinations, height=300, alt="Clips of each combination of labels")
        download(combinations.reset_index(), "combinations")
    st.markdown("**Which labels come together**")
    names = list(counts.head(min(top, MAP_LABELS)).index)
    st.plotly_chart(
        figures.together(statistics.together(index), names),
        key="label-map",
        config=CONFIG,
        on_select=_filter_by("label-map", "x", "y"),
        selection_mode="points",
        alt="Map of labels that are on the same clip",
    )
    licences = statistics.licences(index)
    if len(licences):
        st.markdown("**Licences**")
        st.dataframe(licences, alt="Clips of each licence")
        download(licences.reset_index(), "licences")


def sound(dataset: Dataset, index: pd.DataFrame, shown: pd.DataFrame) -> None:
    """What the files are, and what is measured of their sound; ``shown`` is what the filter lets through."""
    if len(statistics.readable(shown)) == 0:
        st.info("This needs the sounds, and they are not here.", icon=":material/folder_off:")
        return
    st.markdown("**Files**")
    st.dataframe(statistics.formats(shown), alt="Container, codec, channels and sample rate of each subset")
    _second_pass(dataset, index)
    measured = statistics.measured(shown)
    if len(measured) == 0:
        return
    st.markdown("**Average third-octave spectrum**")
    spectra = statistics.third_octaves(shown)
    st.plotly_chart(
        figures.third_octaves(spectra), key="spectra", config=CONFIG, alt="Average third-octave spectrum of each subset"
    )
    as_table(spectra.reset_index(), "third-octaves")
    for at, (column, title) in enumerate(MEASURED.items()):
        if at % 2 == 0:
            columns = st.columns(2)
        columns[at % 2].plotly_chart(
            figures.distribution(measured, column, title), key=column, config=CONFIG, alt=f"Distribution of {title}"
        )


def _second_pass(dataset: Dataset, index: pd.DataFrame) -> None:
    measuring = cached.measuring(dataset)
    todo = int((index["rms_dbfs"].isna() & index["measure_error"].isna() & index["error"].isna()).sum())
    if not measuring.is_active() and todo == 0:
        return

    @st.fragment(run_every=1 if measuring.is_active() else None)
    def watch() -> None:
        if measuring.is_active():
            st.session_state["measuring"] = True
            progress = measuring.progress() or {"done": 0, "total": len(index), "left_s": math.nan}
            left = "" if math.isnan(progress["left_s"]) else f" · {spoken(progress['left_s'])} left"
            st.progress(
                min(1.0, progress["done"] / max(1, progress["total"])),
                f"Measuring {progress['done']:,} of {progress['total']:,} clips{left}",
            )
            st.button("Stop", icon=":material/stop:", key="stop-measuring", on_click=measuring.stop)
        elif st.session_state.pop("measuring", False):
            st.rerun()
        else:
            if measuring.failure():
                st.error(shell.plain(measuring.failure()), icon=":material/error:")
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
    if dataset.condemned:
        workspace = Workspace()
        options = workspace.dataset_options(dataset.root)
        put_back = st.toggle(
            f"Use the {len(dataset.condemned)} clips that the dataset's own notes condemn",
            value=options.get("keep_condemned", False),
            key=f"put-back-{dataset.name}",
        )
        if put_back != options.get("keep_condemned", False):
            workspace.remember_dataset(dataset.root, options | {"keep_condemned": put_back})
            st.rerun()
    if len(found) == 0:
        st.success("Nothing is wrong that is looked for.", icon=":material/check:")
        return
    kinds = found["kind"].value_counts()
    chosen = st.pills("Kind", list(kinds.index), format_func=lambda kind: f"{kind} ({kinds[kind]})", key="problem-kind")
    rows = found[found["kind"] == chosen] if chosen else found
    st.dataframe(rows, hide_index=True, alt="Clips with something wrong, and what")
    download(rows, "problems")


def clips(dataset: Dataset, index: pd.DataFrame) -> None:
    """The clips that pass the filter; choose one to hear and see it."""
    rows = statistics.labelled(index).reset_index(drop=True)
    left, right = st.columns([2, 3])
    with left:
        more = f", the first {ROWS_SHOWN:,} shown" if len(rows) > ROWS_SHOWN else ""
        st.caption(f"{len(rows):,} clips{more}")
        chosen = st.dataframe(
            rows.head(ROWS_SHOWN)[["clip", "labels", "duration_s", "subset"]],
            hide_index=True,
            height=420,
            on_select="rerun",
            selection_mode="single-row-required",
            key="clips-table",
            column_config={
                "labels": st.column_config.ListColumn("labels", width="medium"),
                "duration_s": st.column_config.NumberColumn("length", format="%.2f s"),
            },
            alt="Clips with their labels and durations",
        )
        download(rows.drop(columns=["path", "third_octaves"], errors="ignore"), f"{dataset.name}-clips")
    with right:
        row = rows.iloc[min((chosen.selection.rows or [0])[0], len(rows) - 1)]
        link = f" · [source]({row['source']})" if pd.notna(row["source"]) else ""
        st.markdown(f"**{shell.plain(row['clip'])}** · {shell.plain(', '.join(row['labels']))}{link}")
        if row["size"] == 0:
            st.info("Its sound is not here.", icon=":material/folder_off:")
            return
        with shell.shown_errors():
            settings = PRESETS["capstone"]
            listen.whole(cached.sound(row["path"], settings.sample_rate), settings, key="clip")


def as_table(table: pd.DataFrame, name: str) -> None:
    """The chart's table, one click away, with a download."""
    with st.expander("As a table", icon=":material/table:"):
        st.dataframe(table, hide_index=True, alt=f"Table of {name}")
        download(table, name)


def download(table: pd.DataFrame, name: str) -> None:
    """Buttons for CSV and Parquet; the file is made when it is asked for."""
    left, right = st.columns(2)
    for column, suffix, make in ((left, "csv", _csv), (right, "parquet", _parquet)):
        column.download_button(
            suffix.upper() if suffix == "csv" else "Parquet",
            _later(make, table),
            file_name=f"{name}.{suffix}",
            icon=":material/download:",
            key=f"download-{name}-{suffix}",
            on_click="ignore",
        )


def _later(make: Callable[[pd.DataFrame], bytes], table: pd.DataFrame) -> Callable[[], bytes]:
    return lambda: make(table)


def _csv(table: pd.DataFrame) -> bytes:
    flat = table.assign(labels=table["labels"].map(",".join)) if "labels" in table and len(table) else table
    return flat.to_csv(index=False).encode()


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def _filter_by(chart: str, *axes: str) -> Callable[[], None]:
    """A click on the chart puts what was clicked into the filter."""

    def clicked() -> None:
        points = st.session_state[chart].selection.points
        if points:
            st.session_state["labels"] = list(dict.fromkeys(points[0][axis] for axis in axes))
            st.session_state["every"] = len(axes) > 1

    return clicked
