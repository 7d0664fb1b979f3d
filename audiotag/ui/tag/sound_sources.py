"""Bring sounds to the Tag page: drop zone, microphone, path, and clips of the dataset."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Any

import streamlit as st

from audiotag.audio.opening import READABLE
from audiotag.data.remote_folders import localise
from audiotag.errors import AudiotagError
from audiotag.ui import dataset_cache, frame
from audiotag.ui.style import add_style
from audiotag.ui.tag import folder_form
from audiotag.ui.tag.dropped_sounds import VIEW, add_sounds, last_number, next_number
from audiotag.ui.tag.stored_uploads import release_uploads
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.sound_picker import MICROPHONE_NOTE, pick_dataset_clip
from audiotag.ui.widgets.typed_path import parse_path

MAX_SOUNDS_OF_FOLDER = 50
RECORD, PATH = "by-record", "by-path"  # keys of the popovers, which close when a sound was added
EMPTY_PATH = "Give the path of a sound, or of a folder of sounds."
PATH_MESSAGES = "tag-path-messages"  # in the session: messages about the last path, and whether each is an error
STYLE = """
<style>
  .st-key-drop-zone [data-testid="stFileUploaderDropzone"] {
    min-height: 7.6rem; border-style: dashed; align-items: center; justify-content: center;
  }
</style>
"""


def show_sources(context: frame.PageContext) -> None:
    """The drop zone, and beside it the other ways to bring sounds to the page."""
    zone, sources = st.columns([2.6, 1], gap="medium")
    with zone:
        show_drop_zone()
    with sources:
        show_other_sources(context)


def show_drop_zone() -> None:
    """The drop zone. It is empty again after each drop, because the page lists the sounds itself."""
    key = f"sounds-{last_number('drop')}"
    add_style(STYLE)
    with st.container(key="drop-zone"):
        st.file_uploader(
            "Drop sounds here",
            accept_multiple_files=True,
            key=key,
            on_change=_take_uploads,
            args=(key,),
            help=f"{READABLE}, up to 200 MB each. They stay on this machine.",
        )


def show_other_sources(context: frame.PageContext) -> None:
    """Microphone, path and dataset, each behind a button."""
    options: dict[str, Any] = {"width": "stretch", "on_change": "rerun"}
    with st.popover("Record", icon=":material/mic:", key=RECORD, help="Use the microphone.", **options):
        key = f"recording-{last_number('recording')}"
        st.audio_input("Record", sample_rate=44_100, key=key, on_change=_take_recording, args=(key,))
        st.caption(MICROPHONE_NOTE)
    with st.popover("Path", icon=":material/folder_open:", key=PATH, help="For large files and folders.", **options):
        _path_form()
    popover = st.popover(
        "From the dataset",
        icon=":material/library_music:",
        key="of-dataset",
        help="A clip with known labels, to compare them with its tags.",
        **options,
    )
    if popover.open:
        with popover:
            _dataset_form(context)


def show_try_button(context: frame.PageContext) -> None:
    """A button that adds a random clip of the dataset."""
    if context.dataset_root is not None:
        st.button(
            f"Try it with a clip of {escape(context.dataset_root.stem)}",
            icon=":material/casino:",
            key="try-one",
            on_click=_take_random_clip,
            args=(context.dataset_root,),
        )
    for message, _ in st.session_state.get(PATH_MESSAGES, []):
        st.caption(f":material/warning: {escape(message)}")


def _take_uploads(key: str) -> None:
    uploads = _still_there(st.session_state[key])
    add_sounds([(upload.name, upload.getvalue()) for upload in uploads])
    release_uploads(uploads)
    if uploads:
        next_number("drop")


def _take_recording(key: str) -> None:
    for recorded in _still_there([st.session_state[key]]):
        add_sounds([(f"recording {next_number('recording')}", recorded.getvalue())], recorded=True)
        release_uploads([recorded])
        st.session_state[RECORD] = False


def _still_there(uploads: list[Any]) -> list[Any]:
    """The uploads but those that were taken already: a browser may send the same drop again."""
    return [upload for upload in uploads if hasattr(upload, "getvalue")]


def _path_form() -> None:
    with st.form("tag-path-form", border=False):
        st.text_input(
            "Path of a sound or a folder",
            key="tag-path",
            placeholder="/data/night.wav",
            help="The file is read where it is, and is never changed.",
        )
        st.form_submit_button("Tag", type="primary", icon=":material/sell:", on_click=_take_path)
    for message, is_error in st.session_state.get(PATH_MESSAGES, []):
        (st.error if is_error else st.info)(escape(message))
    st.caption(f"This tab shows the first {MAX_SOUNDS_OF_FOLDER} sounds of a folder.")
    st.button(
        "Tag all sounds of a folder",
        icon=":material/folder_copy:",
        key="to-folders",
        type="tertiary",
        on_click=_go_to_folders,
        help="In the background, with progress, on the tab Folders.",
    )


def _go_to_folders() -> None:
    """Open the tab Folders with the path that was typed."""
    st.session_state[VIEW], st.session_state[PATH] = "Folders", False
    st.session_state[folder_form.SOUNDS] = st.session_state.get("tag-path", "")


def _take_path() -> None:
    """Add the sound or the sounds at the path; errors are shown below the field."""
    try:
        path = localise(parse_path(st.session_state["tag-path"], EMPTY_PATH))
        if os.path.isdir(path):
            from audiotag.tagging.sound_files import sound_files

            found = list(islice(sound_files([path]), MAX_SOUNDS_OF_FOLDER + 1))
            if not found:
                raise AudiotagError(f"{path} contains no sounds. Readable are {READABLE}.")
            add_sounds([(each.clip, each.path) for each in found[:MAX_SOUNDS_OF_FOLDER]])
            note = f"{path} contains more than {MAX_SOUNDS_OF_FOLDER} sounds. The page shows the first of them."
            more = len(found) > MAX_SOUNDS_OF_FOLDER
            st.session_state[PATH_MESSAGES], st.session_state[PATH] = [(note, False)] if more else [], more
            return
        if not os.path.exists(path):
            raise AudiotagError(
                f"{path} does not exist. Check the spelling; the path must be on the machine that runs this app."
            )
        add_sounds([(path.name, path)])
        st.session_state[PATH_MESSAGES], st.session_state[PATH] = [], False
    except AudiotagError as error:
        st.session_state[PATH_MESSAGES] = [(str(error), True)]


def _dataset_form(context: frame.PageContext) -> None:
    if context.dataset_root is None:
        st.caption("There is no dataset yet. Open one in the sidebar.")
        return
    with messages.show_errors():
        dataset = dataset_cache.load_dataset(context.dataset_root)
        clip = pick_dataset_clip(dataset, "tag")
        if clip is not None:
            st.button(
                "Tag this clip",
                type="primary",
                icon=":material/sell:",
                key="tag-clip-of-dataset",
                on_click=add_sounds,
                args=([(clip["clip"], clip["path"])], tuple(clip["labels"])),
                help="Its labels are compared with the tags.",
            )


def _take_random_clip(root: Path) -> None:
    """Add a random clip of the dataset, one of its test clips if there are any."""
    try:
        clips = dataset_cache.load_dataset(root).clips
        tests = clips[clips["subset"] == "test"]
        clip = (tests if len(tests) else clips).sample(1).iloc[0]
    except AudiotagError as error:
        st.session_state[PATH_MESSAGES] = [(str(error), True)]
    else:
        add_sounds([(clip["clip"], clip["path"])], tuple(clip["labels"]))
