"""The parts of the Home page: links to the other pages, and an overview of dataset, ensemble and device."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from audiotag.inspection.statistics import readable_clips
from audiotag.training.devices import describe_device
from audiotag.ui import cache
from audiotag.ui.frame import PageContext
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.wording import format_duration

LINKS = (  # page, heading, text, label of the link
    (
        "pages/dataset.py",
        ":material/library_music: Explore",
        "See durations, labels and levels of your clips, and find problems in them.",
        "Open the dataset",
    ),
    (
        "pages/train.py",
        ":material/model_training: Train",
        "Train an ensemble of folds. Training continues after you close the browser.",
        "Train folds",
    ),
    (
        "pages/tag.py",
        ":material/sell: Tag",
        "Drop a clip and see its tags with their scores over time.",
        "Tag a clip",
    ),
    (
        "pages/review.py",
        ":material/rule: Review",
        "Correct the labels that folds doubt, train again, and see what it brought.",
        "Review labels",
    ),
)


def show_links() -> None:
    """Links to the pages where work starts."""
    for column, (page, heading, text, label) in zip(st.columns(len(LINKS)), LINKS, strict=True):
        with column.container(border=True, height="stretch"):
            st.subheader(heading)
            st.markdown(text)
            st.page_link(page, label=label, icon=":material/arrow_forward:", icon_position="right")


def describe_clips(index: pd.DataFrame, labels: int) -> Markdown:
    """Clips, hours and labels of a dataset in a line; clips without sounds have no hours."""
    clips = readable_clips(index)
    label_text = f"{labels:,} label{'' if labels == 1 else 's'}"
    if len(clips) == 0:
        return Markdown(f"{len(index):,} clip{'' if len(index) == 1 else 's'} without sounds, {label_text}")
    seconds = float(clips["duration_s"].sum())
    length = f"{seconds / 3600:.1f} hours" if seconds >= 3600 else format_duration(seconds)
    return Markdown(f"{len(clips):,} clip{'' if len(clips) == 1 else 's'}, {length}, {label_text}")


def show_overview(context: PageContext) -> None:
    """Dataset, ensemble and device in a few figures."""
    dataset = context.dataset()
    st.subheader("At a glance")
    index = cache.load_index(dataset)
    clips = readable_clips(index)
    left, middle, right = st.columns(3)
    with left.container(border=True, height="stretch"):
        st.caption("Dataset")
        st.markdown(f"**{escape(dataset.name)}**")
        st.markdown(describe_clips(index, len(dataset.labels)))
        if len(clips) == 0:
            st.caption(":material/folder_off: The Dataset page says what is missing.")
        elif len(clips) < len(index):
            missing = f"{len(index) - len(clips):,} of {len(index):,} clips"
            st.caption(f":material/folder_off: {missing} cannot be read. The Dataset page says why.")
    with middle.container(border=True, height="stretch"), messages.show_errors():
        st.caption("Ensemble")
        if context.ensemble_folder:
            card = cache.load_card(context.ensemble_folder)
            st.markdown(f"**{escape(card.name)}**")
            st.markdown(f"{len(card.labels)} labels, {len(card.folds)} folds, lwlrap {card.lwlrap:.3f} out of fold")
        else:
            st.markdown("There is no ensemble yet. Train folds and publish them.")
    with right.container(border=True, height="stretch"):
        st.caption("Device for training")
        device = describe_device()
        st.markdown(f"**{escape(device.name)}**")
        if device.problem:
            st.markdown(escape(device.problem))
