"""The dialog that opens a dataset. Whether it is open is in the session, so that it survives a run of the page."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import streamlit as st

from audiotag.data.browsing import Listing
from audiotag.data.layouts import OpenOptions, absolute
from audiotag.data.remote_folders import localise
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.remote.addresses import is_remote, typed_text
from audiotag.ui.open_dataset import browser, preview
from audiotag.ui.open_dataset.preview import Found
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.get_dataset import show_fsdkaggle2019
from audiotag.ui.widgets.typed_path import parse_path
from audiotag.wording import as_text
from audiotag.workspace import Workspace

# In the session.
IS_OPEN = "open-dataset-is-open"
FOLDER = "open-dataset-folder"  # the folder that is listed
TARGET = "open-dataset-target"  # the folder or file that would be opened
LOOK = "open-dataset-look"  # a target that is large, and is to be read nevertheless
FETCH = "open-dataset-fetch"  # whether it is shown how to get FSDKaggle2019
PROBLEM = "open-dataset-problem"  # why the last path was not opened
OPENED = "open-dataset-opened"  # the name of the dataset that was opened, until it is said
LISTED = "open-dataset-listed"  # the path of the address that was listed last
GIVEN = "open-dataset-given"  # the path of an address that was given and is to be listed; browsing lists nothing
WANTED = "open-dataset-wanted"  # whether what is listed is then to be opened
PATH = "dataset-path"  # key of the field
TABLE_OPTIONS = (  # keys and labels of the fields
    ("file-column", "File column"),
    ("label-column", "Label column"),
    ("separator", "Column separator"),
)


def ask_to_open() -> None:
    """Have the dialog shown in this run of the page; for ``on_click`` of a button."""
    st.session_state[IS_OPEN] = True
    st.session_state[FETCH] = False
    for key in (PROBLEM, GIVEN, WANTED):
        st.session_state.pop(key, None)
    _go_to(st.session_state.get(FOLDER) or _first_folder())


def show_open_button(key: str, is_primary: bool = False) -> None:
    """A button that opens the dialog."""
    st.button(
        "Open a dataset",
        icon=":material/folder_open:",
        key=key,
        on_click=ask_to_open,
        type="primary" if is_primary else "secondary",
        width="content" if is_primary else "stretch",
    )


def show_dialog() -> None:
    """The dialog, where it was asked for; and a message about the dataset that was opened in it."""
    if name := st.session_state.pop(OPENED, ""):
        st.toast(f"{escape(name)} is now the chosen dataset.", icon=":material/check:")
    if st.session_state.get(IS_OPEN):
        _dialog()


def _close() -> None:
    st.session_state[IS_OPEN] = False


@st.dialog("Open a dataset", width="large", icon=":material/folder_open:", on_dismiss=_close)
def _dialog() -> None:
    if not st.session_state.get(IS_OPEN):  # it was closed by a button in it
        st.rerun()
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    left.text_input(
        "Path",
        key=PATH,
        on_change=_take_path,
        placeholder="/data/FSDKaggle2019",
        help="A folder of sounds, a folder with one folder per class, or a table of files and labels, on the machine "
        "that runs this app, or an address like s3://bucket/sounds. The files are never changed.",
    )
    right.button("Open", type="primary", key="open-path", on_click=_open_path, width="stretch")
    _list_address()
    if problem := st.session_state.get(PROBLEM):
        st.error(escape(problem), icon=":material/error:")
    folder, target = st.session_state[FOLDER], st.session_state[TARGET]
    browser.show_way(folder, _go_to)
    folders, found = st.columns(2, gap="medium")
    with folders:
        listing = browser.show_folder(folder, _go_to)
    with found:
        _show_target(target, listing)
    is_fetching = bool(st.session_state.get(FETCH))
    st.button(
        "Hide how to get FSDKaggle2019" if is_fetching else "Get FSDKaggle2019 …",
        icon=":material/cloud_download:",
        key="fetch",
        type="tertiary",
        on_click=_show_fetching,
        args=(not is_fetching,),
        help="Shows commands that download this dataset, and which parts of it are already there.",
    )
    if is_fetching:
        with st.container(border=True):
            show_fsdkaggle2019(Workspace().root.parent / "FSDKaggle2019", _choose)


def _list_address() -> None:
    """List what is at the address that was given, once, and open it if that was asked for.

    If the page runs again meanwhile, that is asked for still.
    """
    target = st.session_state[TARGET]
    if st.session_state.get(GIVEN) != target or not is_remote(target):
        return
    shown = st.progress(0.0, "Listing …")

    def progress(done: int, total: int) -> None:
        shown.progress(done / total if total else 0.0, f"{done:,} of {total:,} files" if total else f"{done:,} files")

    try:
        localise(target, progress)
    except (AudiotagError, OSError) as error:
        _forget_given()
        st.session_state[FOLDER] = st.session_state[TARGET] = _first_folder()
        st.session_state[PROBLEM] = _sentence(error)
    else:
        st.session_state[LISTED] = target
        if _forget_given():
            _open_path()
        st.session_state[FOLDER] = target if target.is_dir() else target.parent
    shown.empty()
    if not st.session_state[IS_OPEN]:
        st.rerun()


def _forget_given() -> bool:
    """Forget what was to be listed; gives whether it was to be opened as well."""
    del st.session_state[GIVEN]
    return bool(st.session_state.pop(WANTED, False))


def _show_target(target: Path, listing: Listing | None) -> None:
    """What the chosen folder or table holds; a large folder is only read when the user asks for it."""
    st.markdown(f"**{escape(target.name or target.anchor)}**")
    is_small = target != st.session_state[FOLDER] or (listing is not None and listing.is_complete)
    if listing is None and target == st.session_state[FOLDER]:
        return
    if is_small and listing is not None and target == listing.folder and not (listing.all_sounds or listing.tables):
        st.info("There are no sounds here. Choose a folder on the left.", icon=":material/search_off:")
    elif is_small or st.session_state.get(LOOK) == target:
        _show_found(target)
    else:
        st.info("This folder holds many files. Choose a folder in it, or read it as a whole.", icon=":material/info:")
        st.button("Look inside", icon=":material/search:", key="look-inside", on_click=_look, args=(target,))
    with st.expander("Options for tables", type="compact"):
        for key, label in TABLE_OPTIONS:
            st.text_input(label, key=key, placeholder="detected automatically")


def _show_found(target: Path) -> None:
    try:
        with st.spinner("Reading tables and folder names …"):
            dataset = preview.look_inside(target, _typed_options()).dataset
    except (AudiotagError, OSError) as error:
        if (problem := _sentence(error)) != st.session_state.get(PROBLEM):
            st.info(escape(problem), icon=":material/search_off:")
    else:
        preview.show_found(dataset)


def _show_fetching(is_shown: bool) -> None:
    st.session_state[FETCH] = is_shown


def _look(target: Path) -> None:
    st.session_state[LOOK] = target


def _go_to(path: Path) -> None:
    """List a folder, or the folder of a file, and choose what would be opened."""
    folder = path if path.is_dir() or is_remote(path) else path.parent
    if folder != st.session_state.get(FOLDER):
        st.session_state[browser.PART_OF_NAME] = ""
    st.session_state[FOLDER], st.session_state[TARGET] = folder, path
    st.session_state[PATH] = as_text(typed_text(path))
    st.session_state.pop(PROBLEM, None)


def _take_path() -> None:
    """Go to the path that was typed or pasted; what is wrong with it is said below the field."""
    text = st.session_state.get(PATH) or ""
    if text == as_text(typed_text(st.session_state.get(TARGET, ""))):
        return
    try:
        path = parse_path(text, "Give the path of a dataset: a folder, or its table.")
        if not is_remote(path) and not os.path.exists(path):
            raise AudiotagError(
                f"{path} does not exist. Check the spelling; the path must be on the machine that runs this app."
            )
        _go_to(path)
        if is_remote(path) and st.session_state.get(LISTED) != path:
            st.session_state[GIVEN] = path
    except (AudiotagError, OSError) as error:
        st.session_state[PROBLEM] = _sentence(error)


def _open_path() -> None:
    """Open the dataset at the path, choose it and close the dialog; otherwise say what is wrong."""
    st.session_state.pop(PROBLEM, None)
    _take_path()
    if st.session_state.get(PROBLEM):
        return
    if is_remote(target := st.session_state[TARGET]) and st.session_state.get(LISTED) != target:
        st.session_state[GIVEN], st.session_state[WANTED] = target, True
        return
    try:
        found = preview.look_inside(absolute(st.session_state[TARGET]), _typed_options())
        _remember(found)
    except (AudiotagError, OSError) as error:
        st.session_state[PROBLEM] = _sentence(error)


def _remember(found: Found) -> None:
    workspace, root = Workspace(), found.dataset.root
    if root not in workspace.dataset_folders():
        st.session_state[messages.JUST_OPENED] = root
    workspace.remember_dataset(root, asdict(found.options))
    _choose(root)
    for key, _ in TABLE_OPTIONS:
        st.session_state[key] = ""
    st.session_state[OPENED] = found.dataset.name


def _choose(root: Path) -> None:
    """Choose a dataset in the sidebar and close the dialog."""
    st.session_state["dataset-next"] = root
    st.session_state[FOLDER] = root if root.is_dir() else root.parent
    _close()


def _typed_options() -> OpenOptions:
    typed = [st.session_state.get(key, "").strip() or None for key, _ in TABLE_OPTIONS]
    return OpenOptions(file_column=typed[0], label_column=typed[1], separator=typed[2])


def _first_folder() -> Path:
    """Where browsing begins: the folder around the last dataset on disk that was opened, else the home folder."""
    workspace = Workspace()
    for root in workspace.dataset_folders():
        if root != workspace.starter and root.parent.is_dir() and not is_remote(root):
            return root.parent
    return browser.home_folder()


def _sentence(error: Exception) -> str:
    return disk_problem(error) if isinstance(error, OSError) else str(error)
