"""What the Score page scores: an ensemble on the dataset's clips, or a table of scores; and the same as commands."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from audiotag.cli.command_lines import score_line, submit_line
from audiotag.data.dataset import Dataset
from audiotag.review.submissions import submission_path
from audiotag.scoring import truth_table_of
from audiotag.ui import address, dataset_cache
from audiotag.ui.frame import PageContext
from audiotag.ui.score.ensemble import parts_of
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages

ENSEMBLE, TABLES = Markdown("An ensemble"), Markdown("A table of scores")


def chosen_dataset(context: PageContext) -> Dataset | None:
    """The chosen dataset; None, with a message, where there is none: scoring then needs the truth as a table."""
    if context.dataset_root is None:
        if address.is_unknown("dataset"):
            return context.dataset()  # which says so, and stops
        st.info(
            "There is no dataset yet. Open one in the sidebar to hear its clips, or give the truth as a table.",
            icon=":material/library_music:",
        )
        return None
    with messages.show_errors():
        return dataset_cache.load_dataset(context.dataset_root)
    return None


def is_of_ensemble(context: PageContext, dataset: Dataset | None, choices: DeltaGenerator) -> bool:
    """The choice, at ``choices``, between an ensemble and a table; by default an ensemble if it can score anything."""
    can_be = context.ensemble_folder is not None and bool(parts_of(dataset))
    chosen = choices.segmented_control(
        "What is scored",
        [ENSEMBLE, TABLES],
        default=ENSEMBLE if can_be else TABLES,
        required=True,
        key="score",
        bind="query-params",
    )
    return chosen == ENSEMBLE


def show_commands(context: PageContext, dataset: Dataset | None) -> None:
    """The commands that tag the dataset's test clips with the chosen ensemble and score the result."""
    truth = truth_table_of(dataset) if dataset else None
    if dataset is None or truth is None or context.ensemble_folder is None:
        return
    ensemble = context.ensemble_folder.name
    out = submission_path(dataset.name, ensemble, "test", context.workspace)
    with st.expander("The same as commands", icon=":material/terminal:"):
        st.caption(f"They tag the test clips with **{escape(ensemble)}** and print the score.")
        st.code(
            f"{submit_line(dataset.root, ensemble, out)} && \\\n{score_line(out, truth)}",
            language="bash",
            wrap_lines=True,
        )
