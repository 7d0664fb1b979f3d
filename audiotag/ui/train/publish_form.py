"""Publish the finished folds of a run as an ensemble: its name, and which weights it gets."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import streamlit as st

from audiotag.cli.command_lines import publish_line
from audiotag.errors import AudiotagError
from audiotag.training.recipe import Recipe
from audiotag.training.run_summary import spread_text
from audiotag.training.runs import Run
from audiotag.training.weights_choice import TITLES, WeightsChoice, fold_results, optimism, why_not_best
from audiotag.ui.text import escape, escape_all
from audiotag.ui.trust import noise_gate
from audiotag.ui.widgets import messages
from audiotag.workspace import Workspace


def show_publish_form(run: Run, folds: list[int], workspace: Workspace) -> None:
    """Weights, name and button that make an ensemble of the finished folds."""
    st.subheader("Publish")
    with st.container(border=True, key="publish"):
        numbers = escape_all(folds)
        st.markdown(
            f"Makes an ensemble of fold{'' if len(folds) == 1 else 's'} {numbers} that the Tag page and "
            "`audiotag tag` can use."
        )
        recipe = _recipe_of(run)
        usual: WeightsChoice = recipe.weights if recipe else "last"
        weights = _pick_weights(run, usual, recipe)
        name = st.text_input("Name", value=_free_name(run, workspace), key=f"publish-name-{run.name}")
        if st.button("Publish", icon=":material/publish:", key="publish-run", type="primary"):
            from audiotag.training.publish import publish  # it loads torch

            with messages.show_errors(), st.spinner("Publishing …"):
                folder = publish(run, name or "", workspace.ensembles, weights=weights)
                noise_gate.start_after_publishing(folder, Path(run.settings().dataset), workspace)
                st.toast(f"{escape(name)} is now the chosen ensemble.", icon=":material/check:")
                messages.select_in_sidebar("ensemble", name)
        st.caption("The same as a command:")
        st.code(
            publish_line(run.name, name or "NAME", "" if weights == usual else weights),
            language="bash",
            wrap_lines=True,
        )
    noise_gate.show_running(workspace)


def results_table(run: Run) -> pd.DataFrame:
    """What the folds were measured at with each choice of weights: one row per choice, one column per fold."""
    events, rows = run.events(), []
    for weights, title in TITLES.items():
        results = fold_results(events, weights)
        if results:
            mean = spread_text([result["lwlrap"] for result in results.values()])
            by_fold = {f"fold {fold}": f"{result['lwlrap']:.4f} ({result['step']})" for fold, result in results.items()}
            rows.append({"weights": title, "mean lwlrap": mean, **by_fold})
    return pd.DataFrame(rows)


def _recipe_of(run: Run) -> Recipe | None:
    """The run's recipe; None where its settings are damaged."""
    try:
        return run.settings().recipe
    except AudiotagError:
        return None


def _pick_weights(run: Run, usual: WeightsChoice, recipe: Recipe | None) -> WeightsChoice:
    """Which weights are published, by default the ``usual`` ones; the last ones where no others are stored."""
    if reason := why_not_best(run):
        st.caption(f":material/info: {escape(reason)}")
        return "last"
    weights = st.segmented_control(
        "Weights",
        list(TITLES),
        format_func=lambda choice: TITLES[choice],
        default=usual,
        key="weights",
        required=True,
        bind="query-params",
        help="The out-of-fold scores and thresholds of the ensemble are those of the weights that are chosen.",
    )
    st.dataframe(results_table(run), hide_index=True, height="content", alt="lwlrap of the folds with each weights")
    st.caption(f"In brackets the number of the epoch. {escape(optimism(recipe))}")
    return weights


def _free_name(run: Run, workspace: Workspace) -> str:
    """A valid name for the ensemble that no other ensemble has."""
    try:
        settings = run.settings()
    except AudiotagError:
        return ""
    name = re.sub(r"[^\w-]+", "-", f"{Path(settings.dataset).stem}-{settings.recipe.name}")[:50]
    taken = workspace.ensemble_folders()
    return next(n for n in (name, *(f"{name}-{number}" for number in range(2, 1000))) if n not in taken)
