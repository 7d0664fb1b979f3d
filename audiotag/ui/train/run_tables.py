"""Runs as pages show them: a table of runs; of one run its curves, and tables of its folds, epochs and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.figures import training as figures
from audiotag.figures.theme import CONFIG
from audiotag.figures.training import fold_name
from audiotag.training.recipe import Recipe
from audiotag.training.run_progress import epochs_done, fold_rows, plan_of
from audiotag.training.runs import ACTIVE, SHARED_FOLD, Run, State
from audiotag.ui import cache
from audiotag.ui.widgets.downloads import as_table, download
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
MOST_COMPARED = 4
READ_WITH_CARE = (
    "lwlrap on clips that the fold never saw. Read it with care: in the 2019 competition, cross-validation on curated "
    "clips came out 0.1 above the score on the test set."
)
HANDICAPPED = (
    "This recipe measures its epochs on held-out clips that are cropped at random and masked, as the published method "
    "did. The figures of a finished fold are without that, so they are not the end of its curve."
)


# Streamlit draws a chart anew when its figure changes, and Plotly's ``uirevision`` does not reach over that. So this
# puts back what a hand did to the curves: the zoom, and folds that were taken out in the legend.
KEEP_ZOOM = """<script>
if (!window.audiotagKept) {
  const kept = window.audiotagKept = {};
  const follow = plot => {
    if (plot.audiotagFollowed || !plot.on || !plot.layout) return;
    plot.audiotagFollowed = true;
    const label = plot.closest(".stPlotlyChart")?.getAttribute("aria-label");
    const mine = () => kept[label + plot.layout.uirevision] ??= {};
    const {zoom, hidden} = mine();
    if (hidden) plot.data.forEach((trace, at) => {
      if (hidden.includes(trace.name)) window.Plotly.restyle(plot, {visible: "legendonly"}, [at]);
    });
    if (zoom) window.Plotly.relayout(plot, {...zoom});
    plot.on("plotly_relayout", change => {
      const {xaxis, yaxis} = plot._fullLayout;
      const whole = [xaxis, yaxis].every(
        axis => axis.range[0] === axis._rangeInitial0 && axis.range[1] === axis._rangeInitial1);
      if (Object.keys(change).some(name => name.includes("axis")))
        mine().zoom = whole ? null : {"xaxis.range": [...xaxis.range], "yaxis.range": [...yaxis.range]};
    });
    plot.on("plotly_restyle", () => {
      mine().hidden = plot.data.filter(trace => trace.visible === "legendonly").map(trace => trace.name);
    });
  };
  new MutationObserver(() => document
    .querySelectorAll(".st-key-lwlrap .js-plotly-plot, .st-key-losses .js-plotly-plot").forEach(follow)
  ).observe(document.body, {childList: true, subtree: true});
}
</script>"""


def runs_table(runs: list[Run]) -> None:
    """One row a run: state, dataset, folds done, mean lwlrap."""
    rows = []
    for run in runs:
        finished = [event["lwlrap"] for event in run.events() if event["event"] == "fold-finished"]
        row = {"run": run.name, "state": f"{STATE_ICONS[run.state()]} {run.state()}", "folds done": len(finished)}
        try:
            settings = run.settings()
        except AudiotagError as error:  # a damaged run is shown as such, beside the others
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


def folds_of(events: Events, active: bool) -> pd.DataFrame:
    """One row a fold of the run: state, epochs of how many, last and best lwlrap, seconds, what is left."""
    plan = plan_of(events)
    stages = plan["stages"] if plan else []
    begun = {row["fold"]: row for row in fold_rows(events, active)}
    shared = [SHARED_FOLD] if any(stage.get("shared") for stage in stages) else []
    rows = []
    for fold in dict.fromkeys([*shared, *(plan["folds"] if plan else []), *begun]):
        row = begun.get(fold, {"state": "waits" if active else "not begun", "epochs": 0, "seconds": None})
        total = sum(stage["epochs"] for stage in stages if bool(stage.get("shared")) == (fold == SHARED_FOLD))
        left_s = row.get("left_s")
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


def fold_table(table: pd.DataFrame) -> None:
    """The table of `folds_of`."""
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        placeholder="",
        column_config={
            "lwlrap": st.column_config.NumberColumn(format="%.4f", help="Of the last epoch, and at the end."),
            "best": st.column_config.NumberColumn("best lwlrap", format="%.4f", help="Of any epoch."),
            "seconds": st.column_config.NumberColumn(format="%.0f s", help="Of training and measuring so far."),
            "left": st.column_config.TextColumn(help="By what the epochs so far took."),
        },
        alt="Folds with their state and lwlrap",
    )


def epochs_of(events: Events) -> pd.DataFrame:
    """One row an epoch, as the curves show them."""
    columns = [
        "fold", "stage", "subset", "step", "lwlrap", "curated_lwlrap", "accuracy", "train_loss", "valid_loss", "lr",
        "seconds",
    ]  # fmt: skip
    table = pd.DataFrame(epochs_done(events), columns=columns)
    return table.assign(stage=table["stage"] + 1).rename(columns={"step": "epoch"})


def labels_of(events: Events, clips: pd.Series | None) -> tuple[pd.DataFrame, str]:
    """Mean lwlrap of each label, the worst first, and what it is the mean of.

    Finished folds count as they ended; before the first of them each fold counts as its last epoch left it.
    """
    plan = plan_of(events)
    by_fold = {event["fold"]: event for event in events if event["event"] == "fold-finished" and event.get("per_class")}
    of = "1 finished fold" if len(by_fold) == 1 else f"{len(by_fold)} finished folds"
    if not by_fold:
        last = {event["fold"]: event for event in epochs_done(events) if event.get("per_class")}
        by_fold = {fold: event for fold, event in last.items() if fold != SHARED_FOLD} or last
        of = "the last epoch of " + ", ".join(map(fold_name, by_fold))
    if plan is None or not by_fold:
        return pd.DataFrame(columns=["label", "lwlrap", "clips"]), of
    scores = pd.DataFrame([event["per_class"] for event in by_fold.values()], columns=plan["labels"], dtype=float)
    table = scores.mean().rename_axis("label").rename("lwlrap").reset_index()
    table["clips"] = table["label"].map(clips).fillna(0).astype(int) if clips is not None else pd.NA
    return table.sort_values(["lwlrap", "label"], na_position="last", ignore_index=True), of


def label_table(table: pd.DataFrame) -> None:
    """The table of `labels_of`, a bar a label."""
    st.dataframe(
        table if table["clips"].notna().any() else table.drop(columns="clips"),
        hide_index=True,
        height=min(420, 36 * (len(table) + 1)),
        placeholder="",
        column_config={
            "lwlrap": st.column_config.ProgressColumn(
                "mean lwlrap", format="%.3f", min_value=0, max_value=1, help="Of this label alone, mean over the folds."
            ),
            "clips": st.column_config.NumberColumn(help="Clips of the dataset that have this label."),
        },
        alt="Mean lwlrap of each label, the worst first",
    )


def clips_of_labels(run: Run, events: Events) -> pd.Series | None:
    """Clips a label among those that the run's last stage trains on; None where its dataset is gone."""
    plan = plan_of(events)
    try:
        dataset = cache.dataset(Path(run.settings().dataset))
    except AudiotagError:
        return None
    if plan is None:
        return None
    return dataset.subset(plan["stages"][-1]["subset"])["labels"].explode().value_counts()


