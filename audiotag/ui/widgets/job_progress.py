"""Show the progress of a detached job, with the time that is left and a button that stops it."""

from __future__ import annotations

import streamlit as st

from audiotag.detached_job import DetachedJob
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.wording import format_duration


def show_job_progress(job: DetachedJob, key: str, beginning: Markdown, clips: int) -> bool:
    """The progress of a job; returns whether it is running. The page runs again when it ends.

    Parameters
    ----------
    job : DetachedJob
    key : str
        What the job does, for keys of widgets: the button that stops it is ``stop-KEY``.
    beginning : Markdown
        The text before the first results.
    clips : int
        How many clips the job is about, as far as is known before the first results.
    """
    watched = f"{key}-watched"  # in the session: the job was running when the page was drawn
    if not job.is_active():
        if st.session_state.pop(watched, False):
            st.rerun()
        return False

    @st.fragment(run_every=1)
    def watch() -> None:
        if not job.is_active():
            st.rerun()
        st.session_state[watched] = True
        progress = job.progress()
        done, total = (progress["done"], progress["total"]) if progress else (0, clips)
        left = f"· {format_duration(progress['left_s'])} left" if progress and progress["left_s"] > 0 else ""
        so_far = Markdown(f"{escape(job.activity)} {done:,} of {total:,} {escape(job.unit)} {escape(left)}")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(min(1.0, done / max(1, total)), so_far if done else beginning, width="stretch")
            st.button("Stop", icon=":material/stop:", key=f"stop-{key}", on_click=_stop, args=(job,))

    watch()
    return True


def _stop(job: DetachedJob) -> None:
    with messages.show_errors():
        job.stop()
