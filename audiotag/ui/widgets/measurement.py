"""Measure the clips of a dataset: begin by itself where there are few, show the progress, and stop."""

from __future__ import annotations

from contextlib import suppress

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.inspection.measurement_job import is_small
from audiotag.ui import dataset_cache
from audiotag.ui.text import Markdown
from audiotag.ui.widgets.job_progress import show_job_progress


def start_by_itself(dataset: Dataset, clips: pd.DataFrame) -> None:
    """Begin to measure a small dataset that nobody began to measure before; never again after it was stopped.

    Parameters
    ----------
    dataset : Dataset
    clips : pandas.DataFrame
        Its clips, or its index.
    """
    job = dataset_cache.measurement_job(dataset)
    if is_small(clips) and not job.was_started() and has_sounds(dataset):
        with suppress(AudiotagError, OSError):  # the button that starts it says what is wrong
            job.start()


def has_sounds(dataset: Dataset) -> bool:
    """Whether there is anything to measure."""
    return any(dataset_cache.has_sounds(dataset, subset) for subset in dataset.subsets)


def show_progress(dataset: Dataset, clips: int) -> bool:
    """The progress of the process that measures, with a button that stops it; returns whether one is running.

    The page runs again when the process ends.

    Parameters
    ----------
    dataset : Dataset
    clips : int
        How many clips the dataset has.
    """
    beginning = Markdown(f"Measuring {clips:,} clips: levels, spectra, copies …")
    return show_job_progress(dataset_cache.measurement_job(dataset), "measuring", beginning, clips)
