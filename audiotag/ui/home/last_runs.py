"""The last runs, each a link to its place on the Train page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from audiotag.training.runs import Run
from audiotag.ui.home.run_summary import RunSummary, describe_progress, summarise
from audiotag.ui.text import Markdown, escape
from audiotag.ui.train import open_run
from audiotag.ui.train.run_tables import STATE_ICONS

MAX_RUNS = 5


def runs_to_show(runs: Sequence[Run]) -> list[Run]:
    """The newest runs, and older ones that still train, newest first."""
    return [run for number, run in enumerate(runs) if number < MAX_RUNS or run.is_active()]


def show_last_runs(runs: Sequence[Run]) -> None:
    """One card per run: its name, which opens it, what `describe_run` says, and a bar while it trains."""
    if not runs:
        return
    open_run.follow_address()  # a card opens its run on the Train page, whatever was chosen there before
    st.header("Last runs", anchor=False)
    with st.container(key="last-runs", gap="xsmall"):
        for number, run in enumerate(map(summarise, runs)):
            with st.container(border=True, key=f"run-card-{number}", gap="xsmall"):
                _show_run(run)


def _show_run(run: RunSummary) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.page_link("pages/train.py", label=escape(run.name), query_params={"run": run.name})
        st.markdown(describe_run(run), width="content")
    if run.is_active:
        st.progress(run.share or 0.0, describe_progress(run))


def describe_run(run: RunSummary) -> Markdown:
    """State, dataset, recipe, finished folds and lwlrap in a line.

    >>> describe_run(RunSummary("r", "finished", None, "Quick", 5, 5, 0.823))
    '✓ finished · Quick · 5 of 5 folds · lwlrap **0.8230**'
    """
    parts = [Markdown(f"{STATE_ICONS[run.state]} {escape(run.state)}")]
    if run.problem:
        parts.append(escape(run.problem))
    if run.dataset:
        parts.append(escape(run.dataset.name))
    if run.recipe:
        parts.append(escape(run.recipe))
    if run.folds or run.folds_done:
        parts.append(run.counted_folds)
    if run.lwlrap is not None:
        parts.append(Markdown(f"lwlrap **{run.lwlrap:.4f}**"))
    return Markdown(" · ".join(parts))
