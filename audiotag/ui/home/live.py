"""The part of the Home page that follows what runs: the guide, running jobs, and the last runs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.training.runs import list_runs
from audiotag.ui import dataset_cache
from audiotag.ui.home.facts import read_facts
from audiotag.ui.home.guide_panel import is_hidden, show_guide
from audiotag.ui.home.last_runs import runs_to_show, show_last_runs
from audiotag.ui.home.running_jobs import running_jobs, show_running_jobs
from audiotag.workspace import Workspace

INTERVAL_S = 2


def show_live(workspace: Workspace, dataset: Dataset | None, index: pd.DataFrame | None) -> None:
    """Guide, jobs and runs; drawn again every two seconds while something runs."""
    state = _state(workspace)

    @st.fragment(run_every=INTERVAL_S if any(state.values()) else None)
    def live() -> None:
        """Show them; run the whole page again when something begins or ends."""
        if _state(workspace) != state:
            st.rerun()
        runs = list_runs(workspace)
        jobs = running_jobs(workspace)
        if not is_hidden(workspace):
            show_guide(read_facts(workspace, dataset, index, runs))
            if dataset is not None:  # the guide shows how far it is measured
                measuring = dataset_cache.measurement_job(dataset).folder
                jobs = [job for job in jobs if job.folder != measuring]
        show_running_jobs(jobs)
        show_last_runs(runs_to_show(runs))

    live()


def _state(workspace: Workspace) -> dict[str, bool]:
    """The runs and jobs by their folders, and whether each is active."""
    runs = {str(run.folder): run.is_active() for run in list_runs(workspace)}
    return runs | {str(job.folder): True for job in running_jobs(workspace)}
