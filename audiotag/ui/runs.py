"""Runs as pages show them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

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


def run_label(run: Run) -> str:
    """A run's name with its state."""
    state = run.state()
    return f"{STATE_ICONS[state]} {run.name} · {state}"


def runs_table(runs: list[Run]) -> None:
    """One row a run: state, dataset, folds done, mean lwlrap."""
    rows = []
    for run in runs:
        finished = [event["lwlrap"] for event in run.events() if event["event"] == "fold-finished"]
        settings = run.settings()
        rows.append(
            {
                "run": run.name,
                "state": f"{STATE_ICONS[run.state()]} {run.state()}",
                "dataset": settings.dataset.rsplit("/", 1)[-1],
                "recipe": settings.recipe.title,
                "folds done": len(finished),
                "mean lwlrap": sum(finished) / len(finished) if finished else None,
            }
        )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"mean lwlrap": st.column_config.NumberColumn(format="%.4f")},
        alt="The last training runs with their state and mean lwlrap",
    )


def fold_table(run: Run) -> None:
    """One row a fold that has begun: its state, epochs, last and best lwlrap, seconds."""
    st.dataframe(
        fold_rows(run.events()),
        hide_index=True,
        column_config={
            "lwlrap": st.column_config.NumberColumn("lwlrap now", format="%.4f"),
            "best": st.column_config.NumberColumn("best epoch", format="%.4f"),
            "seconds": st.column_config.NumberColumn(format="%.0f s"),
        },
        alt="Folds with their state and lwlrap",
    )
