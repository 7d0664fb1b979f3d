"""The right side of the Train page: a run as it is on disk, read anew each second while it trains.

Nothing here remembers a run: what is chosen is in the address, all else is in the run's folder.
"""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.figures import training as figures
from audiotag.training.devices import check_device
from audiotag.training.run_progress import plan_of, work_left
from audiotag.training.runs import (
    ACTIVE,
    RESUMABLE,
    Run,
    State,
    delete_run,
    list_runs,
    restore_run,
)
from audiotag.ui.train import run_tables as tables
from audiotag.ui.widgets import messages
from audiotag.wording import format_duration
from audiotag.workspace import Workspace


def show(workspace: Workspace) -> None:
    """The picker, the chosen run, and the form that publishes it."""
    _undo_bar(workspace)
    runs = {run.name: run for run in list_runs(workspace)}
    if not runs:
        st.info(
            "No run yet. Start one with the button; it goes on when you close this page.",
            icon=":material/model_training:",
        )
        return
    run = runs[_pick(runs)]
    seen = (run.state(), run.finished_folds())
    with messages.show_errors():
        settings = run.settings()
        st.markdown(
            f"**{messages.escape_markdown(settings.recipe.title)}** on {messages.escape_markdown(Path(settings.dataset).name)}"
        )

    @st.fragment(run_every=1 if seen[0] in ACTIVE else None)
    def live() -> None:
        """The page is run again once whenever the run goes on to another state, or has another fold to publish."""
        if not run.folder.exists() or (run.state(), run.finished_folds()) != seen:
            st.rerun()
        _state(run, seen[0], workspace)
        tables.results(run, seen[0], {name: other for name, other in runs.items() if name != run.name})

    live()
    tables.keep_zoom()
    if seen[1]:
        _publish_form(run, seen[1], workspace)


def _pick(runs: dict[str, Run]) -> str:
    """The name of the chosen run, which is in the address."""
    chosen = st.session_state.get("run", st.query_params.get("run"))
    # Set, not left: the labels change with the states, and a browser sends back the label that it last showed.
    st.session_state["run"] = chosen if chosen in runs else next(iter(runs))
    states = {name: run.state() for name, run in runs.items()}
    name = st.selectbox(
        "Run",
        list(runs),
        format_func=lambda name: f"{tables.STATE_ICONS[states[name]]} {name}",
        key="run",
        persist_state="session",
        help="The newest first: " + ", ".join(f"{icon} {state}" for state, icon in tables.STATE_ICONS.items()) + ".",
    )
    if st.query_params.get("run") != name:
        st.query_params["run"] = name
    return name


def _state(run: Run, state: State, workspace: Workspace) -> None:
    """How the run stands, and what can be done about it."""
    with st.container():  # of its own, so that what lies below keeps its place as folds come and go
        if state == "queued":
            st.info(_waits_for(run, workspace), icon=":material/hourglass_top:")
        elif state in ACTIVE:
            _progress(run, state)
        elif state == "finished":
            scores = [event["lwlrap"] for event in run.events() if event["event"] == "fold-finished"]
            folds = "1 fold" if len(scores) == 1 else f"{len(scores)} folds"
            st.success(
                f"Finished: mean lwlrap {sum(scores) / max(1, len(scores)):.4f} over {folds}.", icon=":material/check:"
            )
        elif state == "failed":
            st.error(
                messages.escape_markdown(run.reason() or "It failed without a word; the log may tell."),
                icon=":material/error:",
            )
            st.caption("What the worker printed last. Resume goes on from the last epoch; finished folds are kept.")
            st.code(run.log_tail(12) or "nothing", language=None, wrap_lines=True)
        else:
            st.warning(
                f"The run was {state}; what its finished folds gave is kept. Resume goes on from the last epoch.",
                icon=":material/stop_circle:",
            )
        _buttons(run, state, workspace)


def _progress(run: Run, state: State) -> None:
    """A bar for each fold in training, and how long all of it takes yet."""
    folds = run.progress()
    if state == "starting" or not folds:
        st.progress(0.0, "Starting: loading the libraries and reading every clip once …")
        return
    events = run.events()
    left_s = work_left(events)
    done, plan = len(run.finished_folds()), plan_of(events)
    words = "Stopping after this batch" if state == "stopping" else "Training"
    if plan:
        words += f": {done} of {len(plan['folds'])} folds finished"
    st.markdown(f"{words}, about **{format_duration(left_s)}** left" if left_s is not None else words)
    for fold in folds:
        measuring = fold.get("phase") == "measuring"
        text = (
            f"{figures.fold_name(fold['fold']).capitalize()}, {fold['subset']}, epoch {fold['epoch']} of "
            f"{fold['epochs']}, {'measuring, ' if measuring else ''}batch {fold['batch']} of {fold['batches']}, "
            f"loss {fold['loss']:.4f}"
        )
        left = [
            f"{format_duration(seconds)} to the end of the {what}"
            for what, seconds in (
                ("epoch", fold.get("seconds_left_in_epoch")),
                ("fold", work_left(events, fold["fold"])),
            )
            if seconds is not None
        ]
        text = " · ".join([text, *left])
        st.progress(min(1.0, fold["batch"] / max(1, fold["batches"])), text)


