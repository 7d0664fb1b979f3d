"""Trainings that a script waits for: started again, it finds its runs again, and none is trained twice."""

from __future__ import annotations

import time

from audiotag.errors import AudiotagError
from audiotag.training.runs import RESUMABLE, Run, RunSettings, create_run, list_runs
from audiotag.workspace import Workspace

LOOK_EVERY_S = 1.0


def train_run(settings: RunSettings, workspace: Workspace) -> Run:
    """The finished run of these settings: as it is if there is one, from its last epoch if it was cut off, else new.

    Raises
    ------
    AudiotagError
        If it fails or is stopped; called again, it goes on.
    """
    run = next((run for run in list_runs(workspace) if _settings_of(run) == settings), None)
    if run is None:
        run = create_run(workspace, settings)
        run.start()
    elif run.state() in RESUMABLE:
        run.start()
    while run.is_active():
        time.sleep(LOOK_EVERY_S)
    if run.state() != "finished":
        raise AudiotagError(f"run {run.name} {run.state()}. {run.reason()} Start the same again, and it goes on.")
    return run


def _settings_of(run: Run) -> RunSettings | None:
    try:
        return run.settings()
    except AudiotagError:  # of an audiotag with other fields
        return None
