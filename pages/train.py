"""Train: start folds, watch lwlrap rise, compare runs, publish. The training runs in a worker process."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.train import batch_preview, new_run, run_view
from audiotag.ui.widgets import messages

context = frame.set_up_page("Train")
workspace, dataset = context.workspace, context.dataset()

st.title("Train")
settings = new_run.show_new_run(dataset, workspace, context.ensemble_folder)
frame.show_tabs(
    "show",
    {
        "Runs": lambda: run_view.show_runs(workspace),
        "Training batch preview": lambda: batch_preview.show_batch(settings, dataset),
    },
)
messages.show_sentences()