def keep_zoom() -> None:
    """Keep the zoom of the curves while they grow; called outside of what is drawn each second."""
    st.html(KEEP_ZOOM, unsafe_allow_javascript=True)


def results(run: Run, state: State, others: dict[str, Run]) -> None:
    """Curves, folds, labels, losses and log of a run, beside the curves of ``others`` that are chosen."""
    events = run.events()
    epochs, plan = epochs_done(events), plan_of(events)
    if epochs and plan:
        try:
            recipe = run.settings().recipe
        except AudiotagError:  # said above, and no reason to hide the curves
            recipe = None
        _curves(run, epochs, plan["stages"], others, recipe)
        as_table(epochs_of(events), f"{run.name}-epochs")
        st.markdown("**Folds**")
        folds = folds_of(events, state in ACTIVE)
        fold_table(folds)
        download(folds, f"{run.name}-folds")
        _labels(run, events)
        _losses(run, events, plan["stages"], recipe)
    with st.expander("Log", icon=":material/article:", key="log"):
        st.code(run.log_tail() or "nothing yet", language=None, wrap_lines=True)


def _curves(run: Run, epochs: Events, stages: Events, others: dict[str, Run], recipe: Recipe | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        smooth = st.toggle(
            "Smooth",
            key="smooth",
            bind="query-params",
            help="Draws a moving average over the epochs; the points as they are stay in the background.",
        )
        chosen = st.multiselect(
            "Compare with",
            list(others),
            key="compare",
            bind="query-params",
            max_selections=MOST_COMPARED,
            select_all=False,
            placeholder="Compare with earlier runs",
            label_visibility="collapsed",
            disabled=not others,
            help="Each is drawn as the mean of its folds.",
        )
    compared = {name: done for name in chosen if name in others and (done := epochs_done(others[name].events()))}
    st.plotly_chart(
        figures.lwlrap(epochs, stages, smooth, compared, run.name),
        key="lwlrap",
        config=CONFIG,
        alt="lwlrap by epoch, a line a fold",
    )
    for name in chosen:
        if name not in compared:
            st.caption(f"{name} has no epoch to compare with yet.")
    st.caption(READ_WITH_CARE)
    if recipe and recipe.augment_held_out:
        st.caption(HANDICAPPED)


def _labels(run: Run, events: Events) -> None:
    table, of = labels_of(events, clips_of_labels(run, events))
    if len(table):
        st.markdown("**Labels**, the worst first")
        label_table(table)
        st.caption(f"Mean over {of}.")
        download(table, f"{run.name}-labels")


def _losses(run: Run, events: Events, stages: Events, recipe: Recipe | None) -> None:
    with st.expander("Losses", icon=":material/show_chart:", key="losses-open"):
        st.plotly_chart(
            figures.losses(epochs_done(events), stages, run.name, recipe.loss if recipe else "bce"),
            key="losses",
            config=CONFIG,
            alt="Training and validation loss by epoch, a pair a fold",
        )
        columns = ["fold", "stage", "subset", "epoch", "train_loss", "valid_loss"]
        as_table(epochs_of(events)[columns], f"{run.name}-losses")
