"""Home: dataset, ensemble and device at a glance, links to the pages, and the last runs."""

import streamlit as st

from audiotag.training.runs import list_runs
from audiotag.ui import frame, home
from audiotag.ui.train.run_tables import show_runs_table
from audiotag.ui.widgets import messages

context = frame.set_up_page("Home")
st.title("audiotag")
st.markdown("Explore labelled sounds, tune the spectrogram, train an ensemble of folds, tag clips.")
home.show_links()
home.show_overview(context)

runs = list_runs(context.workspace)[:5]
if runs:
    st.subheader("Last runs")
    show_runs_table(runs)
messages.show_sentences()
