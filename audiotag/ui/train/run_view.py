"""The runs on the Train page: all of them in a table, and one of them as it is on disk, read again while it trains.

The open run is in the address, everything else in the run's folder, so a reload loses nothing.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.figures import training as figures
from audiotag.training.device_queue import devices_of
from audiotag.training.preparation import read_preparing
from audiotag.training.run_differences import changes_text
from audiotag.training.run_notes import (
    MAX_NOTE_CHARS,
    MAX_TITLE_CHARS,
    RunNote,
    read_note,
    write_note,
)
from audiotag.training.run_progress import (
    LEFT_OUT_FILE,
    epochs_done,
    left_out_reasons,
    may_end_early,
    plan_of,
    stages_as_trained,
    work_left,
)
from audiotag.training.run_summary import spread_text
from audiotag.training.run_tables import fold_table, label_table
from audiotag.training.runs import ACTIVE, RESUMABLE, Run, State, list_runs
from audiotag.ui.text import Markdown, escape
from audiotag.ui.train import run_tables as tables
from audiotag.ui.train.corrected_labels import show_used_corrections
from audiotag.ui.train.open_run import opened_run, pick_run
from audiotag.ui.train.preparing_bar import show_preparing
from audiotag.ui.train.publish_form import show_publish_form
from audiotag.ui.train.report_button import count_clips, show_report_button
from audiotag.ui.train.run_actions import confirm_deletion, show_deleted_button, show_undo
from audiotag.ui.train.run_curves import keep_zoom, show_curves
from audiotag.ui.train.run_list import show_run_list
from audiotag.ui.trust.panel import show_trust_of_run
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.downloads import show_downloads
from audiotag.wording import format_duration
from audiotag.workspace import Workspace

MAX_LEFT_OUT = 10  # clips whose reasons are shown


def show_runs(workspace: Workspace) -> None:
    """The table of runs, the open run, and the form that publishes it."""
    with st.container(key="undo"):
        show_undo(workspace)
    runs = {run.name: run for run in list_runs(workspace)}
    if not runs:
        st.info(
            "There is no run yet. Choose a recipe under New run and start one.",
            icon=":material/model_training:",
        )
        show_deleted_button(workspace)
        return
    name = opened_run(runs)
    with st.container(key="runs-top"):
        show_run_list(workspace, list(runs.values()), name)
        run = runs[pick_run(runs, name)]
        shown = (run.state(), run.finished_folds())
        _show_head(run)

    @st.fragment(run_every=1 if shown[0] in ACTIVE else None)
    def live() -> None:
        """Show the run; run the whole page again when the run's state changes or another fold has finished."""
        if not run.folder.exists() or (run.state(), run.finished_folds()) != shown:
            st.rerun()
        _show_state(run, shown[0], workspace)
        _show_results(run, shown[0], {name: other for name, other in runs.items() if name != run.name})

    live()
    keep_zoom()
    if shown[1] and _trains_single(run):
        st.caption(
            "One network that is trained on all clips has no out-of-fold scores and no folds to publish. Run the same "
            "`audiotag distil` command again to put it beside the folds of its ensemble."
        )
    elif shown[1]:
        show_trust_of_run(run)
        show_publish_form(run, shown[1], workspace)


def _trains_single(run: Run) -> bool:
    try:
        return run.settings().trains_single
    except AudiotagError:  # damaged settings, which the head of the page says
        return False


def _show_head(run: Run) -> None:
    """Name and note of the run, and what it was asked to do."""
    note = read_note(run)
    st.header(escape(note.title or run.name))
    with messages.show_errors():
        settings = run.settings()
        changes = changes_text(settings)
        st.markdown(
            f"**{escape(settings.recipe.title)}** on {escape(Path(settings.dataset).name)}"
            + (f" · changed in the recipe: {escape(changes)}" if changes else "")
            + (f" · {escape(run.name)}" if note.title else "")
        )
    if note.note:
        st.markdown(escape(note.note))


