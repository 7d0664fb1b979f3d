"""Start the search for near-duplicates, and say what the last one found, on the Problems tab of the Dataset page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.near_duplicates import NearDuplicateSearch, connect, read_near_duplicates, read_search
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import measurement, messages
from audiotag.ui.widgets.job_progress import show_job_progress
from audiotag.workspace import Workspace

HELP = (
    "Finds clips that are the same recording, cut, resampled, re-encoded or at another level. Clips that the ensemble "
    "hears as similar are compared. The search goes on after you leave this page."
)


def show_near_duplicate_search(dataset: Dataset, ensemble: Path | None) -> None:
    """The button that starts the search, its progress, and what the last search found.

    Parameters
    ----------
    dataset : Dataset
    ensemble : Path or None
        Folder of the ensemble whose embeddings are used; without one there is nothing to show.
    """
    if ensemble is None or not measurement.has_sounds(dataset):
        return
    from audiotag.similarity.near_duplicate_job import NearDuplicateJob

    job = NearDuplicateJob.of(dataset, ensemble, Workspace())
    if show_job_progress(job, "near-duplicates", Markdown("Loading the ensemble …"), len(dataset.clips)):
        return
    if failure := job.failure():
        st.error(escape(failure), icon=":material/error:")
    search = read_search(dataset, Workspace())
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Look for near-duplicates" if search is None else "Look for near-duplicates again",
            icon=":material/join_inner:",
            key="look-for-near-duplicates",
            help=HELP,
        )
        if search is not None:
            st.caption(_describe(dataset, search))
    if pressed:
        with messages.show_errors():
            job.start()
            st.rerun()


def _describe(dataset: Dataset, search: NearDuplicateSearch) -> Markdown:
    """What the last search found that still holds."""
    groups = connect(dataset.clips, read_near_duplicates(dataset, Workspace()))
    clips, recordings = int(groups.notna().sum()), int(groups.nunique())
    among = f"among {search.compared:,} clips that were compared"
    if clips:
        of = "1 recording" if recordings == 1 else f"{recordings:,} recordings"
        found = f"{clips:,} near-duplicates, of {of}, {among}."
    else:
        found = f"No near-duplicates {among}."
    if problems := len(search.problems):
        found += f" {'1 clip' if problems == 1 else f'{problems:,} clips'} could not be read."
    return escape(found)
