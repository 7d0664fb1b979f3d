"""Show runs: a table of several runs; the curves and the tables of folds, epochs and labels of one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.figures import training as figures
from audiotag.figures.training import fold_name
from audiotag.training.recipe import Recipe
from audiotag.training.run_progress import epochs_done, fold_rows, plan_of, work_left
from audiotag.training.runs import ACTIVE, SHARED_FOLD, Run, State
from audiotag.ui import cache
from audiotag.ui.text import escape
from audiotag.ui.train.comparison_panel import show_comparisons
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_downloads, show_table
from audiotag.wording import format_duration

STATE_ICONS = {
    "starting": "◌",
    "queued": "◷",
    "running": "▶",
    "stopping": "◼",
    "finished": "✓",
    "stopped": "◼",
    "failed": "✕",
    "interrupted": "⚠",
}
Events = list[dict[str, Any]]
MAX_COMPARED_RUNS = 4
HELD_OUT_NOTE = (
    "lwlrap on held-out clips. In the 2019 competition, cross-validation on curated clips was 0.1 higher than the "
    "score on the test set."
)
AUGMENTED_HELD_OUT_NOTE = (
    "This recipe measures epochs on held-out clips that are cropped at random and masked. Finished folds are measured "
    "without that, so their lwlrap differs from the end of the curve."
)


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
    .querySelectorAll(".st-key-lwlrap .js-plotly-plot, .st-key-losses .js-plotly-plot").forEach(follow)
  ).observe(document.body, {childList: true, subtree: true});
}
</script>"""


def show_runs_table(runs: list[Run]) -> None:
    """A table with one row per run: state, dataset, recipe, finished folds, mean lwlrap."""
    rows = []
    for run in runs:
        finished = [event["lwlrap"] for event in run.events() if event["event"] == "fold-finished"]
        row = {"run": run.name, "state": f"{STATE_ICONS[run.state()]} {run.state()}", "folds done": len(finished)}
        try:
            settings = run.settings()
        except AudiotagError as error:  # a damaged run stays in the table, with the reason
            row["dataset"] = str(error)
        else:
            row |= {"dataset": Path(settings.dataset).name, "recipe": settings.recipe.title}
        rows.append(row | {"mean lwlrap": sum(finished) / len(finished) if finished else None})
    st.dataframe(
        pd.DataFrame(rows, columns=["run", "state", "dataset", "recipe", "folds done", "mean lwlrap"]),
        hide_index=True,
        placeholder="",
        column_config={"mean lwlrap": st.column_config.NumberColumn(format="%.4f")},
        alt="The last training runs with their state and mean lwlrap",
    )


def fold_table(events: Events, active: bool, in_training: Sequence[dict[str, Any]] = ()) -> pd.DataFrame:
    """One row per fold of a run: state, epochs, last and best lwlrap, seconds, remaining time.

    ``in_training`` is the progress of the folds in training.
    """
    plan = plan_of(events)
    stages = plan["stages"] if plan else []
    started = {row["fold"]: row for row in fold_rows(events, active)}
    shared = [SHARED_FOLD] if any(stage.get("shared") for stage in stages) else []
    rows = []
    for fold in dict.fromkeys([*shared, *(plan["folds"] if plan else []), *started]):
        row = started.get(fold, {"state": "waiting" if active else "not started", "epochs": 0, "seconds": None})
        total = sum(stage["epochs"] for stage in stages if bool(stage.get("shared")) == (fold == SHARED_FOLD))
        left_s = work_left(events, fold, in_training) if active and row["state"] != "finished" else None
        rows.append(
            {
                "fold": fold_name(fold),
                "state": row["state"],
                "epochs": f"{row['epochs']} of {total}",
                "lwlrap": row.get("lwlrap"),
                "best": row.get("best"),
                "seconds": row["seconds"],
                "left": None if left_s is None else format_duration(left_s),
            }
        )
    return pd.DataFrame(rows, columns=["fold", "state", "epochs", "lwlrap", "best", "seconds", "left"])


def show_fold_table(table: pd.DataFrame) -> None:
    """Show the table of `fold_table`."""
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        placeholder="",
        column_config={
            "lwlrap": st.column_config.NumberColumn(format="%.4f", help="lwlrap after the last epoch."),
            "best": st.column_config.NumberColumn("best lwlrap", format="%.4f", help="Best lwlrap of all epochs."),
            "seconds": st.column_config.NumberColumn(
                format="%.0f s", help="Time spent on training and measuring so far."
            ),
            "left": st.column_config.TextColumn(help="Remaining time, estimated from the epochs so far."),
        },
        alt="Folds with their state and lwlrap",
    )


def epoch_table(events: Events) -> pd.DataFrame:
    """One row per epoch with the values that the curves show."""
    columns = [
        "fold", "stage", "subset", "step", "lwlrap", "curated_lwlrap", "accuracy", "train_loss", "valid_loss", "lr",
        "seconds",
    ]  # fmt: skip
    table = pd.DataFrame(epochs_done(events), columns=columns)
    return table.assign(stage=table["stage"] + 1).rename(columns={"step": "epoch"})


