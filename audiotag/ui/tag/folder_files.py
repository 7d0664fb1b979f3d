"""Download the files of a job that has tagged a folder, and have further ones made."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.tagging.folder_job import PROBLEMS, FolderJob, FolderOptions, export_choices, export_path, export_writer
from audiotag.ui.text import Markdown, escape

MAX_DOWNLOAD_BYTES = 200 << 20  # a larger file is named by its path: a download would take as much memory
ANOTHER = "folder-another"  # key of the picker of files that can be made
PROBLEM = "folder-file-problem"  # in the session: why a file is not made


def show_files(job: FolderJob, options: FolderOptions) -> None:
    """A download button per file, a button per file that can be made, and where the files are."""
    if job.state() != "finished":
        return
    out, choices = job.out(options), export_choices()
    st.subheader("Files")
    with st.container(horizontal=True):
        for name in [*options.files, "problems"]:
            path = out / PROBLEMS if name == "problems" else export_path(out, name)
            _show_download(name, escape(choices.get(name, "Problems")), path)
    can_make = export_choices(with_events=options.events is not None)
    missing = [name for name in can_make if name not in options.files and not export_writer(name)[0].one_file_per_clip]
    if missing:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox(
                "Another file",
                missing,
                format_func=choices.__getitem__,
                key=ANOTHER,
                width=300,
                help="Made from the results. Nothing is tagged again, unless sounds are new or have changed. Time "
                "ranges are those that the job was started with.",
            )
            st.button("Make it", icon=":material/note_add:", key="folder-make", on_click=_make, args=(job, name))
    if problem := st.session_state.pop(PROBLEM, None):
        st.error(escape(problem), icon=":material/error:")
    st.caption(f"The files are in {escape(out)}.")


def _show_download(name: str, title: Markdown, path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError:
        return
    if size > MAX_DOWNLOAD_BYTES:
        st.caption(f"{title}: {escape(path)} ({size / 1e6:,.0f} MB)")
        return
    st.download_button(
        title,
        partial(path.read_bytes),
        file_name=path.name,
        icon=":material/download:",
        key=f"folder-download-{name}",
        on_click="ignore",
    )


def _make(job: FolderJob, name: str) -> None:
    try:
        job.add_file(name)
        job.start()
    except (AudiotagError, OSError) as error:
        st.session_state[PROBLEM] = disk_problem(error) if isinstance(error, OSError) else str(error)
