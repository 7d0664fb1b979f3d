"""Pick a sound: a clip of the dataset, an upload, or a recording."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from audiotag.audio.header import Sound, Source
from audiotag.audio.opening import READABLE
from audiotag.data.dataset import Dataset
from audiotag.ui import sound_cache
from audiotag.ui.text import escape
from audiotag.ui.widgets import first_choice
from audiotag.ui.widgets.first_choice import clips_with_label
from audiotag.ui.widgets.step_buttons import show_step_buttons
from audiotag.wording import as_text

CLIP_NAME = "spectrogram-clip-name"  # in the session: the chosen clip's path in its dataset
SOURCES = ("Dataset", "Upload", "Microphone")
MICROPHONE_NOTE = (
    "Browsers apply echo cancelling, noise suppression and automatic gain to the microphone. The recording may be "
    "cleaner than the real sound, and its level may differ."
)


def pick_sound(dataset: Dataset | None, clip_s: float) -> Source | None:
    """Widgets that choose a sound; None where nothing is chosen yet. Without a dataset, a file or a recording.

    Parameters
    ----------
    dataset : Dataset, optional
    clip_s : float
        Length of the crop in seconds: the clip that is chosen to begin with fills it.
    """
    sources = SOURCES if dataset else SOURCES[1:]
    with st.container(horizontal=True, vertical_alignment="bottom", key="sound-row"):
        source = st.segmented_control(
            "Sound from", sources, key="sound-from", default=sources[0], required=True, persist_state="session"
        )
        if source == "Upload":
            upload = st.file_uploader(
                "Sound file", key="spectrogram-upload", help=f"{READABLE}. The suffix of the file does not matter."
            )
            return upload.getvalue() if upload else None
        if source == "Microphone":
            recorded = st.audio_input("Record", sample_rate=44_100, key="spectrogram-recording")
            st.caption(MICROPHONE_NOTE)
            return recorded.getvalue() if recorded else None
        clip = None
        if dataset:
            first_choice.choose_clip(dataset, "spectrogram", clip_s)
            clip = pick_dataset_clip(dataset, "spectrogram")
        if clip is not None and dataset is not None:
            show_step_buttons("spectrogram-clip-", _step_clip, dataset)
    st.session_state[CLIP_NAME] = "" if clip is None else clip["clip"]
    if clip is None:
        return None
    first_choice.write_address("spectrogram", clip)
    return clip["path"]


def _step_clip(step: int, dataset: Dataset) -> None:
    """Choose the next or the previous clip with the same label; after the last one comes the first."""
    rows = list(clips_with_label(dataset, st.session_state.get("spectrogram-label")).index)
    at = rows.index(st.session_state["spectrogram-clip"])
    st.session_state["spectrogram-clip"] = rows[(at + step) % len(rows)]


def source_name(source: Source) -> str:
    """Name of the chosen sound."""
    if not isinstance(source, bytes):
        return st.session_state.get(CLIP_NAME) or as_text(source.name)
    upload = st.session_state.get("spectrogram-upload")
    return upload.name if st.session_state["sound-from"] == "Upload" and upload else "recording"


def decode_source(source: Source, sample_rate: int) -> Sound:
    """Decode the chosen sound at a sample rate in Hz."""
    if isinstance(source, bytes):
        return sound_cache.load_part(source, source_name(source), sound_cache.content_key(source), sample_rate)
    return sound_cache.load_sound(source, sample_rate, source_name(source))


def paths_with_label(dataset: Dataset | None, count: int) -> list[Path]:
    """Paths of the first clips that have the chosen label; of any clips where no label is chosen."""
    return [] if dataset is None else list(same_label(dataset, count)["path"])


def same_label(dataset: Dataset, count: int) -> pd.DataFrame:
    """The first clips that have the chosen label, or any clips where no label is chosen."""
    having = clips_with_label(dataset, st.session_state.get("spectrogram-label"))
    return (having if len(having) else dataset.clips).head(count)


def choose_row(row: int) -> None:
    """Choose a clip of `same_label` by its row."""
    st.session_state["spectrogram-clip"] = row


def pick_dataset_clip(dataset: Dataset, prefix: str) -> pd.Series | None:
    """Widgets that choose a clip by its label; None where no clip has that label. The choice survives other pages.

    Parameters
    ----------
    dataset : Dataset
    prefix : str
        Prefix of the widgets' keys.
    """
    label = st.selectbox(
        "Label",
        dataset.labels,
        key=f"{prefix}-label",
        help="Shows only clips that have this label.",
        persist_state="session",
    )
    having = clips_with_label(dataset, label)
    if len(having) == 0:
        st.info(
            f"No clip has the label {escape(label)}; choose another.",
            icon=":material/search_off:",
        )
        return None
    row = st.selectbox(
        "Clip",
        having.index,
        format_func=lambda row: f"{having.at[row, 'clip']} · {having.at[row, 'subset']}",
        key=f"{prefix}-clip",
        persist_state="session",
    )
    return having.loc[row] if row is not None else None
