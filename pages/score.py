"""Score: compare a submission with the truth, by class and by clip, and listen to the hardest clips."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.score import view
from audiotag.ui.trust.panel import show_trust_of_submission
from audiotag.ui.widgets import label_aliases, messages

context = frame.set_up_page("Score")
st.title("Score")
dataset = view.chosen_dataset(context)
submission, truth = view.pick_tables(context, dataset)
label_aliases.show_label_aliases(context.workspace)
if submission is None or truth is None:
    view.show_what_is_missing(submission, truth)
else:
    with messages.show_errors(stop=True):
        score = view.score_tables(submission, truth)
    view.show_summary(score)
    view.show_classes(score)
    view.show_hardest_clips(score, dataset)
    show_trust_of_submission(score, submission.path, context.ensemble_folder)
view.show_commands(context, dataset, expanded=submission is None or truth is None)
messages.show_sentences()
