"""The chosen dataset and ensemble, and the device for training, in a few figures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.inspection.statistics import readable_clips
from audiotag.training.devices import describe_device
from audiotag.ui import address, dataset_cache, ensemble_cache, starter_job
from audiotag.ui.frame import UNKNOWN_DATASET, PageContext
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import measurement, messages
from audiotag.wording import format_duration


def load_chosen_dataset(context: PageContext) -> tuple[Dataset | None, pd.DataFrame | None]:
    """The chosen dataset and its index; a message, and None twice, where there is none or it cannot be opened."""
    if context.dataset_root is None:
        if address.is_unknown("dataset"):
            st.warning(UNKNOWN_DATASET, icon=":material/link_off:")
        else:
            starter_job.show_starter_sounds(context.workspace)
        return None, None
    with messages.show_errors():
        dataset = dataset_cache.load_dataset(context.dataset_root)
        index = dataset_cache.load_index(dataset)
        measurement.start_by_itself(dataset, index)
        return dataset, index
    return None, None


def show_overview(context: PageContext, dataset: Dataset | None, index: pd.DataFrame | None) -> None:
    """Dataset, ensemble and device in a few figures."""
    st.header("At a glance", anchor=False)
    left, middle, right = st.columns(3)
    with left.container(border=True, height="stretch", gap="xxsmall"):
        st.markdown("Dataset")
        _show_dataset(dataset, index)
    with middle.container(border=True, height="stretch", gap="xxsmall"), messages.show_errors():
        st.markdown("Ensemble")
        if context.ensemble_folder:
            card = ensemble_cache.load_card(context.ensemble_folder)
            st.markdown(f"**{escape(card.name)}**")
            voters = "folds"
            if card.blend is not None:
                voters = "members and stackers" if card.blend.stackers else "members"
            figure = f", lwlrap {card.lwlrap:.3f} out of fold" if card.has_figures else ""
            st.markdown(f"{len(card.labels)} labels, {len(card.folds)} {voters}{figure}")
        else:
            st.markdown("There is no ensemble yet. Train folds and publish them.")
    with right.container(border=True, height="stretch", gap="xxsmall"):
        st.markdown("Device for training")
        device = describe_device()
        st.markdown(f"**{escape(device.name)}**")
        if device.problem:
            st.markdown(escape(device.problem))


def _show_dataset(dataset: Dataset | None, index: pd.DataFrame | None) -> None:
    if dataset is None or index is None:
        st.markdown("No dataset is chosen.")
        return
    st.markdown(f"**{escape(dataset.name)}**")
    st.markdown(describe_clips(index, len(dataset.labels)))
    readable = len(readable_clips(index))
    if readable == 0:
        st.markdown(":material/folder_off: The sounds are missing. The Dataset page says which.")
    elif readable < len(index):
        missing = f"{len(index) - readable:,} of {len(index):,} clips"
        st.markdown(f":material/folder_off: {missing} cannot be read. The Dataset page says why.")


def describe_clips(index: pd.DataFrame, labels: int) -> Markdown:
    """Clips, hours and labels of a dataset in a line; clips without sounds have no hours."""
    clips = readable_clips(index)
    label_text = f"{labels:,} label{'' if labels == 1 else 's'}"
    if len(clips) == 0:
        return Markdown(f"{len(index):,} clip{'' if len(index) == 1 else 's'} without sounds, {label_text}")
    seconds = float(clips["duration_s"].sum())
    length = f"{seconds / 3600:.1f} hours" if seconds >= 3600 else format_duration(seconds)
    return Markdown(f"{len(clips):,} clip{'' if len(clips) == 1 else 's'}, {length}, {label_text}")
