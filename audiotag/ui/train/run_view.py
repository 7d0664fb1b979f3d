"""The right side of the Train page: one run as it is on disk, read again each second while it trains.

The chosen run is in the address, everything else in the run's folder, so a reload loses nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from audiotag.cli.command_lines import publish_line
from audiotag.errors import AudiotagError
from audiotag.figures import training as figures
from audiotag.training.devices import check_device
from audiotag.training.run_progress import LEFT_OUT_FILE, left_out_reasons, plan_of, work_left
from audiotag.training.runs import (
    ACTIVE,
    RESUMABLE,
    Run,
    State,
    delete_run,
    list_runs,
    restore_run,
)
from audiotag.ui.text import Markdown, escape, escape_all
from audiotag.ui.train import run_tables as tables
from audiotag.ui.train.corrected_labels import show_used_corrections
from audiotag.ui.trust import noise_gate
from audiotag.ui.trust.panel import show_trust_of_run
from audiotag.ui.widgets import messages
from audiotag.wording import format_duration
from audiotag.workspace import Workspace

MAX_LEFT_OUT = 10  # clips whose reasons are shown


def show_runs(workspace: Workspace) -> None:
    """The picker of runs, the chosen run, and the form that publishes it."""
    _show_undo(workspace)
    runs = {run.name: run for run in list_runs(workspace)}
    if not runs:
        st.info(
            "There is no run yet. Choose a recipe and start one.",
            icon=":material/model_training:",
        )
        return
    run = runs[_pick_run(runs)]
    shown = (run.state(), run.finished_folds())
    with messages.show_errors():
        settings = run.settings()
        st.markdown(f"**{escape(settings.recipe.title)}** on {escape(Path(settings.dataset).name)}")

    @st.fragment(run_every=1 if shown[0] in ACTIVE else None)
    def live() -> None:
        """Show the run; run the whole page again when the run's state changes or another fold has finished."""
        if not run.folder.exists() or (run.state(), run.finished_folds()) != shown:
            st.rerun()
        _show_state(run, shown[0], workspace)
        tables.show_results(run, shown[0], {name: other for name, other in runs.items() if name != run.name})

    live()
    tables.keep_zoom()
    if shown[1]:
        show_trust_of_run(run)
        _publish_form(run, shown[1], workspace)


def _pick_run(runs: dict[str, Run]) -> str:
    """Name of the chosen run, which is in the address."""
    chosen = st.session_state.get("run", st.query_params.get("run"))
    # Always set, because the labels change with the states and a browser sends back the label that it last showed.
    st.session_state["run"] = chosen if chosen in runs else next(iter(runs))
    states = {name: run.state() for name, run in runs.items()}
    name = st.selectbox(
        "Run",
        list(runs),
        format_func=lambda name: f"{tables.STATE_ICONS[states[name]]} {name}",
        key="run",
        persist_state="session",
        help="Newest first. " + escape_all(f"{icon} {state}" for state, icon in tables.STATE_ICONS.items()) + ".",
    )
    if st.query_params.get("run") != name:
        st.query_params["run"] = name
    return name


def _show_state(run: Run, state: State, workspace: Workspace) -> None:
    """State and progress of the run, and the buttons for it."""
    with st.container():  # of its own, so that everything below stays in place when folds start and finish
        if state == "queued":
            st.info(_queue_text(run, workspace), icon=":material/hourglass_top:")
        elif state in ACTIVE:
            _show_progress(run, state)
        elif state == "finished":
            scores = [event["lwlrap"] for event in run.events() if event["event"] == "fold-finished"]
            if not scores:
                st.warning(
                    "Finished, but the file of its events is damaged. Train it again.", icon=":material/warning:"
                )
                return _show_buttons(run, state, workspace)
            folds = "1 fold" if len(scores) == 1 else f"{len(scores)} folds"
            st.success(f"Finished: mean lwlrap {sum(scores) / len(scores):.4f} over {folds}.", icon=":material/check:")
        elif state == "failed":
            st.error(
                escape(run.reason() or "The run failed without a message. See the log below."),
                icon=":material/error:",
            )
            st.caption("The last lines of the log. Resume continues from the last epoch and keeps finished folds.")
            st.code(run.log_tail(12) or "The log is empty.", language=None, wrap_lines=True)
        else:
            st.warning(
                f"The run was {escape(state)}. {escape(run.reason())} Resume continues from the last epoch and keeps "
                "finished folds.",
                icon=":material/stop_circle:",
            )
        _show_left_out(run)
        show_used_corrections(run)
        _show_buttons(run, state, workspace)


def _show_left_out(run: Run) -> None:
    """Clips that the run does without, and why."""
    if reasons := left_out_reasons(run.events()):
        clips = "1 clip is" if len(reasons) == 1 else f"{len(reasons):,} clips are"
        with st.expander(f"{clips} left out", icon=":material/warning:", key="left-out"):
            st.markdown("\n".join(f"- {escape(reason)}" for reason in reasons[:MAX_LEFT_OUT]))
            if len(reasons) > MAX_LEFT_OUT:
                st.caption(f"{len(reasons) - MAX_LEFT_OUT:,} more are in {escape(run.folder / LEFT_OUT_FILE)}.")


