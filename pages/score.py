"""Score: a submission against the truth, by class and by clip; what went wrong can be heard."""

import streamlit as st

from audiotag.ui import scoring_view, shell

here = shell.page("Score")
st.title("Score")
dataset = scoring_view.dataset_of(here)
submission, truth = scoring_view.pick(here, dataset)
complete = submission is not None and truth is not None
if not complete:
    lacking = " and ".join(
        name for name, table in (("a submission", submission), ("the truth", truth)) if table is None
    )
    st.info(
        f"Give {lacking} above. You get lwlrap and accuracy, class by class, and the hardest clips to listen to.",
        icon=":material/scoreboard:",
    )
else:
    with shell.shown_errors(stop=True):
        score = scoring_view.score(submission, truth)
    scoring_view.summary(score)
    scoring_view.classes(score)
    scoring_view.clips(score, dataset)
scoring_view.make_one(here, dataset, opened=not complete)