def _note_fields(run: Run) -> None:
    """Fields for the name and the note of the run; both are saved when a field is left."""
    note = read_note(run)
    with st.popover("Name and note", icon=":material/edit_note:", key="note-fields"):
        title = st.text_input("Name", value=note.title, key=f"run-title-{run.name}", max_chars=MAX_TITLE_CHARS)
        text = st.text_area("Note", value=note.note, key=f"run-note-{run.name}", max_chars=MAX_NOTE_CHARS)
    with messages.show_errors():
        wanted = RunNote(title or "", text or "")
        if wanted != note:
            write_note(run, wanted)
            st.rerun()


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
            st.success(f"Finished: mean lwlrap {escape(spread_text(scores))} over {folds}.", icon=":material/check:")
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
        for note in (plan_of(run.events()) or {}).get("notes", ()):
            st.caption(f":material/playlist_add_check: {escape(note)}")
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
        show_preparing(
            read_preparing(run.folder), "Starting …" if state == "starting" else "Training the first batch …"
        )
        return
    events = run.events()
    left_s = work_left(events, in_training=folds)
    done, plan = len(run.finished_folds()), plan_of(events)
    words = "Stopping after this batch" if state == "stopping" else "Training"
    if plan:
        words += f": {done} of {len(plan['folds'])} folds finished"
    early = may_end_early(events)
    about = "at least" if early else "about"
    st.markdown(f"{words}, {about} **{format_duration(left_s)}** left" if left_s is not None else words)
    for fold in folds:
        measuring = fold.get("phase") == "measuring"
        text = (
            f"{figures.fold_name(fold['fold']).capitalize()}, {fold['subset']}, epoch {fold['epoch']} of "
            f"{'at most ' * early}{fold['epochs']}, {'measuring, ' if measuring else ''}"
            f"batch {fold['batch']} of {fold['batches']}, loss {fold['loss']:.4f}"
        )
        seconds = work_left(events, fold["fold"], folds)
        if seconds is not None:
            text += f" · {'at least ' * early}{format_duration(seconds)} to the end of the fold"
        elif (seconds := fold.get("seconds_left_in_epoch")) is not None:  # nothing else is known before the first epoch
            text += (
                f" · {format_duration(seconds)} to the end of {'measuring' if measuring else 'its training batches'}"
            )
        st.progress(min(1.0, fold["batch"] / max(1, fold["batches"])), escape(text))


def _queue_text(run: Run, workspace: Workspace) -> Markdown:
    """Which device a queued run waits for, and which run uses it now."""
    try:
        settings = run.settings()
        wanted = devices_of(settings)
    except AudiotagError:
        return Markdown("Waits for its device.")
    if settings.on:
        return Markdown("Waits for a free node of the cluster. It starts automatically.")
    user = ""
    for other in list_runs(workspace):
        if other.name != run.name and other.state() in ("running", "stopping", "starting"):
            try:
                shared = set(devices_of(other.settings())) & set(wanted)
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
        _note_fields(run)
        show_report_button(run)
        if state not in ACTIVE and st.button("Delete …", icon=":material/delete:", key="delete", type="tertiary"):
            confirm_deletion(workspace, [run])


def _show_results(run: Run, state: State, others: dict[str, Run]) -> None:
    """Curves, folds, labels and log of a run; runs of ``others`` can be compared with it."""
    events = run.events()
    plan = plan_of(events)
    if plan and epochs_done(events):
        try:
            recipe = run.settings().recipe
        except AudiotagError:  # the page shows the reason above, and the curves do not need the recipe
            recipe = None
        show_curves(run, events, stages_as_trained(events), others, recipe)
        st.subheader("Folds")
        folds = fold_table(events, state in ACTIVE, run.progress())
        tables.show_fold_table(folds)
        show_downloads(folds, f"{run.name}-folds")
        _show_labels(run)
    with st.expander("Log", icon=":material/article:", key="log"):
        st.code(run.log_tail() or "The log is empty.", language=None, wrap_lines=True)


def _show_labels(run: Run) -> None:
    events = run.events()
    table, folds = label_table(events, count_clips(run, events))
    if len(table):
        st.subheader("Labels, worst first")
        tables.show_label_table(table)
        st.caption(f"Mean over {escape(folds)}.")
        show_downloads(table, f"{run.name}-labels")
