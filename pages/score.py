"""Score: a submission against the truth, by class and by clip; what went wrong can be heard."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.score import view
from audiotag.ui.widgets import messages

here = frame.page("Score")
st.title("Score")
dataset = view.dataset_of(here)
submission, truth = view.pick(here, dataset)
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
    with messages.show_errors(stop=True):
        score = view.score(submission, truth)
    view.summary(score)
    view.classes(score)
    view.clips(score, dataset)
view.make_one(here, dataset, opened=not complete)