def _show_progress(run: Run, state: State) -> None:
    """A bar for each fold in training, and the remaining time of the run."""
    folds = run.progress()
    if state == "starting" or not folds:
        st.progress(0.0, "Starting: loading libraries and reading all clips once …")
        return
    events = run.events()
    left_s = work_left(events, in_training=folds)
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
        seconds = work_left(events, fold["fold"], folds)
        if seconds is not None:
            text += f" · {format_duration(seconds)} to the end of the fold"
        elif (seconds := fold.get("seconds_left_in_epoch")) is not None:  # nothing else is known before the first epoch
            text += (
                f" · {format_duration(seconds)} to the end of {'measuring' if measuring else 'its training batches'}"
            )
        st.progress(min(1.0, fold["batch"] / max(1, fold["batches"])), escape(text))


def _queue_text(run: Run, workspace: Workspace) -> Markdown:
    """Which device a queued run waits for, and which run uses it now."""
    try:
        wanted = check_device(run.settings().device)
    except AudiotagError:
        return Markdown("Waits for its device.")
    user = ""
    for other in list_runs(workspace):
        if other.name != run.name and other.state() in ("running", "stopping", "starting"):
            try:
                shared = set(check_device(other.settings().device)) & set(wanted)
            except AudiotagError:
                continue
            user = f", which run {other.name} uses" if shared else user
    return escape(f"Waits for {' and '.join(wanted)}{user}. It starts automatically.")


def _show_buttons(run: Run, state: State, workspace: Workspace) -> None:
    with st.container(horizontal=True):
        if state in ACTIVE:
            label = "Leave the queue" if state == "queued" else "Stop after this batch"
            if st.button(label, icon=":material/stop:", key="stop", disabled=state == "stopping"):
                with messages.show_errors():
                    run.stop()
                    st.rerun()
        if state in RESUMABLE and st.button(
            "Resume", icon=":material/play_arrow:", key="resume", help="Continues from the last epoch that was saved."
        ):
            with messages.show_errors():
                run.start()
                st.rerun()
        if state not in ACTIVE and st.button("Delete …", icon=":material/delete:", key="delete", type="tertiary"):
            _confirm_deletion(run, workspace)


@st.dialog("Delete this run?", icon=":material/delete:")
def _confirm_deletion(run: Run, workspace: Workspace) -> None:
    folds = len(run.finished_folds())
    size_mib = sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file()) / 2**20
    st.markdown(
        f"Deletes **{escape(run.name)}** with its curves, log and checkpoints"
        + (f" and the weights of {folds} finished {'fold' if folds == 1 else 'folds'}" if folds else "")
        + f" ({size_mib:.1f} MiB). Ensembles that were published from it stay."
    )
    st.caption("You can undo this until you delete another run.")
    with st.container(horizontal=True):
        sure = st.button("Delete", type="primary", key="delete-sure", on_click=_delete, args=(run, workspace))
        if st.button("Cancel", key="delete-not") or sure:
            st.rerun()


def _delete(run: Run, workspace: Workspace) -> None:
    with messages.show_errors():
        delete_run(workspace, run)
        st.session_state["deleted-run"] = run.name


def _show_undo(workspace: Workspace) -> None:
    """The button that restores the run that was deleted last."""
    if not (name := st.session_state.get("deleted-run")):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Run {escape(name)} was deleted.", width="content")
        if st.button("Undo", icon=":material/undo:", key="undo-delete-run", type="tertiary"):
            del st.session_state["deleted-run"]
            with messages.show_errors():
                st.session_state["run"] = restore_run(workspace, name).name


def _publish_form(run: Run, folds: list[int], workspace: Workspace) -> None:
    """Name and button that make an ensemble of the finished folds."""
    with st.form("publish", border=True):
        numbers = escape_all(folds)
        st.markdown(
            f"**Publish** fold{'' if len(folds) == 1 else 's'} {numbers} as an ensemble that the Tag page and "
            "`audiotag tag` can use."
        )
        name = st.text_input("Name", value=_free_name(run, workspace), key=f"publish-name-{run.name}")
        if st.form_submit_button("Publish", icon=":material/publish:"):
            from audiotag.training.publish import publish  # it loads torch

            with messages.show_errors():
                folder = publish(run, name, workspace.ensembles)
                noise_gate.start_after_publishing(folder, workspace)
                st.toast(f"{escape(name)} is now the chosen ensemble.", icon=":material/check:")
                messages.select_in_sidebar("ensemble", name)
        st.caption("The same as a command:")
        st.code(publish_line(run.name, name or "NAME"), language="bash", wrap_lines=True)
    noise_gate.show_running(workspace)


def _free_name(run: Run, workspace: Workspace) -> str:
    """A valid name for the ensemble that no other ensemble has."""
    try:
        settings = run.settings()
    except AudiotagError:
        return ""
    name = re.sub(r"[^\w-]+", "-", f"{Path(settings.dataset).stem}-{settings.recipe.name}")[:50]
    taken = workspace.ensemble_folders()
    return next(n for n in (name, *(f"{name}-{number}" for number in range(2, 1000))) if n not in taken)
