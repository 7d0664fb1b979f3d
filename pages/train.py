"""Train: start folds, watch lwlrap rise, stop, resume, publish. All of it is on disk; the page only looks."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.train import batch_preview, run_setup, run_view

here = frame.page("Train")
workspace, dataset = here.workspace, here.dataset()

st.title("Train")
setup, view = st.container(key="bench-and-controls").columns([1, 2.4], gap="large")

with setup:
    st.subheader("New run")
    choices = run_setup.pick(dataset, workspace)
    settings = run_setup.settings_of(choices, workspace) if choices else None
    if settings:
        run_setup.facts(settings, dataset)
        batch_preview.estimate(settings, dataset, workspace)
    run_setup.start(settings, choices, dataset, workspace)

with view:
    tabs = st.tabs(["Runs", "What the network will get"], key="show", bind="query-params")
    for tab, draw in zip(
        tabs,
        (lambda: run_view.show(workspace), lambda: batch_preview.batch(settings, dataset)),
        strict=True,
    ):
        if tab.open:
            with tab:
                draw()
