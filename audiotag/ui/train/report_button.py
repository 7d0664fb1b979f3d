"""The button that downloads the report of a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from audiotag.cli.command_lines import train_again
from audiotag.errors import AudiotagError
from audiotag.training.begun import read_corrections, read_list_changes
from audiotag.training.run_tables import Events, clips_per_label
from audiotag.training.runs import Run
from audiotag.ui import dataset_cache
from audiotag.workspace import Workspace


def show_report_button(run: Run) -> None:
    """A button that downloads the report as one HTML file, once an epoch is trained; a click makes the file."""
    if any(event["event"] == "epoch" for event in run.events()):
        st.download_button(
            "Report",
            partial(_report, run),
            file_name=f"{run.name}.html",
            mime="text/html",
            icon=":material/download:",
            key="report",
            on_click="ignore",
            help="One HTML file with curves, figures, settings and the command that trains the run again; it opens "
            "without a network. The command `audiotag report` writes it, too.",
        )


def count_clips(run: Run, events: Events) -> pd.Series | None:
    """Number of clips of each label in the run's last stage; None where its dataset is missing."""
    try:
        dataset = dataset_cache.load_dataset(Path(run.settings().dataset))
        return clips_per_label(events, dataset, read_corrections(run), read_list_changes(run))
    except AudiotagError:
        return None


def _report(run: Run) -> bytes:
    from audiotag.figures.run_report import RunFacts, run_report

    settings = run.settings()
    command, recipe_file = train_again(settings, Workspace())
    facts = RunFacts(run, settings, command, recipe_file, count_clips(run, run.events()))
    return run_report(facts).encode(errors="backslashreplace")
