"""The vectors of a dataset's clips by the chosen ensemble, for pages: read, start the job, show its progress."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.inspection.measurement_job import is_small
from audiotag.ui import dataset_cache, ensemble_cache
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import measurement, messages
from audiotag.ui.widgets.job_progress import show_job_progress
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.similarity.embedding_job import EmbeddingJob, Embeddings


def embedding_job(dataset: Dataset, ensemble: Path) -> EmbeddingJob:
    """The job that embeds the clips of a dataset by the ensemble in a folder; nothing is started."""
    from audiotag.similarity.embedding_job import EmbeddingJob

    return EmbeddingJob.of(dataset, ensemble, ensemble_cache.load_card(ensemble), Workspace())


def load_embeddings(dataset: Dataset, ensemble: Path) -> Embeddings:
    """The vectors so far; shared between sessions, so nobody may change them."""
    job = embedding_job(dataset, ensemble)
    return _embeddings(job.folder, f"{dataset_cache.dataset_key(dataset.root)} {job.stamp()}", job, dataset)


def show_embeddings(dataset: Dataset, ensemble: Path, key: str) -> Embeddings | None:
    """The vectors, once all clips have one; until then what starts the job, or its progress.

    The job begins by itself for a small dataset. The page runs again when it ends.

    Parameters
    ----------
    dataset : Dataset
    ensemble : Path
        Folder of the ensemble.
    key : str
        Distinguishes the widgets of this place from those of others on the page.

    Returns
    -------
    Embeddings or None
        None as long as clips are missing.
    """
    job = embedding_job(dataset, ensemble)
    beginning = Markdown("Loading the ensemble …")
    if show_job_progress(job, f"embedding-{key}", beginning, len(dataset.clips)):
        return None
    found = load_embeddings(dataset, ensemble)
    if found.is_complete:
        return found
    if failure := job.failure():
        st.error(escape(failure), icon=":material/error:")
    was_started = (job.folder / "process.json").exists()
    if is_small(dataset.clips) and not was_started and measurement.has_sounds(dataset):
        _start(job)
    clips = "1 clip has" if found.missing == 1 else f"{found.missing:,} clips have"
    st.info(
        f"{clips} no embedding by {escape(ensemble.name)} yet. Embedding takes as long as tagging, once, and goes "
        "on after you leave this page.",
        icon=":material/hub:",
    )
    if st.button("Embed the clips", icon=":material/play_arrow:", type="primary", key=f"embed-{key}"):
        _start(job)
    return None


def _start(job: EmbeddingJob) -> None:
    with messages.show_errors():
        job.start()
        st.rerun()


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={type(Path()): os.fsencode})
def _embeddings(folder: Path, stamp: str, _job: EmbeddingJob, _dataset: Dataset) -> Embeddings:
    return _job.read(_dataset, Workspace())
