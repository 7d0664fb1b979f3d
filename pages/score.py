"""Score: an ensemble or a submission against the true labels, by class and by clip; listen to the hardest clips."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.score import ensemble, result, source, tables
from audiotag.ui.trust.panel import show_trust_of_submission
from audiotag.ui.widgets import label_aliases, messages

context = frame.set_up_page("Score")
st.title("Score")
with st.container(key="top"):
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
    show_trust_of_submission(scored.score, scored.submission, context.ensemble_folder)
label_aliases.show_label_aliases(context.workspace)
source.show_commands(context, dataset)
messages.show_sentences()
