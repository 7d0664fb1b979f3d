"""Score: an ensemble or a submission against the true labels, by class and by clip; listen to the hardest clips."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.score import ensemble, result, source, tables
from audiotag.ui.widgets import label_aliases, messages

context = frame.set_up_page("Score")
st.title("Score")
dataset = source.chosen_dataset(context)
choices = st.container(horizontal=True, gap="large")
if source.is_of_ensemble(context, dataset, choices):
    scored = ensemble.show_ensemble(context, dataset, choices)
else:
    scored = tables.show_tables(context, dataset)
if scored is not None:
    result.show_summary(scored.score)
    result.show_classes(scored.score)
    result.show_hardest_clips(scored.score, dataset)
label_aliases.show_label_aliases(context.workspace)
source.show_commands(context, dataset)
messages.show_sentences()
