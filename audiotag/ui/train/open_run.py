"""Which run is open on the Train page: one that was just started, a clicked row, what is picked, or the address."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from audiotag.training.run_notes import display_names
from audiotag.training.runs import Run
from audiotag.ui.text import escape_all
from audiotag.ui.train.run_tables import STATE_ICONS

OPEN = "run"  # in the session and in the address
OPENED = "runs-opened"  # in the session: how often a run was opened other than by the picker


def open_run(name: str) -> None:
    """Have the page show this run."""
    st.session_state[OPEN] = name
    _use_new_picker()


def follow_address() -> None:
    """Have the page show the run that the address names, instead of what was chosen before."""
    st.session_state.pop(OPEN, None)
    _use_new_picker()


def opened_run(runs: Mapping[str, Run]) -> str:
    """Name of the open run, one of ``runs``; the newest, to begin with."""
    wanted = (st.session_state.get(_picker()), st.session_state.get(OPEN, st.query_params.get(OPEN)))
    return next((str(name) for name in wanted if name in runs), next(iter(runs)))


def pick_run(runs: Mapping[str, Run], chosen: str) -> str:
    """The picker of the open run, beside the table for keyboards and narrow screens; returns its name."""
    # Always set, because the labels change with the states and a browser sends back the label that it last showed.
    st.session_state[_picker()] = chosen
    states = {name: run.state() for name, run in runs.items()}
    names = display_names(runs.values())
    name = st.selectbox(
        "Run",
        list(runs),
        format_func=lambda name: f"{STATE_ICONS[states[name]]} {names[name]}",
        key=_picker(),
        persist_state="session",
        help="Newest first. " + escape_all(f"{icon} {state}" for state, icon in STATE_ICONS.items()) + ".",
    )
    st.session_state[OPEN] = name
    if st.query_params.get(OPEN) != name:
        st.query_params[OPEN] = name
    return name


def _use_new_picker() -> None:
    """The picker becomes another one, because a browser may still send what the last one showed."""
    st.session_state[OPENED] = st.session_state.get(OPENED, 0) + 1


def _picker() -> str:
    return f"run-picker-{st.session_state.get(OPENED, 0)}"
