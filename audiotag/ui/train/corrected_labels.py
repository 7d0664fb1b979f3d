"""Choose whether a run uses labels as reviewers corrected them, and show which ones a run used."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from audiotag.data.corrections import Correction
from audiotag.data.dataset import Dataset
from audiotag.training.begun import read_corrections
from audiotag.training.runs import Run, RunSettings
from audiotag.training.session import Session
from audiotag.ui import run_cache, verdict_cache
from audiotag.ui.widgets.downloads import show_downloads


def pick_corrected(dataset: Dataset) -> bool | None:
    """Whether to use the corrected labels; the widget appears only where there are verdicts, else it is None."""
    if not verdict_cache.has_verdicts(dataset.root):
        return None
    corrected = st.toggle(
        "Use corrections",
        value=True,
        key="corrections",
        bind="query-params",
        help="Trains on the labels as reviewers corrected them. The folds stay the same, so that runs with and without "
        "corrections can be compared.",
    )
    corrections = verdict_cache.find_corrections(dataset)
    if corrections:
        added = sum(len(set(correction.after) - set(correction.before)) for correction in corrections)
        removed = sum(len(set(correction.before) - set(correction.after)) for correction in corrections)
        clips = "1 clip" if len(corrections) == 1 else f"{len(corrections):,} clips"
        st.caption(f"Reviewers corrected {clips}: {added:,} labels added, {removed:,} removed.")
    else:
        st.caption("The verdicts so far change no label.")
    return bool(corrected)


def open_session(dataset: Dataset, settings: RunSettings) -> Session:
    """The session of a run that is not started yet, with the corrected labels and list changes that are in memory."""
    corrections = verdict_cache.find_corrections(dataset) if settings.corrected else []
    return Session(dataset, settings, corrections=corrections, lists=run_cache.list_changes(dataset, settings))


def show_used_corrections(run: Run) -> None:
    """The corrected labels that a run was trained on, as they were when it began."""
    if corrections := read_corrections(run):
        clips = "1 corrected clip" if len(corrections) == 1 else f"{len(corrections):,} corrected clips"
        with st.expander(f"Trained on the labels of {clips}", icon=":material/rule:", key="corrections-used"):
            table = correction_table(corrections)
            st.dataframe(table, hide_index=True, height="content" if len(table) <= 10 else 420, alt="Corrected labels")
            show_downloads(table, f"{run.name}-corrections")


def correction_table(corrections: list[Correction]) -> pd.DataFrame:
    """One row per corrected clip, with its labels in the tables and as they were corrected."""
    rows = [
        (correction.subset, correction.clip, ", ".join(correction.before), ", ".join(correction.after))
        for correction in corrections
    ]
    return pd.DataFrame(rows, columns=["subset", "clip", "in the tables", "corrected"])
