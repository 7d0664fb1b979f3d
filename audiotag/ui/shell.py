"""The frame that every page stands in: title, sidebar, dataset and ensemble pickers.

Each page calls `page` first and so stands alone: a deep link on a fresh server shows the same as a click.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from audiotag.data.layouts import Dataset, absolute
from audiotag.errors import AudiotagError
from audiotag.ui import cached
from audiotag.workspace import Workspace

PAGES = (
    ("app.py", "Home", ":material/home:"),
    ("pages/dataset.py", "Dataset", ":material/library_music:"),
    ("pages/spectrogram.py", "Spectrogram", ":material/graphic_eq:"),
    ("pages/train.py", "Train", ":material/model_training:"),
    ("pages/tag.py", "Tag", ":material/sell:"),
)
STYLE = """
<style>
  .block-container { padding-top: 3.2rem; max-width: 1400px; }
  [data-testid="stSidebarContent"] [data-testid="stPageLink"] a { padding: .35rem .6rem; border-radius: .5rem; }
</style>
"""


def page(title: str) -> Workspace:
    """Set the page up: browser title, width, sidebar; gives the workspace."""
    st.set_page_config(page_title=f"{title} · audiotag", page_icon=":material/graphic_eq:", layout="wide")
    st.html(STYLE)
    with st.sidebar:
        st.markdown("### :material/graphic_eq: audiotag")
        for target, label, icon in PAGES:
            st.page_link(target, label=label, icon=icon, width="stretch")
    return Workspace()


def pick_dataset(workspace: Workspace) -> Dataset:
    """The dataset chosen in the sidebar; stops the page with a sentence where there is none."""
    with st.sidebar:
        st.divider()
        folders = workspace.dataset_folders()
        if folders:
            folder = st.selectbox(
                "Dataset",
                folders,
                format_func=lambda path: path.stem,
                key="dataset",
                persist_state="session",
                help="Datasets opened before. Open another by its path below.",
            )
        with st.popover("Open a dataset", icon=":material/folder_open:", width="stretch"):
            _open_form(workspace)
    if not folders:
        st.info(
            "There is no dataset yet. Render the starter sounds with `audiotag demo`, or open one in the sidebar.",
            icon=":material/library_music:",
        )
        st.stop()
    with shown_errors(stop=True):
        return cached.dataset(folder)


def _open_form(workspace: Workspace) -> None:
    with st.form("open-dataset", border=False):
        path = st.text_input(
            "Path",
            key="dataset-path",
            placeholder="/data/FSDKaggle2019",
            help="A folder in the layout of the Freesound Audio Tagging 2019 competition, or a CSV with a file column "
            "and a label column, or the folder that holds one. Nothing in it is changed.",
        )
        if st.form_submit_button("Open", type="primary") and path:
            with shown_errors():
                dataset = cached.dataset(absolute(Path(path)))
                workspace.remember_dataset(dataset.root)
                del st.session_state["dataset"]
                st.rerun()


def pick_ensemble(workspace: Workspace) -> Path | None:
    """The folder of the ensemble chosen in the sidebar; None, and a sentence, where there is none."""
    folders = workspace.ensemble_folders()
    with st.sidebar:
        if folders:
            name = st.selectbox(
                "Ensemble",
                list(folders),
                key="ensemble",
                persist_state="session",
                help="Your own ensembles first, then the shipped ones.",
            )
    if not folders:
        st.info("There is no ensemble yet. Train folds on the Train page and publish them.", icon=":material/sell:")
        return None
    return folders[name]


@contextmanager
def shown_errors(stop: bool = False) -> Iterator[None]:
    """Show what the user can mend as a sentence, never as a traceback."""
    try:
        yield
    except AudiotagError as error:
        st.error(str(error), icon=":material/error:")
        if stop:
            st.stop()


def spelled(number: float, unit: str = "") -> str:
    """A number with thousands parted and its unit.

    >>> spelled(24785, "clips")
    '24,785 clips'
    """
    return f"{number:,.0f} {unit}".strip()
