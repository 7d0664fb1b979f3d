"""The table of all runs on the Train page: sorted and searched in the browser, live while a run trains.

A click on a row opens its run; ticked rows are compared or deleted together. Which run is open, which rows are ticked
and what is searched for are in the address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from audiotag.training import run_notes
from audiotag.training.run_notes import RunNote, read_note, write_note
from audiotag.training.run_summary import RunSummary, matches, summarise, table_of
from audiotag.training.runs import ACTIVE, Run, State, list_runs
from audiotag.ui import caching
from audiotag.ui.train import run_actions
from audiotag.ui.train.open_run import open_run
from audiotag.ui.train.run_tables import STATE_ICONS
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.downloads import show_downloads
from audiotag.wording import format_duration
from audiotag.workspace import Workspace

REFRESH_S = 2
MANY_RUNS = 6  # from here on there is a field that searches
ROW_PX, MAX_ROWS = 35, 10  # height of the table; more rows are scrolled
OPEN_MARK = "●"
SELECTED = "selected"  # in the address: the names of the ticked runs
SHOWN_CELL = "runs-cell"  # in the session: the cell whose click was followed last
COLUMNS = [
    "open", "name", "state", "lwlrap", "deviation", "best_epoch", "folds", "time", "recipe", "changes", "note",
    "dataset", "begun",
]  # fmt: skip
CONFIG: dict[str, Any] = {
    "open": st.column_config.TextColumn("", width=20, help="The run that is open below."),
    "name": st.column_config.TextColumn(width=175),
    "state": st.column_config.TextColumn(width=90),
    "lwlrap": st.column_config.NumberColumn(
        format="%.4f", width=65, help="Mean over the finished folds, on held-out clips, after the last epoch."
    ),
    "deviation": st.column_config.NumberColumn(
        "±", format="%.4f", width=65, help="Standard deviation of lwlrap over the folds."
    ),
    "best_epoch": st.column_config.NumberColumn(
        "best epoch",
        format="%.1f",
        width=80,
        help="Epoch of the highest lwlrap in the last stage, mean of the folds.",
    ),
    "folds": st.column_config.TextColumn(width=55, help="Finished folds of all."),
    "time": st.column_config.TextColumn(width=60, help="Spent on training and measuring, all folds together."),
    "recipe": st.column_config.TextColumn(width=70),
    "changes": st.column_config.TextColumn(
        "changed", width=140, help="Settings in which the run differs from the recipe of its name."
    ),
    "note": st.column_config.TextColumn(width=150),
    "dataset": st.column_config.TextColumn(width=110),
    "begun": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", width=130),
}


def show_run_list(workspace: Workspace, runs: Sequence[Run], shown_run: str) -> None:
    """The table of runs with what can be done to several of them; ``shown_run`` is the name of the one shown below."""
    is_live = any(run.is_active() for run in runs)
    with st.container(horizontal=True, vertical_alignment="bottom", key="run-list-bar"):
        wanted = ""
        if len(runs) >= MANY_RUNS or st.query_params.get("find"):
            wanted = st.text_input(
                "Find runs",
                key="find",
                bind="query-params",
                placeholder="name, note, dataset, recipe or state",
                width=280,
            )
        edits = st.toggle(
            "Edit names and notes",
            key="edit-notes",
            help="A click on a cell of the columns name and note edits it. The table stands still meanwhile.",
        )
        run_actions.show_deleted_button(workspace)

    @st.fragment(run_every=REFRESH_S if is_live and not edits else None)
    def live() -> None:
        """Show the table again as the runs are now."""
        now = list_runs(workspace)
        states: list[State] = [run.state() for run in now]
        rows = [load_summary(run) for run in now]
        shown = [at for at, row in enumerate(rows) if matches(row, states[at], wanted or "")]
        found = [now[at] for at in shown]
        if not found:
            st.caption("No run matches what is searched for.")
            return
        table = _table([rows[at] for at in shown], [states[at] for at in shown], shown_run)
        if edits:
            _edit_notes(found, table)
            return
        chosen, clicked = _select_rows(found, table)
        _show_bar(workspace, chosen, table)
        if clicked is not None and clicked.name != shown_run:
            open_run(clicked.name)
            st.rerun()

    live()


def load_summary(run: Run) -> RunSummary:
    """The row of a run, kept in memory until one of its files changes."""
    files = ("events.jsonl", "settings.json", run_notes.FILE)
    return _summary(run.folder, tuple(_stamp(run.folder / name) for name in files))


def save_edits(runs: Sequence[Run], edits: dict[int, dict[str, Any]]) -> None:
    """Write the names and notes that were edited in the table.

    Parameters
    ----------
    runs : sequence of Run
        The runs of the rows.
    edits : dict
        The new values by row and column. An empty name is that of the run's folder.

    Raises
    ------
    AudiotagError
        If a text is too long, or a run was deleted meanwhile.
    """
    for row, values in edits.items():
        run = runs[row]
        note = read_note(run)
        title = str(values.get("name", note.title) or "")
        text = str(values.get("note", note.note) or "")
        write_note(run, RunNote("" if title == run.name else title, text))


def _table(rows: list[RunSummary], states: list[State], shown_run: str) -> pd.DataFrame:
    table = table_of(rows, [str(state) for state in states])
    table["open"] = [OPEN_MARK if row.run == shown_run else "" for row in rows]
    table["state"] = [_state_text(row, state) for row, state in zip(rows, states, strict=True)]
    table["folds"] = [f"{row.folds_done} of {row.folds}" if row.folds else "" for row in rows]
    table["time"] = [format_duration(row.seconds) if row.seconds else "" for row in rows]
    begun = [None if row.begun is None else datetime.fromtimestamp(row.begun) for row in rows]
    table["begun"] = pd.Series(begun, dtype="datetime64[ns]")
    return table[COLUMNS]


def _state_text(row: RunSummary, state: State) -> str:
    share = f" {row.epochs_done / row.epochs:.0%}" if state in ACTIVE and row.epochs else ""
    return f"{STATE_ICONS[state]} {state}{share}"


def _select_rows(runs: list[Run], table: pd.DataFrame) -> tuple[list[Run], Run | None]:
    """The table; returns the runs of the ticked rows, and the run of a cell that was just clicked."""
    names = [run.name for run in runs]
    ticked = [names.index(name) for name in st.query_params.get_all(SELECTED) if name in names]
    # Rows are known by their numbers: other rows are another table, in which the same runs are ticked.
    key = "runs-" + hashlib.blake2b("\n".join(names).encode(errors="replace"), digest_size=8).hexdigest()
    event = st.dataframe(
        table,
        key=key,
        hide_index=True,
        height=ROW_PX * (min(len(table), MAX_ROWS) + 1) + 3,
        placeholder="",
        column_config=CONFIG,
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": {"rows": ticked}},
        alt="Runs with their state, lwlrap, settings and notes",
    )
    chosen = [runs[row] for row in event.selection.rows if row < len(runs)]
    if [run.name for run in chosen] != st.query_params.get_all(SELECTED):
        st.query_params[SELECTED] = [run.name for run in chosen]
    cell = next(iter(event.selection.cells), None)
    followed, st.session_state[SHOWN_CELL] = st.session_state.get(SHOWN_CELL), cell and (key, *cell)
    if cell is None or followed == (key, *cell) or cell[0] >= len(runs):
        return chosen, None
    return chosen, runs[cell[0]]


def _show_bar(workspace: Workspace, chosen: list[Run], table: pd.DataFrame) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if chosen:
            run_actions.show_actions(workspace, chosen)
        else:
            st.caption("Click a row to open its run. Tick rows to compare or delete several.", width="content")
        with st.popover("Download", icon=":material/download:", key="runs-download", type="tertiary"):
            show_downloads(table.drop(columns="open"), "runs")


def _edit_notes(runs: list[Run], table: pd.DataFrame) -> None:
    key = "runs-editor-" + "-".join(run.name for run in runs)
    st.data_editor(
        table,
        key=key,
        hide_index=True,
        height=ROW_PX * (min(len(table), MAX_ROWS) + 1) + 3,
        placeholder="",
        column_order=["name", "note", "state", "lwlrap", "dataset", "recipe", "changes"],
        column_config=CONFIG
        | {
            "name": st.column_config.TextColumn(width=240, max_chars=run_notes.MAX_TITLE_CHARS),
            "note": st.column_config.TextColumn(width=360, max_chars=run_notes.MAX_NOTE_CHARS),
        },
        disabled=[column for column in COLUMNS if column not in ("name", "note")],
        alt="Runs, whose names and notes can be edited",
    )
    with messages.show_errors():
        save_edits(runs, st.session_state[key]["edited_rows"])
    st.caption("Each name and note is saved in the folder of its run as soon as the cell is left.")


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        stat = path.stat()
    except OSError:  # there is none
        return ()
    return stat.st_mtime_ns, stat.st_size


@caching.cached(max_entries=2000, show_spinner=False)
def _summary(folder: Path, stamp: tuple[tuple[int, ...], ...]) -> RunSummary:
    return summarise(Run(folder))
