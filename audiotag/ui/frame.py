"""The frame that every page stands in: title, sidebar, dataset and ensemble pickers.

Each page calls `page` first and so stands alone: a deep link on a fresh server shows the same as a click.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from PIL import Image

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import OpenOptions, absolute
from audiotag.data.saved_options import open_and_remember
from audiotag.ui import cache
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.messages import show_errors
from audiotag.workspace import Workspace

PAGES = (
    ("app.py", "Home", ":material/home:"),
    ("pages/dataset.py", "Dataset", ":material/library_music:"),
    ("pages/spectrogram.py", "Spectrogram", ":material/graphic_eq:"),
    ("pages/train.py", "Train", ":material/model_training:"),
    ("pages/tag.py", "Tag", ":material/sell:"),
    ("pages/score.py", "Score", ":material/scoreboard:"),
)
ICON = Path(__file__).parent / "icon.png"  # a material icon would be fetched from another host
STYLE = """
<style>
  .block-container { padding-top: 3.2rem; max-width: 1400px; }
  [data-testid="stSidebarContent"] [data-testid="stPageLink"] a { padding: .35rem .6rem; border-radius: .5rem; }
  @media (max-width: 640px) {  /* on a phone the picture stands above the sliders that change it */
    .st-key-bench-and-controls > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] {
      flex-direction: column-reverse;
    }
  }
</style>
"""


@dataclass(frozen=True)
class PageContext:
    """What the sidebar holds: the workspace, and the folders of the dataset and ensemble that are chosen there."""

    workspace: Workspace
    dataset_root: Path | None
    ensemble_folder: Path | None

    def dataset(self) -> Dataset:
        """The chosen dataset; stops the page with a sentence where there is none."""
        if self.dataset_root is None:
            st.info(
                "There is no dataset yet. Render the starter sounds with `audiotag demo`, or open one in the sidebar.",
                icon=":material/library_music:",
            )
            st.stop()
        with show_errors(stop=True):
            return cache.dataset(self.dataset_root)

    def ensemble(self) -> Path:
        """The chosen ensemble's folder; stops the page with a sentence where there is none."""
        if self.ensemble_folder is None:
            st.info("There is no ensemble yet. Train folds on the Train page and publish them.", icon=":material/sell:")
            st.stop()
        return self.ensemble_folder


def page(title: str) -> PageContext:
    """Set the page up: browser title, width, sidebar with its pickers."""
    st.set_page_config(page_title=f"{title} · audiotag", page_icon=Image.open(ICON), layout="wide")
    st.html(STYLE)
    workspace = Workspace()
    with st.sidebar:
        st.markdown("### :material/graphic_eq: audiotag")
        for target, label, icon in PAGES:
            st.page_link(target, label=label, icon=icon, width="stretch")
        st.divider()
        dataset_root = _pick_dataset(workspace)
        ensemble_folder = _pick_ensemble(workspace)
    return PageContext(workspace, dataset_root, ensemble_folder)


def _pick_dataset(workspace: Workspace) -> Path | None:
    folders = workspace.dataset_folders()
    _apply_choice("dataset", folders)
    chosen = None
    names = _names(folders)
    if folders:
        chosen = st.selectbox(
            "Dataset",
            folders,
            format_func=lambda path: names[path],
            key="dataset",
            persist_state="session",
            help="Datasets opened before, the last one first.",
        )
    with st.popover("Open a dataset", icon=":material/folder_open:", width="stretch"):
        _open_form(workspace)
    if st.button("Get FSDKaggle2019 …", icon=":material/cloud_download:", key="fetch", type="tertiary"):
        from audiotag.ui.widgets.get_dataset import get_fsdkaggle2019  # it stands on this module

        get_fsdkaggle2019(workspace.root.parent / "FSDKaggle2019")
    return chosen


def _names(folders: list[Path]) -> dict[Path, str]:
    """What to call each dataset: its own name, and where it lies if another has that name too."""
    names = {path: path.stem if path.is_file() else path.name for path in folders}
    often = Counter(names.values())
    return {path: f"{name} · {path.parent}" if often[name] > 1 else name for path, name in names.items()}


def _open_form(workspace: Workspace) -> None:
    with st.form("open-dataset", border=False):
        path = st.text_input(
            "Path",
            key="dataset-path",
            placeholder="/data/FSDKaggle2019",
            help="Recognised: the folder of the Freesound Audio Tagging 2019 competition; the Zenodo release of "
            "FSDKaggle2019; a table (CSV or Parquet) with a file column and a label column, or the folder that holds "
            "one; a folder of sounds for each class; a folder of sounds. Nothing in it is changed.",
        )
        with st.expander("A table that is not understood"):
            file_column = st.text_input("File column", key="file-column", placeholder="found out")
            label_column = st.text_input("Label column", key="label-column", placeholder="found out")
            separator = st.text_input("Separator", key="separator", placeholder="found out")
        if st.form_submit_button("Open", type="primary") and path:
            with show_errors():
                options = OpenOptions(separator or None, file_column or None, label_column or None)
                dataset = open_and_remember(absolute(Path(path)), options, workspace)
                messages.select_in_sidebar("dataset", dataset.root)


def _pick_ensemble(workspace: Workspace) -> Path | None:
    folders = workspace.ensemble_folders()
    _apply_choice("ensemble", list(folders))
    if not folders:
        return None
    name = st.selectbox(
        "Ensemble",
        list(folders),
        key="ensemble",
        persist_state="session",
        help="The shipped ensembles, then your own, the newest first.",
    )
    return folders[name]


def _apply_choice(picker: str, options: list) -> None:
    """A widget's value can only be set before it is drawn, so `choose` leaves it for the next run."""
    value = st.session_state.pop(f"{picker}-next", None)
    if value in options:
        st.session_state[picker] = value
