"""Home: doors to the pages, a guide that follows what is done, the last runs, and everything at a glance."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.home import about, doors, live, overview, style
from audiotag.ui.widgets import messages

context = frame.set_up_page("Home")
style.add_home_style()
st.title("audiotag", anchor=False)
st.markdown("Explore labelled sounds, tune the spectrogram, train an ensemble of folds, tag clips.")
doors.show_doors()
dataset, index = overview.load_chosen_dataset(context)
live.show_live(context.workspace, dataset, index)
overview.show_overview(context, dataset, index)
about.show_about(context.workspace)
messages.show_sentences()