def _waits_for(run: Run, workspace: Workspace) -> str:
    """Which device a queued run waits for, and who is at it."""
    try:
        wanted = check_device(run.settings().device)
    except AudiotagError:
        return "Waits for its device."
    at_it = ""
    for other in list_runs(workspace):
        if other.name != run.name and other.state() in ("running", "stopping", "starting"):
            try:
                shared = set(check_device(other.settings().device)) & set(wanted)
            except AudiotagError:
                continue
            at_it = f": run {other.name} is at it" if shared else at_it
    return messages.escape_markdown(f"Waits for the {' and the '.join(wanted)}{at_it}. It begins by itself.")


def _buttons(run: Run, state: State, workspace: Workspace) -> None:
    with st.container(horizontal=True):
        if state in ACTIVE:
            label = "Leave the queue" if state == "queued" else "Stop after this batch"
            if st.button(label, icon=":material/stop:", key="stop", disabled=state == "stopping"):
                run.stop()
                st.rerun()
        if state in RESUMABLE and st.button(
            "Resume", icon=":material/play_arrow:", key="resume", help="From the last epoch that is on disk."
        ):
            with messages.show_errors():
                run.start()
                st.rerun()
        if state not in ACTIVE and st.button("Delete …", icon=":material/delete:", key="delete", type="tertiary"):
            _confirm(run, workspace)


@st.dialog("Delete this run?", icon=":material/delete:")
def _confirm(run: Run, workspace: Workspace) -> None:
    folds = len(run.finished_folds())
    kept = sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file()) / 2**20
    st.markdown(
        f"**{messages.escape_markdown(run.name)}** goes, with its curves, log and checkpoints"
        + (f", and the weights of {folds} finished {'fold' if folds == 1 else 'folds'}" if folds else "")
        + f": {kept:.1f} MiB. Ensembles that were published from it stay."
    )
    st.caption("It can be brought back until another run is deleted.")
    with st.container(horizontal=True):
        sure = st.button("Delete", type="primary", key="delete-sure", on_click=_delete, args=(run, workspace))
        if st.button("Keep it", key="delete-not") or sure:
            st.rerun()


def _delete(run: Run, workspace: Workspace) -> None:
    with messages.show_errors():
        delete_run(workspace, run)
        st.session_state["deleted-run"] = run.name


def _undo_bar(workspace: Workspace) -> None:
    if not (name := st.session_state.get("deleted-run")):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Run {messages.escape_markdown(name)} is deleted.", width="content")
        if st.button("Undo", icon=":material/undo:", key="undo-delete-run", type="tertiary"):
            del st.session_state["deleted-run"]
            with messages.show_errors():
                st.session_state["run"] = restore_run(workspace, name).name


def _publish_form(run: Run, folds: list[int], workspace: Workspace) -> None:
    """Name and button that make an ensemble of the finished folds."""
    with st.form("publish", border=True):
        which = ", ".join(map(str, folds))
        st.markdown(
            f"**Publish as an ensemble** of fold{'' if len(folds) == 1 else 's'} {which}, so that the Tag page and "
            "`audiotag tag` can use it."
        )
        name = st.text_input("Name", value=_free_name(run, workspace), key=f"publish-name-{run.name}")
        if st.form_submit_button("Publish", icon=":material/publish:"):
            from audiotag.training.publish import publish  # it loads torch

            with messages.show_errors():
                publish(run, name, workspace.ensembles)
                st.toast(f"{name} is chosen as the ensemble now; the Tag page uses it.", icon=":material/check:")
                messages.select_in_sidebar("ensemble", name)


def _free_name(run: Run, workspace: Workspace) -> str:
    """A name for the ensemble that can be used and is not taken."""
    try:
        settings = run.settings()
    except AudiotagError:
        return ""
    name = re.sub(r"[^\w-]+", "-", f"{Path(settings.dataset).stem}-{settings.recipe.name}")[:50]
    taken = workspace.ensemble_folders()
    return next(n for n in (name, *(f"{name}-{number}" for number in range(2, 1000))) if n not in taken)
