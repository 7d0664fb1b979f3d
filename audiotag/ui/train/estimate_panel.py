"""Measure before a run is started: how long it will take, and which learning rate suits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.figures import training as figures
from audiotag.figures.theme import CONFIG
from audiotag.training.folds import available_folds, with_fold_source
from audiotag.training.recipe import Recipe
from audiotag.training.runs import RunSettings, list_runs
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.downloads import show_table
from audiotag.wording import format_duration
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.training.estimate import Estimate


def show_estimate(settings: RunSettings, dataset: Dataset, workspace: Workspace) -> None:
    """Two buttons that start a measurement, its progress, and its result."""
    from audiotag.training.estimate import Estimate  # only this page needs it

    estimate = Estimate.of(settings, workspace)
    active = estimate.is_active()
    busy = "" if active else next((run.name for run in list_runs(workspace) if run.is_active()), "")
    reason = f"Wait until {escape(busy)} has ended: the two would slow each other down." if busy else ""
    with st.container(horizontal=True, gap="xxsmall"):
        if st.button(
            "Estimate the training time",
            icon=":material/timer:",
            key="measure-time",
            type="tertiary",
            disabled=active or bool(busy),
            help=reason or "Trains a few batches of each stage and extrapolates. Their results are discarded.",
        ):
            _start(estimate, rates=False)
        if st.button(
            "Find the learning rate",
            icon=":material/trending_down:",
            key="find-rate",
            type="tertiary",
            disabled=active or bool(busy),
            help=reason or "Trains some batches at rising rates. The rate at which the loss falls fastest is best.",
        ):
            _start(estimate, rates=True)

    @st.fragment(run_every=1 if active else None)
    def watch() -> None:
        """Run the page again once the measurement has ended."""
        if estimate.is_active() != active:
            st.rerun()
        if active:
            st.caption(":material/hourglass_top: Measuring a few batches …")

    watch()
    if active:
        return
    if problem := estimate.problem():
        st.error(escape(problem), icon=":material/error:")
    if result := estimate.result():
        _show_result(result, settings, dataset)


def describe_estimate(result: dict, folds: int, epochs: int) -> str:
    """The measured training time as a sentence.

    >>> describe_estimate({"total_s": 720.0, "batch_s": [0.13], "memory_gib": None}, 5, 24)
    'About 12 min: 0.13 s per batch, 5 folds of 24 epochs'
    """
    seconds_per_batch = list(dict.fromkeys(f"{seconds:.2g}" for seconds in result["batch_s"]))
    memory = "" if result["memory_gib"] is None else f", {result['memory_gib']:.1f} GiB of memory"
    total = f"{folds} {'fold' if folds == 1 else 'folds'} of {epochs} {'epoch' if epochs == 1 else 'epochs'}"
    return f"About {format_duration(result['total_s'])}: {' and '.join(seconds_per_batch)} s per batch, {total}{memory}"


def _start(estimate: Estimate, rates: bool) -> None:
    with messages.show_errors():
        estimate.start(rates=rates)
        st.rerun()


def _show_result(result: dict, settings: RunSettings, dataset: Dataset) -> None:
    recipe = settings.recipe
    own = with_fold_source(dataset, settings.folds_from)
    folds = len(settings.folds or available_folds(own, recipe, settings.held_out))
    st.caption(f":material/timer: {escape(describe_estimate(result, folds, _total_epochs(recipe, dataset)))}")
    if not result["rates"]:
        return
    st.plotly_chart(
        figures.learning_rates(result["rates"], result["losses"], result["suggested_lr"], result["lr"]),
        key="rates",
        config=CONFIG,
        alt="Loss against learning rate, with the suggested rate and the recipe's",
    )
    st.caption(
        f"Suggested: {result['suggested_lr']:.2g}. The last stage of the recipe goes up to {result['lr']:.2g}."
        if result["suggested_lr"]
        else "The loss did not fall at any learning rate. The recipe may not suit these clips."
    )
    show_table(pd.DataFrame({"learning rate": result["rates"], "loss": result["losses"]}), "learning-rates")


def _total_epochs(recipe: Recipe, dataset: Dataset) -> int:
    return sum(stage.epochs for stage in recipe.stages if stage.subset in dataset.subsets)
