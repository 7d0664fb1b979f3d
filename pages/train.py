"""Train: start folds, watch lwlrap rise, stop, resume, publish. The training runs in a worker process."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.train import batch_preview, estimate_panel, run_setup, run_view
from audiotag.ui.widgets import messages

context = frame.set_up_page("Train")
workspace, dataset = context.workspace, context.dataset()

st.title("Train")
controls, view = st.container(key="controls-and-view").columns([1, 2.4], gap="large")

with controls:
    st.subheader("New run")
    options = run_setup.pick_options(dataset, workspace)
    settings = run_setup.run_settings(options, workspace) if options else None
    if settings:
        run_setup.show_facts(settings, dataset)
        estimate_panel.show_estimate(settings, dataset, workspace)
    run_setup.show_start_button(settings, options, dataset, workspace)

with view:
    frame.show_tabs(
        "show",
        {
            "Runs": lambda: run_view.show_runs(workspace),
            "Training batch preview": lambda: batch_preview.show_batch(settings, dataset),
        },
    )
messages.show_sentences()
