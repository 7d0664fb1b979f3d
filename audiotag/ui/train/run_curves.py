"""The curves of a run: lwlrap, losses and learning rate by epoch; other runs beside it, and their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.figures import comparison as comparison_figures
from audiotag.figures import training as figures
from audiotag.training.parts import part_name
from audiotag.training.recipe import Recipe
from audiotag.training.run_differences import differing_fields
from audiotag.training.run_notes import display_name, display_names
from audiotag.training.run_progress import epochs_done
from audiotag.training.run_tables import Events, epoch_table, rate_table
from audiotag.training.runs import Run
from audiotag.ui.text import Markdown, escape
from audiotag.ui.train.comparison_panel import show_comparisons
from audiotag.ui.train.run_actions import MAX_COMPARED_RUNS
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_downloads, show_table

HELD_OUT_NOTE = (
    "lwlrap on held-out clips. In the 2019 competition, cross-validation on curated clips was 0.1 higher than the "
    "score on the test set."
)
AUGMENTED_HELD_OUT_NOTE = (
    "This recipe measures epochs on held-out clips that are cropped at random and masked. Finished folds are measured "
    "without that, so their lwlrap differs from the end of the curve."
)
FOLDS, MEANS = Markdown("Folds"), Markdown("Mean of folds")

# Streamlit draws a chart again when its figure changes, and Plotly's ``uirevision`` does not survive that. This script
# restores what the user changed in the curves: the zoom, and folds that were hidden in the legend.
RESTORE_VIEW_SCRIPT = """<script>
if (!window.audiotagSavedViews) {
  const savedViews = window.audiotagSavedViews = {};
  const follow = plot => {
    if (plot.audiotagFollowed || !plot.on || !plot.layout) return;
    plot.audiotagFollowed = true;
    const label = plot.closest(".stPlotlyChart")?.getAttribute("aria-label");
    const savedView = () => savedViews[label + plot.layout.uirevision] ??= {};
    const {zoom, hidden} = savedView();
    if (hidden) plot.data.forEach((trace, at) => {
      if (hidden.includes(trace.name)) window.Plotly.restyle(plot, {visible: "legendonly"}, [at]);
    });
    if (zoom) window.Plotly.relayout(plot, {...zoom});
    plot.on("plotly_relayout", change => {
      const {xaxis, yaxis} = plot._fullLayout;
      const whole = [xaxis, yaxis].every(
        axis => axis.range[0] === axis._rangeInitial0 && axis.range[1] === axis._rangeInitial1);
      if (Object.keys(change).some(name => name.includes("axis")))
        savedView().zoom = whole ? null : {"xaxis.range": [...xaxis.range], "yaxis.range": [...yaxis.range]};
    });
    plot.on("plotly_restyle", () => {
      savedView().hidden = plot.data.filter(trace => trace.visible === "legendonly").map(trace => trace.name);
    });
  };
  new MutationObserver(() => document
    .querySelectorAll(".st-key-lwlrap .js-plotly-plot, .st-key-losses-and-rates .js-plotly-plot").forEach(follow)
  ).observe(document.body, {childList: true, subtree: true});
}
</script>"""


def keep_zoom() -> None:
    """Keep the zoom of the curves while they grow; call it outside of the fragment that is drawn each second."""
    st.html(RESTORE_VIEW_SCRIPT, unsafe_allow_javascript=True)


def show_curves(run: Run, events: Events, stages: Events, others: Mapping[str, Run], recipe: Recipe | None) -> None:
    """Curves of a run, and the comparison with those of ``others`` that are chosen."""
    epochs = epochs_done(events)
    st.subheader("Curves")
    chosen, smooth, by = _pick_curves(others)
    compared = {name: done for name in chosen if (done := epochs_done(others[name].events()))}
    names = display_names([run, *(others[name] for name in compared)])
    beside = {names[name]: done for name, done in compared.items()}
    if by == MEANS and compared:
        together = {names[run.name]: epochs, **beside}
        figure = comparison_figures.lwlrap_of_runs(together, stages, smooth, run.name)
        alt = "lwlrap by epoch, one line per run with a band from its lowest to its highest fold"
    else:
        figure = figures.lwlrap(epochs, stages, smooth, beside, run.name)
        alt = "lwlrap by epoch, one line per fold"
    show_chart(figure, key="lwlrap", alt=alt)
    for name in chosen:
        if name not in compared:
            st.caption(f"{escape(display_name(others[name]))} has no finished epoch yet.")
    st.caption(HELD_OUT_NOTE)
    if recipe and recipe.augment_held_out:
        st.caption(AUGMENTED_HELD_OUT_NOTE)
    _show_losses_and_rates(run, epochs, stages, recipe)
    show_table(epoch_table(events), f"{run.name}-epochs")
    show_table(rate_table(events), f"{run.name}-rates", Markdown("Learning rates as a table"))
    if compared:
        _show_settings(run, [run, *(others[name] for name in compared)], names)
    show_comparisons(run, {name: others[name] for name in compared})


def _pick_curves(others: Mapping[str, Run]) -> tuple[list[str], bool, Any]:
    """The names of the runs to compare with, whether to smooth, and what the lines are."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        smooth = st.toggle(
            "Smooth",
            key="smooth",
            bind="query-params",
            help="Draws a moving average over the epochs. The measured points stay in the background.",
        )
        chosen = st.multiselect(
            "Compare with",
            list(others),
            key="compare",
            bind="query-params",
            max_selections=MAX_COMPARED_RUNS,
            select_all=False,
            placeholder="Compare with other runs",
            label_visibility="collapsed",
            disabled=not others,
            help="Each run is drawn as the mean of its folds, and compared on held-out clips below.",
        )
        chosen = [name for name in chosen if name in others]
        by = FOLDS
        if chosen:
            by = st.segmented_control(
                "Lines",
                [FOLDS, MEANS],
                default=FOLDS,
                key="lines",
                required=True,
                bind="query-params",
                help="The folds of this run, or one line per run with a band from its lowest to its highest fold.",
            )
    return chosen, bool(smooth), by


def _show_losses_and_rates(run: Run, epochs: Events, stages: Events, recipe: Recipe | None) -> None:
    with st.container(key="losses-and-rates"):
        left, right = st.columns(2)
    with left:
        show_chart(
            figures.losses(epochs, stages, run.name, part_name(recipe.loss) if recipe else "bce"),
            key="losses",
            alt="Training and validation loss by epoch, one pair per fold",
        )
    with right:
        show_chart(
            figures.schedule(epochs, stages, run.name),
            key="schedule",
            alt="Learning rate in the course of the epochs, one line per fold",
        )


def _show_settings(run: Run, runs: Sequence[Run], names: Mapping[str, str]) -> None:
    """The settings in which the runs differ, side by side."""
    st.subheader("Settings that differ")
    settings = {}
    for each in runs:
        try:
            settings[names[each.name]] = each.settings()
        except AudiotagError as error:
            st.caption(f":material/warning: {escape(error)}")
    table = differing_fields(settings)
    if table.empty:
        st.caption("The runs have the same settings.")
        return
    st.dataframe(table, hide_index=True, height="content", alt="Settings in which the runs differ")
    show_downloads(table, f"{run.name}-settings-compared")
