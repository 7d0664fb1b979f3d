"""Measure before a run is started: how long it will take, and which learning rate suits it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.figures import training as figures
from audiotag.training.folds import available_folds, with_fold_source
from audiotag.training.runs import RunSettings, list_runs
from audiotag.training.stage import Stage
from audiotag.ui.text import escape
from audiotag.ui.train.preparing_bar import show_preparing
from audiotag.ui.train.run_setup import EPOCHS, LEARNING_RATE, RECIPE
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.charts import show_chart
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
            help=reason or "Trains some batches at rising rates. Suggests the one at which the loss falls steepest.",
        ):
            _start(estimate, rates=True)

    @st.fragment(run_every=1 if active else None)
    def watch() -> None:
        """Run the page again once the measurement has ended."""
        if estimate.is_active() != active:
            st.rerun()
        if active:
            show_preparing(estimate.preparing(), "Starting the measurement …")

    watch()
    if active:
        return
    if problem := estimate.problem():
        st.error(escape(problem), icon=":material/error:")
    if result := estimate.result():
        _show_result(result, settings, dataset)


def describe_estimate(result: dict, folds: int, stages: Sequence[Stage]) -> str:
    """The measured training time as a sentence; the parts of several stages, and packing for a GPU, add up to it.

    >>> from audiotag.training.recipe_files import load_recipe
    >>> result = {"total_s": 720.0, "batch_s": [0.13], "stage_s": [720.0], "memory_gib": None}
    >>> describe_estimate(result, 5, load_recipe("quick").stages[:1])
    'About 12 min for 5 folds: 4 epochs on noisy clips, 0.13 s per batch'
    >>> describe_estimate(result | {"packing_s": 300.0}, 5, load_recipe("quick").stages[:1])
    'About 12 min for 5 folds: packing the waveforms once, 5 min; then 4 epochs on noisy clips, 0.13 s per batch'
    >>> describe_estimate(result, 5, load_recipe("default").stages[-1:])
    'About 12 min for 5 folds: 20 epochs on curated clips without crop and overlay, 0.13 s per batch'
    """
    parts_s = result.get("stage_s", [])
    if len(parts_s) != len(stages) or len(stages) < 2:
        parts_s = [None] * len(stages)
    parts = [
        f"{stage.describe_epochs()} on {stage.describe_clips()} clips"
        + (f" {stage.describe_without()}" if stage.without else "")
        + f", {batch_s:.2g} s per batch"
        + ("" if part_s is None else f", {format_duration(part_s)}")
        for stage, batch_s, part_s in zip(stages, result["batch_s"], parts_s, strict=False)
    ]
    if result.get("packing_s"):
        parts.insert(0, f"packing the waveforms once, {format_duration(result['packing_s'])}")
    memory = "" if result["memory_gib"] is None else f"; {result['memory_gib']:.1f} GiB of memory"
    about = "At most about" if any(stage.stop_after for stage in stages) else "About"
    total = f"{about} {format_duration(result['total_s'])} for {folds} {'fold' if folds == 1 else 'folds'}"
    return f"{total}: {'; then '.join(parts)}{memory}"


def _start(estimate: Estimate, rates: bool) -> None:
    with messages.show_errors():
        estimate.start(rates=rates)
        st.rerun()


def _show_result(result: dict, settings: RunSettings, dataset: Dataset) -> None:
    from audiotag.training.devices import check_device
    from audiotag.training.estimate import describe_cost
    from audiotag.training.shorter_runs import describe_shorter

    recipe = settings.recipe
    own = with_fold_source(dataset, settings.folds_from)
    folds = len(settings.folds or available_folds(own, recipe, settings.held_out))
    stages = [stage for stage in recipe.stages if stage.subset in dataset.subsets]
    st.caption(f":material/timer: {escape(describe_estimate(result, folds, stages))}")
    if cost := describe_cost(result):
        st.caption(f":material/calculate: {escape(cost)}.")
    on_cpu = check_device(settings.device)[0] == "cpu"
    if advice := describe_shorter(result, recipe.name, on_cpu):
        st.warning(escape(advice), icon=":material/hourglass_bottom:")
        _offer_shorter(result.get("shorter", {}), on_cpu)
    if not result["rates"]:
        return
    suggested, used = result["suggested_lr"], result["lr"]
    show_chart(
        figures.learning_rates(result["rates"], result["losses"], suggested, used),
        key="rates",
        alt="Loss against learning rate, with the suggested rate and the one that is set",
    )
    if suggested:
        st.caption(
            f"The loss falls steepest at a learning rate of {suggested:.2g}. The main stage goes up to {used:.2g}."
        )
        st.button(
            f"Use {suggested:.2g}",
            icon=":material/check:",
            key="use-rate",
            on_click=_use,
            args=({LEARNING_RATE: f"{suggested:.2g}"},),
            disabled=f"{suggested:.2g}" == f"{used:.2g}",
            help="Sets the field of the learning rate.",
        )
    else:
        st.caption("The loss did not fall at any learning rate. The recipe may not suit these clips.")
    show_table(pd.DataFrame({"learning rate": result["rates"], "loss": result["losses"]}), "learning-rates")


def _offer_shorter(shorter: dict, on_cpu: bool) -> None:
    """Buttons that choose what takes less time."""
    from audiotag.training.shorter_runs import FOR_GPU  # only this page needs it

    with st.container(horizontal=True, gap="xsmall"):
        if epochs := ",".join(map(str, shorter.get("epochs", ()))):
            st.button(
                f"Use epochs {escape(epochs)}",
                key="use-epochs",
                on_click=_use,
                args=({EPOCHS: epochs},),
                help="Sets the field of the epochs.",
            )
        for other in shorter.get("others", ()):
            if other["recipe"] != FOR_GPU or not on_cpu:
                st.button(
                    f"Use recipe {escape(other['recipe'])}",
                    key=f"use-recipe-{other['recipe']}",
                    on_click=_use,
                    args=({RECIPE: other["recipe"], EPOCHS: "", LEARNING_RATE: ""},),  # they were of the one before
                    help="Chooses this recipe above.",
                )


def _use(values: dict[str, str]) -> None:
    """Put values into the widgets with these keys."""
    st.session_state.update(values)
