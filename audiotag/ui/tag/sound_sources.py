"""Where sounds come from on the Tag page: dropped, recorded, at a path, of the dataset."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import streamlit as st

from audiotag.audio.opening import READABLE
from audiotag.data.layouts import absolute
from audiotag.errors import AudiotagError
from audiotag.ui import cache, frame
from audiotag.ui.tag.dropped_sounds import add, count_of, counted
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.sound_picker import MICROPHONE, dataset_clip

MOST_OF_A_FOLDER = 50
RECORD, PATH = "by-record", "by-path"  # whether these are open; they close when a sound came
TROUBLE = "tag-trouble"  # in the session: sentences about the last path, and whether each is an error
STYLE = """
<style>
  .st-key-drop-zone [data-testid="stFileUploaderDropzone"] {
    min-height: 7.6rem; border-style: dashed; align-items: center; justify-content: center;
  }
</style>
"""


def drop_zone() -> None:
    """Where sounds are dropped. It is empty again once it has handed them over: the page shows what there is."""
    key = f"sounds-{count_of('drop')}"
    st.html(STYLE)
    with st.container(key="drop-zone"):
        st.file_uploader(
            "Drop sounds here",
            accept_multiple_files=True,
            key=key,
            on_change=_take_uploads,
            args=(key,),
            help=f"{READABLE}, up to 200 MB each; what a file is, its content says. They stay on this machine.",
        )


def other_sources(here: frame.PageContext) -> None:
    """Microphone, path and dataset, each behind a button."""
    keep: dict[str, Any] = {"width": "stretch", "on_change": "rerun"}
    with st.popover("Record", icon=":material/mic:", key=RECORD, help="From the microphone.", **keep):
        key = f"recording-{count_of('recording')}"
        st.audio_input("Record", sample_rate=44_100, key=key, on_change=_take_recording, args=(key,))
        st.caption(MICROPHONE)
    with st.popover("Path", icon=":material/folder_open:", key=PATH, help="For what is too large to drop.", **keep):
        _path_form(here)
    popover = st.popover(
        "From the dataset",
        icon=":material/library_music:",
        key="of-dataset",
        help="A clip whose labels are known, to see them beside the tags.",
        **keep,
    )
    if popover.open:
        with popover:
            _of_dataset(here)


def try_one(here: frame.PageContext) -> None:
    """A button that puts a clip of the dataset on the page, for who has no sound at hand."""
    if here.dataset_root is not None:
        st.button(
            f"Try it with a clip of {here.dataset_root.stem}",
            icon=":material/casino:",
            key="try-one",
            on_click=_take_any,
            args=(here.dataset_root,),
        )
    for sentence, _ in st.session_state.get(TROUBLE, []):
        st.caption(f":material/warning: {messages.escape_markdown(sentence)}")


def _take_uploads(key: str) -> None:
    uploads = st.session_state[key]
    add([(upload.name, upload.getvalue()) for upload in uploads])
    if uploads:
        counted("drop")


def _take_recording(key: str) -> None:
    recorded = st.session_state[key]
    if recorded is not None:
        add([(f"recording {counted('recording')}", recorded.getvalue())])
        st.session_state[RECORD] = False


def _path_form(here: frame.PageContext) -> None:
    with st.form("tag-path-form", border=False):
        st.text_input(
            "Path of a sound, or of a folder",
            key="tag-path",
            placeholder="/data/night.wav",
            help="For what is too large to drop. The file is read where it lies, and never changed.",
        )
        st.form_submit_button("Tag", type="primary", icon=":material/sell:", on_click=_take_path)
    for sentence, is_error in st.session_state.get(TROUBLE, []):
        (st.error if is_error else st.info)(messages.escape_markdown(sentence))
    st.caption(f"Of a folder the first {MOST_OF_A_FOLDER} sounds come here. Whole folders, of any size, by a command:")
    shown = "FOLDER"
    with suppress(AudiotagError):
        folder = _path_of(st.session_state.get("tag-path", ""))
        shown = messages.quoted(folder) if os.path.isdir(folder) else shown
    ensemble = here.ensemble_folder.name if here.ensemble_folder else "NAME"
    st.code(f"audiotag tag {shown} --ensemble {ensemble} --out tags.csv", language="bash", wrap_lines=True)


def _take_path() -> None:
    """What is at the path goes on the page; what is wrong with it is said beside the field."""
    try:
        path = _path_of(st.session_state["tag-path"])
        if os.path.isdir(path):
            from audiotag.tagging.bulk import sound_files

            found = list(islice(sound_files([path]), MOST_OF_A_FOLDER + 1))
            if not found:
                raise AudiotagError(f"{path} holds no sounds; {READABLE} are read.")
            add([(each.clip, each.path) for each in found[:MOST_OF_A_FOLDER]])
            said = f"{path} holds more than {MOST_OF_A_FOLDER} sounds; the first {MOST_OF_A_FOLDER} are here."
            more = len(found) > MOST_OF_A_FOLDER
            st.session_state[TROUBLE], st.session_state[PATH] = [(said, False)] if more else [], more
            return
        if not os.path.exists(path):
            raise AudiotagError(f"{path} is not there; is it spelt like that, and on the machine that runs this app?")
        add([(path.name, path)])
        st.session_state[TROUBLE], st.session_state[PATH] = [], False
    except AudiotagError as error:
        st.session_state[TROUBLE] = [(str(error), True)]


def _path_of(text: str) -> Path:
    if not text.strip():
        raise AudiotagError("Give the path of a sound, or of a folder of sounds.")
    try:
        return absolute(Path(text.strip()))
    except RuntimeError as error:
        raise AudiotagError(f"{text} is in the home of nobody known here; give the whole path.") from error


def _of_dataset(here: frame.PageContext) -> None:
    if here.dataset_root is None:
        st.caption("There is no dataset yet: open one in the sidebar.")
        return
    with messages.show_errors():
        dataset = cache.dataset(here.dataset_root)
        clip = dataset_clip(dataset, "tag")
        if clip is not None:
            st.button(
                "Tag this clip",
                type="primary",
                icon=":material/sell:",
                key="tag-clip-of-dataset",
                on_click=add,
                args=([(clip["clip"], clip["path"])], tuple(clip["labels"])),
                help="Its own labels are shown beside the tags.",
            )


def _take_any(root: Path) -> None:
    """A clip drawn from the dataset, of those that are for testing if there are any."""
    try:
        clips = cache.dataset(root).clips
        tests = clips[clips["subset"] == "test"]
        clip = (tests if len(tests) else clips).sample(1).iloc[0]
    except AudiotagError as error:
        st.session_state[TROUBLE] = [(str(error), True)]
    else:
        add([(clip["clip"], clip["path"])], tuple(clip["labels"]))