def label_table(events: Events, clips: pd.Series | None) -> tuple[pd.DataFrame, str]:
    """Mean lwlrap of each label, the worst first, and a text that says which folds it is the mean of.

    The mean is over finished folds; before the first fold has finished, over the last epoch of each fold.

    Parameters
    ----------
    events : list of dict
    clips : pandas.Series or None
        Number of clips per label, from `clips_per_label`.
    """
    plan = plan_of(events)
    by_fold = {event["fold"]: event for event in events if event["event"] == "fold-finished" and event.get("per_class")}
    folds = "1 finished fold" if len(by_fold) == 1 else f"{len(by_fold)} finished folds"
    if not by_fold:
        last = {event["fold"]: event for event in epochs_done(events) if event.get("per_class")}
        by_fold = {fold: event for fold, event in last.items() if fold != SHARED_FOLD} or last
        folds = "the last epoch of " + ", ".join(map(fold_name, by_fold))
    if plan is None or not by_fold:
        return pd.DataFrame(columns=["label", "lwlrap", "clips"]), folds
    scores = pd.DataFrame([event["per_class"] for event in by_fold.values()], columns=plan["labels"], dtype=float)
    table = scores.mean().rename_axis("label").rename("lwlrap").reset_index()
    table["clips"] = table["label"].map(clips).fillna(0).astype(int) if clips is not None else pd.NA
    return table.sort_values(["lwlrap", "label"], na_position="last", ignore_index=True), folds


def show_label_table(table: pd.DataFrame) -> None:
    """Show the table of `label_table`, with one bar per label."""
    st.dataframe(
        table if table["clips"].notna().any() else table.drop(columns="clips"),
        hide_index=True,
        height=min(420, 36 * (len(table) + 1)),
        placeholder="",
        column_config={
            "lwlrap": st.column_config.ProgressColumn(
                "mean lwlrap",
                format="%.3f",
                min_value=0,
                max_value=1,
                help="lwlrap of this label, mean over the folds.",
            ),
            "clips": st.column_config.NumberColumn(help="Clips of the dataset that have this label."),
        },
        alt="Mean lwlrap of each label, the worst first",
    )


def clips_per_label(run: Run, events: Events) -> pd.Series | None:
    """Number of clips per label in the subset of the run's last stage; None where its dataset is missing."""
    plan = plan_of(events)
    try:
        dataset = cache.load_dataset(Path(run.settings().dataset))
    except AudiotagError:
        return None
    if plan is None:
        return None
    return dataset.subset(plan["stages"][-1]["subset"])["labels"].explode().value_counts()


def keep_zoom() -> None:
    """Keep the zoom of the curves while they grow; call it outside of the fragment that is drawn each second."""
    st.html(RESTORE_VIEW_SCRIPT, unsafe_allow_javascript=True)


def show_results(run: Run, state: State, others: dict[str, Run]) -> None:
    """Curves, folds, labels, losses and log of a run; runs of ``others`` can be compared with it."""
    events = run.events()
    epochs, plan = epochs_done(events), plan_of(events)
    if epochs and plan:
        try:
            recipe = run.settings().recipe
        except AudiotagError:  # the page shows the reason above, and the curves do not need the recipe
            recipe = None
        compared = _show_curves(run, epochs, plan["stages"], others, recipe)
        show_table(epoch_table(events), f"{run.name}-epochs")
        show_comparisons(run, {name: others[name] for name in compared})
        st.markdown("**Folds**")
        folds = fold_table(events, state in ACTIVE, run.progress())
        show_fold_table(folds)
        show_downloads(folds, f"{run.name}-folds")
        _show_labels(run, events)
        _show_losses(run, events, plan["stages"], recipe)
    with st.expander("Log", icon=":material/article:", key="log"):
        st.code(run.log_tail() or "The log is empty.", language=None, wrap_lines=True)


def _show_curves(run: Run, epochs: Events, stages: Events, others: dict[str, Run], recipe: Recipe | None) -> list[str]:
    """Show the curves; returns the names of the runs that are drawn with them."""
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
            placeholder="Compare with earlier runs",
            label_visibility="collapsed",
            disabled=not others,
            help="Each run is drawn as the mean of its folds, and compared on held-out clips below.",
        )
    compared = {name: done for name in chosen if name in others and (done := epochs_done(others[name].events()))}
    show_chart(
        figures.lwlrap(epochs, stages, smooth, compared, run.name),
        key="lwlrap",
        alt="lwlrap by epoch, one line per fold",
    )
    for name in chosen:
        if name not in compared:
            st.caption(f"{escape(name)} has no finished epoch yet.")
    st.caption(HELD_OUT_NOTE)
    if recipe and recipe.augment_held_out:
        st.caption(AUGMENTED_HELD_OUT_NOTE)
    return list(compared)


def _show_labels(run: Run, events: Events) -> None:
    table, folds = label_table(events, clips_per_label(run, events))
    if len(table):
        st.markdown("**Labels**, worst first")
        show_label_table(table)
        st.caption(f"Mean over {escape(folds)}.")
        show_downloads(table, f"{run.name}-labels")


def _show_losses(run: Run, events: Events, stages: Events, recipe: Recipe | None) -> None:
    with st.expander("Losses", icon=":material/show_chart:", key="losses-open"):
        show_chart(
            figures.losses(epochs_done(events), stages, run.name, recipe.loss if recipe else "bce"),
            key="losses",
            alt="Training and validation loss by epoch, one pair per fold",
        )
        columns = ["fold", "stage", "subset", "epoch", "train_loss", "valid_loss"]
        show_table(epoch_table(events)[columns], f"{run.name}-losses")
