"""Measure the clips of a dataset: begin by itself where there are few, show the progress, and stop."""

from __future__ import annotations

from contextlib import suppress

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.inspection.measurement_job import MeasurementJob, is_small
from audiotag.ui import cache
from audiotag.ui.widgets import messages
from audiotag.wording import format_duration

WATCHED = "measuring"  # in the session: a process was running when the page was drawn


def start_by_itself(dataset: Dataset, clips: pd.DataFrame) -> None:
    """Begin to measure a small dataset that nobody began to measure before; never again after it was stopped.

    Parameters
    ----------
    dataset : Dataset
    clips : pandas.DataFrame
        Its clips, or its index.
    """
    job = cache.measurement_job(dataset)
    if is_small(clips) and not job.was_started() and has_sounds(dataset):
        with suppress(AudiotagError, OSError):  # the button that starts it says what is wrong
            job.start()


def has_sounds(dataset: Dataset) -> bool:
    """Whether there is anything to measure."""
    return any(cache.has_sounds(dataset, subset) for subset in dataset.subsets)


def is_running(dataset: Dataset) -> bool:
    """Whether a process is measuring the dataset."""
    return cache.measurement_job(dataset).is_active()


def show_progress(dataset: Dataset, clips: int) -> bool:
    """The progress of the process that measures, with a button that stops it; returns whether one is running.

    The page runs again when the process ends.

    Parameters
    ----------
    dataset : Dataset
    clips : int
        How many clips the dataset has, for as long as nothing is measured.
    """
    job = cache.measurement_job(dataset)
    if not job.is_active():
        if st.session_state.pop(WATCHED, False):
            st.rerun()
        return False

    @st.fragment(run_every=1)
    def watch() -> None:
        if not job.is_active():
            st.rerun()
        st.session_state[WATCHED] = True
        progress = job.progress()
        done, total = (progress["done"], progress["total"]) if progress else (0, clips)
        left = f" · {format_duration(progress['left_s'])} left" if progress else ""
        with st.container(horizontal=True, vertical_alignment="center"):
            text = f"Measuring {done:,} of {total:,} clips{left}"
            st.progress(min(1.0, done / max(1, total)), text, width="stretch")
            st.button("Stop", icon=":material/stop:", key="stop-measuring", on_click=_stop, args=(job,))

    watch()
    return True


def _stop(job: MeasurementJob) -> None:
    with messages.show_errors():
        job.stop()
