"""Runs as pages show them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.training.runs import Run, fold_rows

STATE_ICONS = {
    "starting": "◌",
    "running": "▶",
    "stopping": "◼",
    "finished": "✓",
    "stopped": "◼",
    "failed": "✕",
    "interrupted": "⚠",
}


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
        column_config={"mean lwlrap": st.column_config.NumberColumn(format="%.4f")},
        alt="The last training runs with their state and mean lwlrap",
    )


def fold_table(run: Run) -> None:
    """One row a fold that has begun: its state, epochs, last and best lwlrap, seconds."""
    st.dataframe(
        fold_rows(run.events(), run.is_active()),
        hide_index=True,
        column_config={
            "lwlrap": st.column_config.NumberColumn(format="%.4f", help="Of the last epoch, and at the end."),
            "best": st.column_config.NumberColumn("best lwlrap", format="%.4f", help="Of any epoch."),
            "seconds": st.column_config.NumberColumn(format="%.0f s"),
        },
        alt="Folds with their state and lwlrap",
    )
