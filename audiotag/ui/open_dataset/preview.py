"""Say what opening a folder or a table would give: layout, clips, labels, subsets. No sound is opened for it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import OpenOptions, open_dataset
from audiotag.data.stamp import dataset_stamp
from audiotag.errors import AudiotagError
from audiotag.ui.caching import cached
from audiotag.ui.dataset.reading import describe_reading
from audiotag.ui.text import Markdown, escape, escape_all
from audiotag.workspace import Workspace

MAX_LABELS_NAMED = 12
MAX_SENTENCES = 3


@dataclass(frozen=True)
class Found:
    """A dataset as it was read, and the options that it was read with."""

    dataset: Dataset
    options: OpenOptions


def look_inside(path: Path, typed: OpenOptions) -> Found:
    """Read a dataset with the typed options; without any as it was read before, if that is still possible.

    Nothing is saved. The result is kept until files change.

    Raises
    ------
    AudiotagError
        If it is not a dataset.
    """
    before = OpenOptions.from_dict(Workspace().dataset_options(path))
    stamp = dataset_stamp(path)
    if typed == OpenOptions() and before != typed:
        with suppress(AudiotagError):  # its tables have changed: everything is detected again
            return Found(_opened(path, repr((stamp, before)), before), before)
    return Found(_opened(path, repr((stamp, typed)), typed), typed)


@cached(max_entries=2, show_spinner=False)
def _opened(path: Path, key: str, _options: OpenOptions) -> Dataset:
    return open_dataset(path, _options)


def show_found(dataset: Dataset) -> None:
    """What was found: how many clips of which subsets, which labels, and how the tables were read."""
    st.markdown(f"**{describe_size(dataset)}**")
    st.markdown(f"Layout: {escape(dataset.layout)}")
    if len(dataset.subsets) > 1:
        counts = dataset.clips["subset"].value_counts()
        st.markdown("Subsets: " + escape_all(f"{name} {counts[name]:,}" for name in dataset.subsets))
    if dataset.labels:
        st.markdown(describe_labels(dataset))
    for reading in dataset.readings:
        st.caption(describe_reading(reading))
    sentences = [*dataset.missing, *(sentence for reading in dataset.readings for sentence in reading.ignored)]
    for sentence in sentences[:MAX_SENTENCES]:
        st.caption(f":material/warning: {escape(sentence)}")
    if problems := len(dataset.problems):
        rows = "1 clip or row is" if problems == 1 else f"{problems:,} clips or rows are"
        st.caption(f":material/warning: {rows} left out or doubtful. The Dataset page lists them under Problems.")


def describe_size(dataset: Dataset) -> Markdown:
    """The number of clips and labels.

    >>> import pandas as pd
    >>> clips = pd.DataFrame({"labels": [("dog",), ()]})
    >>> describe_size(Dataset("pets", Path("/pets"), "", clips, ("dog",), ()))
    '2 clips, 1 label, 1 clip without a label'
    """
    clips, labels = len(dataset.clips), len(dataset.labels)
    text = f"{clips:,} clip{'' if clips == 1 else 's'}, "
    if not labels:
        return Markdown(f"{text}no labels")
    text += f"{labels:,} label{'' if labels == 1 else 's'}"
    bare = int((dataset.clips["labels"].map(len) == 0).sum())
    return Markdown(f"{text}, {bare:,} clip{'' if bare == 1 else 's'} without a label" if bare else text)


def describe_labels(dataset: Dataset) -> Markdown:
    """The first labels by name, and how many more there are."""
    more = len(dataset.labels) - MAX_LABELS_NAMED
    names = escape_all(dataset.labels[:MAX_LABELS_NAMED])
    return Markdown(f"Labels: {names}" + (f" and {more:,} more" if more > 0 else ""))
