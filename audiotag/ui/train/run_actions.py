"""What can be done to several runs at once: compare them, delete them, and bring deleted runs back."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from audiotag.training.deleted_runs import (
    delete_runs,
    deleted_runs,
    remove_deleted_runs,
    restore_runs,
    size_bytes,
)
from audiotag.training.run_notes import display_name
from audiotag.training.runs import Run
from audiotag.ui.text import escape, escape_all
from audiotag.ui.train.open_run import open_run
from audiotag.ui.widgets import messages
from audiotag.workspace import Workspace

MAX_COMPARED_RUNS = 4  # with one run
MAX_NAMED_RUNS = 12  # in the dialog
JUST_DELETED = "deleted-runs"  # in the session: the names, in the folder of deleted runs, of those deleted last
MIB = 2**20


def show_actions(workspace: Workspace, chosen: Sequence[Run]) -> None:
    """The buttons for the ticked runs."""
    count = f"{len(chosen)} run" if len(chosen) == 1 else f"{len(chosen)} runs"
    st.caption(f"{count} ticked", width="content")
    if st.button(
        "Compare",
        icon=":material/compare_arrows:",
        key="compare-selected",
        disabled=not 1 < len(chosen) <= MAX_COMPARED_RUNS + 1,
        on_click=_compare,
        args=([run.name for run in chosen],),
        help="Opens the first one, with the curves and settings of the others beside it. Tick 2 to "
        f"{MAX_COMPARED_RUNS + 1} runs.",
    ):
        st.rerun()
    if st.button(f"Delete {count} …", icon=":material/delete:", key="delete-selected"):
        confirm_deletion(workspace, chosen)


def _compare(names: list[str]) -> None:
    open_run(names[0])
    st.session_state["compare"] = names[1:]


@st.dialog("Delete runs?", icon=":material/delete:")
def confirm_deletion(workspace: Workspace, runs: Sequence[Run]) -> None:
    """Ask before runs are deleted; those that are running are refused with a sentence."""
    if active := [run for run in runs if run.is_active()]:
        names = escape_all(run.name for run in active)
        is_one = len(active) == 1
        st.error(
            f"{names} {'is' if is_one else 'are'} in training or waiting. Stop {'it' if is_one else 'them'} before you "
            "delete.",
            icon=":material/error:",
        )
        if st.button("Close", key="delete-not"):
            st.rerun()
        return
    folds = sum(len(run.finished_folds()) for run in runs)
    named = escape_all(map(display_name, runs[:MAX_NAMED_RUNS]))
    more = f" and {len(runs) - MAX_NAMED_RUNS} more" if len(runs) > MAX_NAMED_RUNS else ""
    st.markdown(
        f"Deletes **{named}**{more} with curves, log and checkpoints"
        + (f" and the weights of {folds} finished {'fold' if folds == 1 else 'folds'}" if folds else "")
        + f" ({size_bytes(runs) / MIB:.1f} MiB). Ensembles that were published from "
        + ("it stay." if len(runs) == 1 else "them stay.")
    )
    st.caption("Deleted runs can be restored until you remove them for good under Deleted runs.")
    with st.container(horizontal=True):
        sure = st.button("Delete", type="primary", key="delete-sure", on_click=_delete, args=(workspace, runs))
        if st.button("Cancel", key="delete-not") or sure:
            st.rerun()


def _delete(workspace: Workspace, runs: Sequence[Run]) -> None:
    with messages.show_errors():
        st.session_state[JUST_DELETED] = [run.name for run in delete_runs(workspace, runs)]


def show_undo(workspace: Workspace) -> None:
    """The button that brings back what was deleted last."""
    if not (names := st.session_state.get(JUST_DELETED)):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        what = f"Run {escape(names[0])} was deleted." if len(names) == 1 else f"{len(names)} runs were deleted."
        st.caption(what, width="content")
        st.button(
            "Undo",
            icon=":material/undo:",
            key="undo-delete-run",
            type="tertiary",
            on_click=_restore,
            args=(workspace, names),
        )


def _restore(workspace: Workspace, names: Sequence[str]) -> None:
    st.session_state.pop(JUST_DELETED, None)
    with messages.show_errors():
        restored = restore_runs(workspace, names)
        open_run(restored[0].name)


def show_deleted_button(workspace: Workspace) -> None:
    """The button that lists the deleted runs; only where there are some."""
    if (runs := deleted_runs(workspace)) and st.button(
        f"Deleted runs ({len(runs)}) …", icon=":material/restore_from_trash:", key="deleted", type="tertiary"
    ):
        _show_deleted(workspace, runs)


@st.dialog("Deleted runs", icon=":material/restore_from_trash:")
def _show_deleted(workspace: Workspace, runs: Sequence[Run]) -> None:
    names = {run.name: display_name(run) for run in runs}
    chosen = st.multiselect(
        "Runs to restore",
        list(names),
        default=list(names) if len(names) == 1 else [],
        format_func=lambda name: escape(names[name]),
        key="restore-names",
        placeholder="Choose runs",
    )
    st.caption(f"They take {size_bytes(runs) / MIB:.1f} MiB. What is removed for good cannot be restored.")
    with st.container(horizontal=True):
        done = st.button(
            "Restore",
            type="primary",
            key="restore-runs",
            icon=":material/undo:",
            disabled=not chosen,
            on_click=_restore,
            args=(workspace, chosen),
        )
        removed = st.button(
            "Remove all for good", key="remove-deleted", icon=":material/delete_forever:", on_click=_remove,
            args=(workspace,),
        )  # fmt: skip
        if st.button("Close", key="deleted-close") or done or removed:
            st.rerun()


def _remove(workspace: Workspace) -> None:
    st.session_state.pop(JUST_DELETED, None)
    with messages.show_errors():
        remove_deleted_runs(workspace)
