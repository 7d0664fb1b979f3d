"""The starter sounds on pages: rendered in a detached process, whose progress is shown while there is no dataset."""

from __future__ import annotations

import streamlit as st

from audiotag.starter.render_job import RenderJob
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages
from audiotag.wording import format_duration
from audiotag.workspace import Workspace

POLL_INTERVAL_S = 1.0


def show_starter_sounds(workspace: Workspace) -> None:
    """What a page shows that needs a dataset while there is none: the progress of the starter sounds, or a button.

    As soon as they are rendered, by whomever, they are the chosen dataset and the page runs again.
    """
    job = RenderJob.of(workspace)

    @st.fragment(run_every=POLL_INTERVAL_S)
    def watch() -> None:
        _choose_when_rendered(workspace)
        if job.is_active():
            st.markdown(
                "**The starter sounds are being rendered.** They are a small dataset to try everything with, which "
                "audiotag synthesises on this machine. This page shows them as soon as they are there."
            )
            _show_progress(job)
            st.caption("You need not wait to use your own sounds: open a dataset of yours.")
            return
        if failure := job.failure():
            st.error(escape(failure), icon=":material/error:")
        else:
            st.info(
                "There is no dataset yet. Open one, or render the starter sounds: a small dataset to "
                "try everything with.",
                icon=":material/library_music:",
            )
        label = "Try again" if failure else "Render the starter sounds"
        if st.button(label, icon=":material/music_note:", type="primary", key="render-starter-sounds"):
            with messages.show_errors():
                job.start()
                st.rerun()

    watch()


def show_progress_in_sidebar(workspace: Workspace) -> None:
    """The progress alone, while the starter sounds are being rendered, for pages that need no dataset."""
    job = RenderJob.of(workspace)
    if not job.is_active():
        return

    @st.fragment(run_every=POLL_INTERVAL_S)
    def watch() -> None:
        _choose_when_rendered(workspace)
        if job.is_active():
            st.caption("Starter sounds")
            _show_progress(job)

    watch()


def _choose_when_rendered(workspace: Workspace) -> None:
    if workspace.starter in workspace.dataset_folders():
        messages.select_in_sidebar("dataset", workspace.starter)


def _show_progress(job: RenderJob) -> None:
    progress = job.progress()
    if not progress:
        st.progress(0.0, "Starting …")
        return
    st.progress(
        min(1.0, progress["done"] / max(1, progress["total"])),
        f"Rendering {progress['done']:,} of {progress['total']:,} clips · {format_duration(progress['left_s'])} left",
    )
