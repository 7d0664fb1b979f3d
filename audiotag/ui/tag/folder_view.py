"""Tag whole folders in the background: start, progress, stop, resume, what was found, and the files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from audiotag.cli.command_lines import tag_line
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.tagging.folder_job import (
    FolderJob,
    FolderOptions,
    FolderProgress,
    export_path,
    export_writer,
    list_jobs,
    restore_job,
)
from audiotag.tagging.own_overlap import without_own_overlap
from audiotag.ui.frame import PageContext
from audiotag.ui.tag import folder_files, folder_form, folder_results
from audiotag.ui.tag.folder_form import CHOSEN
from audiotag.ui.tag.tagging_options import PageSettings
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.wording import as_text, format_duration
from audiotag.workspace import Workspace

DELETED = "folder-deleted"  # in the session: the job that was deleted last
PROBLEM = "folder-button-problem"  # in the session: why a button did not do what it says
RESUME = {"stopped": "Resume", "failed": "Resume", "interrupted": "Resume", "finished": "Tag new and changed sounds"}


def show_folders(context: PageContext, page: PageSettings) -> None:
    """One of the jobs that there are; starts the one that the form asks for."""
    folder_form.start_if_asked(page, context.workspace)
    _show_undo(context.workspace)
    jobs = {job.folder.name: job for job in list_jobs(context.workspace)}
    if not jobs:
        st.info(
            "Give a folder with any number of sounds. It is tagged in the background, can be stopped and resumed, and "
            "the results stay in the workspace.",
            icon=":material/folder_open:",
        )
        return
    if st.session_state.get(CHOSEN) not in jobs:
        st.session_state.pop(CHOSEN, None)
    titles = {name: _title(job) for name, job in jobs.items()}
    name = st.selectbox(
        "Tagged folders",
        list(jobs),
        format_func=lambda name: titles[name],
        key=CHOSEN,
        bind="query-params",
        help="The newest first.",
    )
    job = jobs[name]
    with messages.show_errors():
        options = job.options_if_any()
        _show_process(job, context.workspace)
        if problem := st.session_state.pop(PROBLEM, None):
            st.error(escape(problem), icon=":material/error:")
        if options is not None:
            folder_results.show_results(job, options)
            folder_files.show_files(job, options)
            _show_command(job, options)


def describe_progress(progress: FolderProgress) -> Markdown:
    """How far a running job is, in one line."""
    if progress.stage == "listing":
        return Markdown(f"Listing the sounds: {progress.total:,} so far")
    if progress.stage == "loading":
        return Markdown(f"Loading the ensemble for {_sounds(progress.total)}")
    if progress.stage == "writing":
        return Markdown("Writing the files")
    parts = [f"Tagging {progress.done:,} of {_sounds(progress.total)}"]
    if progress.clips_per_s:
        parts += [
            f"{progress.clips_per_s:,.1f} clips/s, {progress.times_real_time:,.0f} × real time",
            f"{format_duration(progress.left_s)} left",
        ]
    return Markdown(" · ".join(parts))


def _sounds(count: int) -> Markdown:
    return Markdown("1 sound" if count == 1 else f"{count:,} sounds")


def _title(job: FolderJob) -> str:
    """A job in the picker: the folder, the ensemble, and when it was started."""
    options = job.options_if_any()
    if options is None:
        return f"{job.folder.name} (damaged)"
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(options.created))
    return as_text(f"{Path(options.sounds).name} · {Path(options.ensemble).name} · {began}")


def _show_process(job: FolderJob, workspace: Workspace) -> None:
    """Progress with a button that stops, or how the job ended with buttons that resume and delete."""
    is_active = job.is_active()

    @st.fragment(run_every=1 if is_active else None)
    def watch() -> None:
        state, progress = job.state(), job.how_far()
        if (state in ("running", "stopping")) != is_active:  # it has begun or ended since the whole page was drawn
            st.rerun()
        if is_active:
            st.progress(
                progress.done / max(1, progress.total) if progress.stage in ("tagging", "writing") else 0.0,
                describe_progress(progress),
            )
            with st.container(horizontal=True, vertical_alignment="center"):
                st.button(
                    "Stopping …" if state == "stopping" else "Stop",
                    icon=":material/stop:",
                    key="folder-stop",
                    disabled=state == "stopping",
                    on_click=job.stop,
                    help="What is tagged stays. The job can be resumed.",
                )
                if progress.bad:
                    st.caption(f":material/warning: {_sounds(progress.bad)} could not be tagged so far")
        else:
            _show_end(job, progress, workspace)

    watch()


def _show_end(job: FolderJob, progress: FolderProgress, workspace: Workspace) -> None:
    state = job.state()
    if state == "finished":
        bad = f" {_sounds(progress.bad)} could not be tagged." if progress.bad else ""
        st.success(f"All {_sounds(progress.total)} are done.{bad}", icon=":material/task_alt:")
    elif state == "stopped":
        st.info(f"Stopped after {progress.done:,} of {_sounds(progress.total)}.", icon=":material/pause:")
    else:
        st.error(escape(job.failure() or "The job has not begun; resume it."), icon=":material/error:")
    with st.container(horizontal=True):
        is_resumed = job.options_if_any() is not None and st.button(
            Markdown(RESUME[state]),
            icon=":material/play_arrow:" if state != "finished" else ":material/sync:",
            type="secondary" if state == "finished" else "primary",
            key="folder-resume",
            on_click=_start,
            args=(job,),
            help=Markdown(
                "Looks through the folder again; what has not changed is not tagged again."
                if state == "finished"
                else "Continues where it ended, with the settings that it was started with."
            ),
        )
        is_deleted = st.button(
            "Delete",
            icon=":material/delete:",
            key="folder-delete",
            type="tertiary",
            on_click=_delete,
            args=(job,),
            help="Deletes the results in the workspace. Your sounds, and files in a folder of your own, stay.",
        )
    if is_resumed or is_deleted:
        st.rerun()  # the whole page: a click on a button of a fragment runs only that


def _show_undo(workspace: Workspace) -> None:
    if deleted := st.session_state.get(DELETED):
        name, title = deleted
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{escape(title)} was deleted.", width="content")
            st.button(
                "Undo",
                icon=":material/undo:",
                key="folder-undo",
                type="tertiary",
                on_click=_restore,
                args=(name, workspace),
            )


def _start(job: FolderJob) -> None:
    _try(job.start)


def _delete(job: FolderJob) -> None:
    title = _title(job)
    if _try(job.delete):
        st.session_state[DELETED] = (job.folder.name, title)


def _restore(name: str, workspace: Workspace) -> None:
    if _try(lambda: restore_job(name, workspace)):
        st.session_state.pop(DELETED, None)
        st.session_state[CHOSEN] = name


def _try(act: Callable[[], object]) -> bool:
    """Call a function from a callback, which may not show what goes wrong; the page then shows it."""
    try:
        act()
    except (AudiotagError, OSError) as error:
        st.session_state[PROBLEM] = disk_problem(error) if isinstance(error, OSError) else str(error)
        return False
    return True


def _show_command(job: FolderJob, options: FolderOptions) -> None:
    out = job.out(options)
    writers = {name: export_writer(name) for name in options.files}
    whole = [name for name, (format, _) in writers.items() if not format.one_file_per_clip]
    per_clip = [name for name, (format, _) in writers.items() if format.one_file_per_clip and name != "audacity"]
    first = next(iter(whole + per_clip), "")
    has_events = any(format.has_events for format, _ in writers.values())
    st.caption("The same as a command:")
    line = tag_line(
        [options.sounds],
        Path(options.ensemble).name,
        without_own_overlap(options.settings, Path(options.ensemble)),
        options.specs,
        out=export_path(out, first) if whole else out / first if first else "",
        spreadsheet=bool(first) and writers[first][1],
        audacity=out / "audacity" if "audacity" in options.files else "",
        format=writers[first][0].name if first and (not whole or not writers[first][0].found_by_suffix) else "",
        events=options.events if has_events else None,
    )
    st.code(line, language="bash", wrap_lines=True)
