"""Show the tables of the folds and of the labels of a run; the symbols of the states of runs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

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


def show_fold_table(table: pd.DataFrame) -> None:
    """Show the table of `audiotag.training.run_tables.fold_table`."""
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        placeholder="",
        column_config={
            "lwlrap": st.column_config.NumberColumn(format="%.4f", help="lwlrap after the last epoch."),
            "best": st.column_config.NumberColumn(
                "best lwlrap", format="%.4f", help="Highest lwlrap of the epochs of the last stage."
            ),
            "best epoch": st.column_config.NumberColumn(help="Number of this epoch over all stages."),
            "seconds": st.column_config.NumberColumn(
                format="%.0f s", help="Time spent on training and measuring so far."
            ),
            "left": st.column_config.TextColumn(help="Remaining time, estimated from the epochs so far."),
        },
        alt="Folds with their state and lwlrap",
    )


def show_label_table(table: pd.DataFrame) -> None:
    """Show the table of `audiotag.training.run_tables.label_table`, with one bar per label."""
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
