"""Train: start folds, watch lwlrap rise, stop, resume, publish. All of it is on disk; the page only looks."""

import streamlit as st

from audiotag.ui import shell, training_preview, training_setup, training_view

here = shell.page("Train")
workspace, dataset = here.workspace, here.dataset()

st.title("Train")
setup, view = st.container(key="bench-and-controls").columns([1, 2.4], gap="large")

with setup:
    st.subheader("New run")
    choices = training_setup.pick(dataset, workspace)
    settings = training_setup.settings_of(choices, workspace) if choices else None
    if settings:
        training_setup.facts(settings, dataset)
        training_preview.estimate(settings, dataset, workspace)
    training_setup.start(settings, choices, dataset, workspace)

with view:
    tabs = st.tabs(["Runs", "What the network will get"], key="show", bind="query-params")
    for tab, draw in zip(
        tabs,
        (lambda: training_view.show(workspace), lambda: training_preview.batch(settings, dataset)),
        strict=True,
    ):
        if tab.open:
            with tab:
                draw()
