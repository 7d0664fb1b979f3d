"""Read in the workspace how far the user is with the chosen dataset."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.inspection.measurement_job import count_unmeasured
from audiotag.inspection.statistics import readable_clips
from audiotag.training.runs import Run
from audiotag.ui import caching, dataset_cache, ensemble_cache
from audiotag.ui.home.run_summary import RunSummary, summarise
from audiotag.ui.tag.dropped_sounds import SOUNDS
from audiotag.workspace import Workspace

TAGGED = ("tag-history/*", "tagged-folders/*")  # in the workspace: what the Tag page has tagged


@dataclass(frozen=True)
class Facts:
    """How far the user is with a dataset.

    Attributes
    ----------
    dataset : Dataset or None
        The chosen one; None where there is none.
    clips, readable, measured : int
        All its clips, those whose sound can be read, and those of them that are measured.
    is_measuring : bool
    measuring_left_s : float or None
        Seconds that measuring still takes, where they are known.
    run : RunSummary or None
        The run on this dataset that matters most: one that trains, else one that has finished, else the newest.
    ensemble : str
        Name of the newest of the user's ensembles that was trained on this dataset; empty without one.
    has_tagged : bool
        Whether sounds were tagged on the Tag page.
    verdicts : int
        Verdicts of reviewers on the dataset's labels.
    """

    dataset: Dataset | None = None
    clips: int = 0
    readable: int = 0
    measured: int = 0
    is_measuring: bool = False
    measuring_left_s: float | None = None
    run: RunSummary | None = None
    ensemble: str = ""
    has_tagged: bool = False
    verdicts: int = 0


def read_facts(workspace: Workspace, dataset: Dataset | None, index: pd.DataFrame | None, runs: Sequence[Run]) -> Facts:
    """Read the facts about a dataset.

    Parameters
    ----------
    workspace : Workspace
    dataset : Dataset or None
    index : pandas.DataFrame or None
        The dataset's index, with all measurements so far.
    runs : sequence of Run
        All runs, newest first.
    """
    has_tagged = bool(st.session_state.get(SOUNDS)) or any(any(workspace.root.glob(pattern)) for pattern in TAGGED)
    if dataset is None or index is None:
        return Facts(has_tagged=has_tagged)
    readable = len(readable_clips(index))
    measured, left_s = readable - count_unmeasured(index), None
    job = dataset_cache.measurement_job(dataset)
    if is_measuring := job.is_active():
        progress = job.progress()
        measured = max(measured, min(readable, progress.get("done", 0)))
        left_s = progress.get("left_s")
    return Facts(
        dataset,
        len(index),
        readable,
        measured,
        is_measuring,
        left_s,
        run_that_matters(runs, dataset.root),
        ensemble_of(workspace, dataset),
        has_tagged,
        len(VerdictJournal.of(dataset.root, workspace).verdicts()),
    )


def run_that_matters(runs: Sequence[Run], root: Path) -> RunSummary | None:
    """Of the runs on a dataset, one that trains, else one that has finished, else the newest; None without any."""
    own = [run for run in runs if _dataset_of(run.folder) == root]
    states = {run.name: run.state() for run in own}
    for matters in (lambda run: run.is_active(), lambda run: states[run.name] == "finished", lambda run: True):
        if chosen := next(filter(matters, own), None):
            return summarise(chosen)
    return None


@caching.cached(max_entries=4096, show_spinner=False)
def _dataset_of(folder: Path) -> Path | None:
    """The dataset of a run, which never changes; None where the run's settings are damaged."""
    with suppress(AudiotagError):
        return Path(Run(folder).settings().dataset)
    return None


def ensemble_of(workspace: Workspace, dataset: Dataset) -> str:
    """The newest of the user's ensembles that was trained on these clips and labels; empty without one."""
    own = {
        name: folder for name, folder in workspace.ensemble_folders().items() if folder.parent == workspace.ensembles
    }
    if not own:
        return ""
    fingerprint = _fingerprint(dataset, dataset_cache.dataset_key(dataset.root))
    for name, folder in own.items():
        with suppress(AudiotagError):
            if ensemble_cache.load_card(folder).dataset.get("fingerprint") == fingerprint:
                return name
    return ""


@caching.cached(max_entries=8, show_spinner=False)
def _fingerprint(_dataset: Dataset, stamp: str) -> str:
    return _dataset.fingerprint
