"""Start to tag a folder in the background: its path, which files to write, and where.

The form is on the page before the ensemble is loaded, so what it asks for is done later in the run of the page.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from audiotag.data.remote_folders import localise
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.remote.addresses import is_remote
from audiotag.tagging.events import EventSettings
from audiotag.tagging.folder_job import FolderJob, FolderOptions, export_choices, export_writer
from audiotag.ui.tag.file_choice import pick_events
from audiotag.ui.tag.tagging_options import PageSettings
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.typed_path import parse_path
from audiotag.workspace import Workspace

SOUNDS, FILES, OUT = "folder-sounds", "folder-files", "folder-out"  # keys of the fields
EVENTS = "folder-events"  # in the session: how time ranges are found
ASKED = "folder-asked"  # in the session: the form was sent
PROBLEM = "folder-problem"  # in the session: why the last folder was not taken
CHOSEN = "folder-job"  # key of the picker of jobs


def show_form() -> None:
    """The fields and the button; what is wrong with the last folder stands below them."""
    choices = export_choices()
    with st.container(border=True):
        st.text_input(
            "Folder of sounds",
            key=SOUNDS,
            placeholder="/data/recordings",
            help="On the machine that runs this app. All folders below it are included. Nothing is written into it.",
        )
        files, out = st.columns(2, gap="medium")
        with files:
            names = st.multiselect(
                "Files to write",
                list(choices),
                default=["csv"],
                format_func=choices.__getitem__,
                key=FILES,
                help="Written when all sounds are tagged. Files for one clip each, such as Audacity labels, must be "
                "chosen now; the others can be made later as well.",
            )
        with out:
            st.text_input(
                "Write them into (optional)",
                key=OUT,
                placeholder="a folder of the workspace",
                help="A folder outside of the folder of sounds. By default they are in the workspace.",
            )
        has_events = any(export_writer(name)[0].has_events for name in names)
        st.session_state[EVENTS] = pick_events("folder") if has_events else EventSettings()
        st.button(
            "Tag this folder",
            type="primary",
            icon=":material/play_arrow:",
            key="folder-start",
            on_click=_ask,
            help=Markdown("It runs in the background, with the settings above, also after you close this page."),
        )
        if problem := st.session_state.get(PROBLEM):
            st.error(escape(problem), icon=":material/error:")


def _ask() -> None:
    st.session_state[ASKED] = True


def start_if_asked(page: PageSettings, workspace: Workspace) -> None:
    """Start the job that the form describes, if it was sent, and show it: this runs the page again."""
    if st.session_state.pop(ASKED, False):
        _start(page, workspace)
        st.rerun()


def _localised(path: Path) -> Path:
    """The path, after what is at an address was listed."""
    with st.spinner("Listing …"):
        return localise(path)


def _on_disk(path: Path) -> Path:
    """The path, which must not be that of an address: nothing is written there."""
    if is_remote(path):
        raise AudiotagError(f"{path} cannot be written to; give a folder on the machine that runs this app.")
    return path


def _start(page: PageSettings, workspace: Workspace) -> None:
    setup, state = page.setup, page.state
    try:
        out = st.session_state[OUT].strip()
        options = FolderOptions(
            sounds=str(_localised(parse_path(st.session_state[SOUNDS], "Give the path of a folder of sounds."))),
            ensemble=str(setup.folder.absolute()),
            settings=setup.settings,
            thresholds=setup.thresholds,
            specs=tuple(state.explicit_specs(setup.tagger.card.labels, setup.settings.combine)),
            files=tuple(st.session_state[FILES]),
            out=str(_on_disk(parse_path(out, ""))) if out else "",
            events=st.session_state[EVENTS],
        )
        job = FolderJob.create(options, workspace)
        job.start()
    except (AudiotagError, OSError) as error:
        st.session_state[PROBLEM] = disk_problem(error) if isinstance(error, OSError) else str(error)
        return
    st.session_state.pop(PROBLEM, None)
    st.session_state[CHOSEN] = job.folder.name
