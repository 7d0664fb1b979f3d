"""Choose label and clip before their pickers are drawn: what the address says, or a clip that shows something."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.inspection.lively_clips import liveliest_clip
from audiotag.ui import address, dataset_cache
from audiotag.ui.text import escape
from audiotag.wording import as_text

CLIP, LABEL = "clip", "label"  # parameters of the address


def choose_clip(dataset: Dataset, prefix: str, clip_s: float) -> None:
    """Choose a label and a clip, unless the user has chosen a clip of this dataset that has the chosen label.

    Parameters
    ----------
    dataset : Dataset
    prefix : str
        Prefix of the keys of the pickers, `audiotag.ui.widgets.sound_picker.pick_dataset_clip`.
    clip_s : float
        Length that the clip should have at least, in seconds.
    """
    state, root = st.session_state, str(dataset.root)
    if (name := address.new_text(CLIP)) is not None:
        label = address.new_text(LABEL)
        state[f"{prefix}-dataset"] = root
        if _choose_named(dataset, prefix, name, label):
            return
        st.warning(
            f"The dataset has no clip {escape(name)}, which is in the address. Another clip is shown.",
            icon=":material/link_off:",
        )
        state.pop(f"{prefix}-clip", None)
    if state.get(f"{prefix}-dataset") != root:  # the rows of another dataset mean nothing here
        state[f"{prefix}-dataset"] = root
        state.pop(f"{prefix}-clip", None)
        state.pop(f"{prefix}-label", None)
    label = state.get(f"{prefix}-label")
    is_known, chosen = label in dataset.labels, state.get(f"{prefix}-clip")
    if chosen in dataset.clips.index and (label in dataset.clips.at[chosen, "labels"] or not dataset.labels):
        return
    index = dataset_cache.load_index(dataset)
    if is_known:
        index = index[index["clip"].isin(clips_with_label(dataset, label)["clip"])]
    row = liveliest_clip(index, clip_s)
    if row is not None:
        _choose_named(dataset, prefix, as_text(index.at[row, "clip"]), label if is_known else None)


def write_address(prefix: str, clip: pd.Series) -> None:
    """Put the chosen clip and label into the address."""
    address.write_text(CLIP, as_text(clip["clip"]))
    address.write_text(LABEL, as_text(st.session_state.get(f"{prefix}-label") or ""))


def clips_with_label(dataset: Dataset, label: str | None) -> pd.DataFrame:
    """The clips that have a label; all clips where none is chosen."""
    clips = dataset.clips
    return clips[clips["labels"].map(lambda labels: label in labels).astype(bool)] if label is not None else clips


def _choose_named(dataset: Dataset, prefix: str, name: str, label: str | None) -> bool:
    """Choose a clip by its name, and a label that it has, this one if possible; False where there is no such clip."""
    clips = dataset.clips
    found = clips.index[clips["clip"].map(as_text) == name]
    if len(found) == 0:
        return False
    labels = clips.at[found[0], "labels"]
    if label not in labels:
        label = next((each for each in labels if each in dataset.labels), None)
    if label is None and dataset.labels:
        return False  # it is in no list of a label
    st.session_state[f"{prefix}-clip"] = found[0]
    if label is not None:
        st.session_state[f"{prefix}-label"] = label
    return True
