"""Home: what is here, and what to do next."""

import streamlit as st

from audiotag.inspection.statistics import readable_clips
from audiotag.training.devices import describe_device
from audiotag.training.runs import list_runs
from audiotag.ui import cache, frame
from audiotag.ui.train.run_tables import runs_table
from audiotag.ui.widgets import messages

DOORS = (
    (
        "pages/dataset.py",
        ":material/library_music: Explore",
        "Which sounds, how long, how loud, labelled how, and what is wrong with them.",
        "Open the dataset",
    ),
    (
        "pages/train.py",
        ":material/model_training: Train",
        "Press a button, watch lwlrap rise fold by fold, close the lid, come back.",
        "Train folds",
    ),
    (
        "pages/tag.py",
        ":material/sell: Tag",
        "Drop a clip and see its tags, with the evidence.",
        "Tag a clip",
    ),
)

here = frame.page("Home")
st.title("audiotag")
st.markdown("Explore labelled sounds, tune the spectrogram, train an ensemble of folds, tag clips.")

for column, (page, heading, promise, action) in zip(st.columns(3), DOORS, strict=True):
    with column.container(border=True, height="stretch"):
        st.subheader(heading)
        st.markdown(promise)
        st.page_link(page, label=action, icon=":material/arrow_forward:", icon_position="right")

dataset = here.dataset()
st.subheader("At a glance")
clips = readable_clips(cache.index(dataset))
left, middle, right = st.columns(3)
with left.container(border=True, height="stretch"):
    st.caption("Dataset")
    st.markdown(f"**{dataset.name}**")
    hours = clips["duration_s"].sum() / 3600
    st.markdown(f"{len(clips):,} clips, {hours:.1f} hours, {len(dataset.labels)} labels")
with middle.container(border=True, height="stretch"), messages.show_errors():
    st.caption("Ensemble")
    if here.ensemble_folder:
        card = cache.card(here.ensemble_folder)
        st.markdown(f"**{card.name}**")
        st.markdown(f"{len(card.labels)} labels, {len(card.folds)} folds, lwlrap {card.lwlrap:.3f} out of fold")
    else:
        st.markdown("None yet. Train folds and publish them.")
with right.container(border=True, height="stretch"):
    st.caption("Device for training")
    device = describe_device()
    st.markdown(f"**{device.name}**")
    if device.problem:
        st.markdown(device.problem)

runs = list_runs(here.workspace)[:5]
if runs:
    st.subheader("Last runs")
    runs_table(runs)
