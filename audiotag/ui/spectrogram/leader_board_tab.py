"""The Leader board tab of the Spectrogram page: settings that were trained on the same folds, ranked by lwlrap."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from audiotag.cli.command_lines import sweep_line
from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset, preset_names
from audiotag.features.setting_names import changed_fields
from audiotag.figures import leader_board as figures
from audiotag.training.sweep_settings import value_words
from audiotag.training.sweeps import Sweep, list_sweeps
from audiotag.ui import verdict_cache
from audiotag.ui.spectrogram import settings_state
from audiotag.ui.spectrogram.sweep_form import STARTED, show_sweep_form
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_downloads
from audiotag.ui.widgets.job_progress import show_job_progress
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.training.leader_board import Entry, LeaderBoard

CHOSEN = "sweep"  # key of the picker, and in the address
USED = "use-settings"  # in the session: the row whose button was pressed
NEWEST_S = 3  # between looks whether another run has finished
SPECTROGRAM_ALONE = Markdown(
    "“Use” sets the spectrogram above; “Undo” there takes it back. What else is varied belongs into a recipe."
)


def show_leader_board(dataset: Dataset | None, workspace: Workspace) -> None:
    """Choose a sweep, see how its settings rank, use those of a row, and start another sweep."""
    sweeps = list_sweeps(workspace)
    if started := st.session_state.pop(STARTED, None):
        st.session_state[CHOSEN] = started
    if not sweeps:
        st.info(
            "No settings have been compared by training yet. Choose below what to vary, and start: each combination "
            "is trained on the same folds, and the table ranks them.",
            icon=":material/leaderboard:",
        )
    else:
        with messages.show_errors():
            _show_sweep(_pick_sweep(sweeps), workspace)
    show_sweep_form(dataset, workspace, is_open=not sweeps)


def board_table(board: LeaderBoard) -> pd.DataFrame:
    """One row per combination: rank, what is varied, lwlrap, the difference to the best, and the cost."""
    return pd.DataFrame([_row(entry) for entry in board.entries])


def _pick_sweep(sweeps: list[Sweep]) -> Sweep:
    by_name = {sweep.name: sweep for sweep in sweeps}
    if st.session_state.get(CHOSEN) not in by_name:
        st.session_state.pop(CHOSEN, None)
    name = st.selectbox(
        "Sweep",
        list(by_name),
        format_func=lambda name: _title(by_name[name]),
        key=CHOSEN,
        bind="query-params",
        help="Combinations of settings that were trained on the same folds, the newest first.",
    )
    return by_name[name]


def _title(sweep: Sweep) -> str:
    try:
        settings = sweep.settings()
    except AudiotagError:
        return sweep.name
    return f"{' × '.join(map(str, settings.varied))} · {Path(settings.options.dataset).name} · {sweep.name}"


def _show_sweep(sweep: Sweep, workspace: Workspace) -> None:
    settings, missing = sweep.settings(), sweep.missing()
    active = show_job_progress(sweep, "sweep", Markdown("Reading the sounds …"), 0)
    if active:
        _watch(sweep, len(missing))
    elif missing:
        if failure := sweep.failure():
            st.error(escape(failure), icon=":material/error:")
        _show_resume(sweep, len(missing), len(settings.runs))
    board = verdict_cache.leader_board(sweep)
    table = board_table(board)
    st.markdown(escape(" ".join(board.findings)))
    _show_table(board, workspace)
    if timed := [entry for entry in board.ranked if entry.fold_s]:
        show_chart(
            figures.lwlrap_against_time(timed),
            key="leader-board",
            alt="lwlrap of each combination of settings with its interval, against its seconds of training per fold",
        )
    for sentence in board.cautions:
        st.caption(f":material/info: {escape(sentence)}")
    for entry in board.entries:
        if entry.problem:
            st.caption(f":material/warning: {escape(entry.name)} is not ranked: {escape(entry.problem)}")
    show_downloads(table, f"leader-board-{sweep.name}")
    st.caption("The same as a command; it trains only what is missing:")
    st.code(sweep_line(settings.options, settings.varied), language="bash", wrap_lines=True)


def _watch(sweep: Sweep, missing: int) -> None:
    """Run the page again when another run has finished."""

    @st.fragment(run_every=NEWEST_S)
    def look() -> None:
        if len(sweep.missing()) != missing:
            st.rerun()

    look()


def _show_resume(sweep: Sweep, missing: int, count: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Train what is missing",
            icon=":material/play_arrow:",
            key="resume-sweep",
            help="Runs that were stopped continue after their last epoch.",
        ):
            with messages.show_errors():
                sweep.start()
                st.rerun()
        st.caption(f"{count - missing:,} of {count:,} runs are finished.")


def _show_table(board: LeaderBoard, workspace: Workspace) -> None:
    column = st.column_config
    st.dataframe(
        _shown(board),
        key=f"leader-board-table-{board.sweep}",
        hide_index=True,
        placeholder="–",
        column_config={
            "rank": column.NumberColumn(width=50, pinned=True),
            "use": column.ButtonColumn(
                "use", type="tertiary", width=60, key=USED, on_click=partial(_use, board, workspace)
            ),
            "lwlrap": column.TextColumn(
                width=165, help="On the clips that all ranked runs held out, with its 95 % interval."
            ),
            "against the best": column.TextColumn(width=140),
            "s per fold": column.NumberColumn(format="%.1f", width=80),
            "input": column.TextColumn(width=95, help="Height × width of the network input."),
            "difference": column.TextColumn(
                width=205, help="Its lwlrap minus that of the best, clip by clip, with the 95 % interval."
            ),
            "GMAC": column.NumberColumn(
                format="%.3f", width=75, help="Multiplications of the network for one input, in thousands of millions."
            ),
        },
        alt="Combinations of settings with rank, lwlrap, difference to the best and cost",
    )
    st.caption(SPECTROGRAM_ALONE)


def _use(board: LeaderBoard, workspace: Workspace) -> None:
    """Set the form to the settings of the row whose button was pressed, as changes of the preset that is nearest."""
    settings = board.entries[st.session_state[USED]["row"]].settings.recipe.spectrogram
    presets = {}
    for name in preset_names(workspace):
        try:
            presets[name] = load_preset(name, workspace)
        except AudiotagError:  # a damaged preset of the user's
            continue
    nearest = min(presets, key=lambda name: len(changed_fields(settings, presets[name])))
    settings_state.set_step((nearest, settings))
    st.toast("These settings are in the form now. “Undo” takes them back.", icon=":material/check:")


def _shown(board: LeaderBoard) -> pd.DataFrame:
    """The table as the page shows it: figures with their intervals, what matters most first."""
    rows = []
    for entry in board.entries:
        placed = entry.placed
        against = placed.against_best if placed else None
        rows.append(
            {
                "rank": placed.rank if placed else None,
                "use": "Use",
                **_values(entry),
                "lwlrap": f"{placed.lwlrap:.4f}{_interval(placed.low, placed.high)}" if placed else None,
                "against the best": entry.conclusion,
                "s per fold": entry.fold_s,
                "input": entry.input_text,
                "difference": f"{against.difference:+.4f}{_interval(against.low, against.high, '+')}"
                if against
                else None,
                "GMAC": entry.macs and entry.macs / 1e9,
            }
        )
    return pd.DataFrame(rows)


def _row(entry: Entry) -> dict[str, object]:
    placed = entry.placed
    against = placed.against_best if placed else None
    return {
        "rank": placed.rank if placed else None,
        **_values(entry),
        "lwlrap": placed.lwlrap if placed else None,
        "low": placed.low if placed else None,
        "high": placed.high if placed else None,
        "difference": against.difference if against else None,
        "difference low": against.low if against else None,
        "difference high": against.high if against else None,
        "against the best": entry.conclusion,
        "s per fold": entry.fold_s,
        "input": entry.input_text,
        "parameters": entry.parameters,
        "GMAC": entry.macs and entry.macs / 1e9,
        "run": entry.run,
    }


def _values(entry: Entry) -> dict[str, str]:
    return {name: value_words(value) for name, value in entry.values.items()}


def _interval(low: float, high: float, sign: str = "") -> str:
    return "" if low != low else f" ({low:{sign}.3f} to {high:{sign}.3f})"
