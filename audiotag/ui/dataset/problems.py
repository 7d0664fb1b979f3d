"""The Problems tab of the Dataset page: the problems, the worst first, and the clips of the selected one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.inspection.fault_kinds import describe, worst_first
from audiotag.ui.dataset.left_out import show_left_out_buttons
from audiotag.ui.dataset.near_duplicates import show_near_duplicate_search
from audiotag.ui.dataset.problem_clips import show_problem
from audiotag.ui.text import escape
from audiotag.ui.widgets.downloads import show_downloads
from audiotag.ui.widgets.kept_rows import keep_row, restore_row, row_of, select_row
from audiotag.ui.widgets.step_buttons import show_step_buttons
from audiotag.workspace import Workspace

KIND = "problem-kind"
KIND_WIDTH_PIXELS = 105
TABLE_HEIGHT_PIXELS = 248  # the header and six rows


def show_problems(dataset: Dataset, index: pd.DataFrame, faults: pd.DataFrame, ensemble: Path | None) -> None:
    """The table of problems, a filter by kind, and the clips of the selected problem with their players.

    Parameters
    ----------
    dataset : Dataset
    index : pandas.DataFrame
        Of the whole dataset.
    faults : pandas.DataFrame
        The faults of the clips that pass the page's filter.
    ensemble : Path or None
        Folder of the ensemble by which near-duplicates are looked for.
    """
    _show_flagged_toggle(dataset)
    show_near_duplicate_search(dataset, ensemble)
    _show_unlabelled_toggle(dataset)
    show_left_out_buttons(dataset, faults)
    if len(faults) == 0:
        st.success("No problem found in what is measured so far.", icon=":material/check:")
        return
    faults = worst_first(faults)
    counts = faults["kind"].value_counts(sort=False)
    chosen = st.pills(
        "Kind, the worst first",
        list(counts.index),
        format_func=escape,
        key=KIND,
        bind="query-params",
    )
    rows = faults[faults["kind"] == chosen].reset_index(drop=True) if chosen else faults
    with st.container(horizontal=True, vertical_alignment="center"):
        count = "1 problem" if len(rows) == 1 else f"{len(rows):,} problems"
        st.caption(count, width="stretch")
        _show_meanings(counts)
        table = f"problems-{chosen or 'all'}"
        show_step_buttons("problem-", _step, table, len(rows))
    selected = _pick_row(rows, table)
    show_problem(dataset, index, rows.iloc[selected])
    show_downloads(rows, "problems")


def _show_flagged_toggle(dataset: Dataset) -> None:
    """A switch that uses the clips which the dataset's authors marked as corrupt."""
    if not dataset.flagged:
        return
    workspace = Workspace()
    options = workspace.dataset_options(dataset.root)
    keep_flagged = st.toggle(
        f"Use the {len(dataset.flagged)} clips that the dataset's authors marked as corrupt",
        value=options.get("keep_flagged", False),
        key=f"keep-flagged-{dataset.name}",
    )
    if keep_flagged != options.get("keep_flagged", False):
        workspace.remember_dataset(dataset.root, options | {"keep_flagged": keep_flagged})
        st.rerun()


def _show_unlabelled_toggle(dataset: Dataset) -> None:
    """A switch that lists the sounds without a label; only where tables or folders label other sounds."""
    workspace = Workspace()
    is_on = workspace.dataset_options(dataset.root).get("keep_unlabelled", False)
    if not is_on and not any(problem.kind in ("labels", "counts") for problem in dataset.problems):
        return
    keep_unlabelled = st.toggle(
        "List the sounds without a label, too",
        value=is_on,
        key=f"keep-unlabelled-{dataset.name}",
        help="They can then be labelled on the Review page. Training leaves them out until they have a label.",
    )
    if keep_unlabelled != is_on:
        workspace.remember_dataset(
            dataset.root, workspace.dataset_options(dataset.root) | {"keep_unlabelled": keep_unlabelled}
        )
        st.rerun()


def _show_meanings(counts: pd.Series) -> None:
    """What each kind means and what to do about it."""
    with st.popover("What they mean", icon=":material/help:", type="tertiary"):
        for kind, count in counts.items():
            known = describe(str(kind))
            st.markdown(f"**{escape(kind)}** ({count:,}): {escape(known.meaning)} {escape(known.advice)}")


def _pick_row(rows: pd.DataFrame, table: str) -> int:
    """The table of problems; returns the number of the selected row."""
    restore_row(table)
    chosen = st.dataframe(
        rows,
        hide_index=True,
        height=min(TABLE_HEIGHT_PIXELS, 37 + 35 * len(rows)),
        on_select="rerun",
        selection_mode="single-row-required",
        key=table,
        column_config={
            "kind": st.column_config.TextColumn("kind", width=KIND_WIDTH_PIXELS),
            "what": st.column_config.TextColumn("what", width="large"),
        },
        alt="Clips with a problem, and its description",
    )
    row = row_of(chosen, len(rows))
    keep_row(table, row)
    return row


def _step(by: int, table: str, rows: int) -> None:
    select_row(table, (row_of(st.session_state.get(table), rows) + by) % rows)
