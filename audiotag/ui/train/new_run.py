"""The drawer over the runs in which a new one is set up and started."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.training.runs import RunSettings, list_runs
from audiotag.ui.text import escape
from audiotag.ui.train import estimate_panel, run_setup, split_panel
from audiotag.workspace import Workspace

DRAWER = "new-run"


def show_new_run(dataset: Dataset, workspace: Workspace, ensemble: Path | None) -> RunSettings | None:
    """Options of a new run, what they amount to, and the start button; returns its settings.

    The ensemble is the one by which near-duplicates are looked for.

    The drawer is open where there is no run yet, and where the address has options of one. It closes when a run is
    started, so that the run can be seen.
    """
    if run_setup.STARTED in st.session_state:
        name = st.session_state.pop(run_setup.STARTED)
        st.session_state[DRAWER] = False
        st.toast(f"Run {escape(name)} was started.", icon=":material/play_arrow:")
    if DRAWER not in st.session_state and DRAWER not in st.query_params:
        given = any(key in st.query_params for key in run_setup.ADDRESS_KEYS)
        st.session_state[DRAWER] = given or not list_runs(workspace)
    drawer = st.expander("New run", icon=":material/add:", key=DRAWER, bind="query-params")
    with drawer, st.container(key="new-run-parts"):
        what, how, start = st.columns(3, gap="medium")
        options = run_setup.pick_options(dataset, workspace, what, how)
        with start:
            settings = run_setup.run_settings(options, workspace, dataset) if options else None
            if settings:
                run_setup.show_facts(settings, dataset)
                estimate_panel.show_estimate(settings, dataset, workspace)
            run_setup.show_start_button(settings, options, dataset, workspace)
        if settings:
            split_panel.show_split_panel(settings, dataset, ensemble)
    return settings
