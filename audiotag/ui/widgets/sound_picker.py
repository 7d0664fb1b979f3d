"""Where a sound comes from: the dataset, an upload, the microphone; the Spectrogram page's picker, and its parts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from audiotag.audio.header import Sound, Source
from audiotag.audio.opening import READABLE
from audiotag.audio.reading import read_sound
from audiotag.data.dataset import Dataset
from audiotag.ui import cache
from audiotag.ui.widgets import messages

SOURCES = ("Dataset", "Upload", "Microphone")
MICROPHONE = (
    "Browsers lay echo cancelling, noise suppression and automatic gain over the microphone: what you see here may be "
    "cleaner than the sound was, and of another level."
)


def pick_sound(dataset: Dataset) -> Source | None:
    """The widgets; None where nothing is chosen yet."""
    source = st.segmented_control(
        "Sound from", SOURCES, key="sound-from", default="Dataset", required=True, persist_state="session"
    )
    if source == "Upload":
        upload = st.file_uploader(
            "Sound file", key="spectrogram-upload", help=f"{READABLE}; what it is, its content says."
        )
        return upload.getvalue() if upload else None
    if source == "Microphone":
        recorded = st.audio_input("Record", sample_rate=44_100, key="spectrogram-recording")
        st.caption(MICROPHONE)
        return recorded.getvalue() if recorded else None
    return _of_dataset(dataset)


def name_of(source: Source) -> str:
    """What to call it."""
    if not isinstance(source, bytes):
        return source.name
    upload = st.session_state.get("spectrogram-upload")
    return upload.name if st.session_state["sound-from"] == "Upload" and upload else "recording"


def decoded(source: Source, sample_rate: int) -> Sound:
    """The sound at the rate that the settings want."""
    if isinstance(source, bytes):
        return read_sound(source, sample_rate, name_of(source))
    return cache.sound(source, sample_rate)


def same_label(dataset: Dataset, most: int) -> list[Any]:
    """Paths of the first clips of the label that is looked at; of the whole dataset where none is."""
    label = st.session_state.get("spectrogram-label")
    clips = dataset.clips
    having = clips[clips["labels"].map(lambda labels: label in labels).astype(bool)] if label else clips
    return list((having if len(having) else clips)["path"].head(most))


def _of_dataset(dataset: Dataset) -> Source | None:
    clip = dataset_clip(dataset, "spectrogram", kept=True)
    return None if clip is None else clip["path"]


def dataset_clip(dataset: Dataset, prefix: str, kept: bool = False) -> pd.Series | None:
    """A clip of the dataset, found by its label; None where no clip has it.

    Parameters
    ----------
    dataset : Dataset
    prefix : str
        Of the widgets' keys.
    kept : bool
        Whether the label stays chosen when the page is left.
    """
    clips = dataset.clips
    label = st.selectbox(
        "Label",
        dataset.labels,
        key=f"{prefix}-label",
        help="Clips that have this label.",
        persist_state="session" if kept else None,
    )
    having = clips[clips["labels"].map(lambda labels: label in labels).astype(bool)] if dataset.labels else clips
    if len(having) == 0:
        st.info(
            f"No clip has the label {messages.escape_markdown(str(label))}; choose another.",
            icon=":material/search_off:",
        )
        return None
    row = st.selectbox(
        "Clip",
        having.index,
        format_func=lambda row: f"{having.at[row, 'clip']} · {having.at[row, 'subset']}",
        key=f"{prefix}-clip",
    )
    return having.loc[row] if row is not None else None
