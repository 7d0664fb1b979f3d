"""Set up a page: browser title, style, and the sidebar with its dataset and ensemble pickers.

Each page calls `set_up_page` first, so a deep link on a fresh server shows the same as a click in the sidebar.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from PIL import Image

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import OpenOptions, absolute
from audiotag.data.saved_options import open_and_remember
from audiotag.ui import cache
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.messages import show_errors
from audiotag.wording import as_text
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
  @media (max-width: 640px) {  /* on a phone the result stands above the controls that change it */
    .st-key-controls-and-view > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] {
      flex-direction: column-reverse;
    }
  }
</style>
"""


@dataclass(frozen=True)
class PageContext:
    """The workspace, and the folders of the dataset and the ensemble that are chosen in the sidebar."""

    workspace: Workspace
    dataset_root: Path | None
    ensemble_folder: Path | None

    def dataset(self) -> Dataset:
        """The chosen dataset; without one the page stops with a message."""
        if self.dataset_root is None:
            st.info(
                "There is no dataset yet. Render the starter sounds with `audiotag demo`, or open one in the sidebar.",
                icon=":material/library_music:",
            )
            st.stop()
        with show_errors(stop=True):
            return cache.load_dataset(self.dataset_root)

    def ensemble(self) -> Path:
        """The chosen ensemble's folder; without one the page stops with a message."""
        if self.ensemble_folder is None:
            st.info("There is no ensemble yet. Train folds on the Train page and publish them.", icon=":material/sell:")
            st.stop()
        return self.ensemble_folder


def set_up_page(title: str) -> PageContext:
    """Set the browser title and the width, draw the sidebar, and return what is chosen there."""
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
    messages.show_sentences()
    return PageContext(workspace, dataset_root, ensemble_folder)


def _pick_dataset(workspace: Workspace) -> Path | None:
    folders = workspace.dataset_folders()
    _apply_choice("dataset", folders)
    chosen = None
    names = _display_names(folders)
    if folders:
        chosen = st.selectbox(
            "Dataset",
            folders,
            format_func=lambda path: names[path],
            key="dataset",
            persist_state="session",
            help="Datasets that you opened before, the latest first.",
        )
    with st.popover("Open a dataset", icon=":material/folder_open:", width="stretch"):
        _open_form(workspace)
    if st.button("Get FSDKaggle2019 …", icon=":material/cloud_download:", key="fetch", type="tertiary"):
        from audiotag.ui.widgets.get_dataset import get_fsdkaggle2019  # imports it only when needed

        get_fsdkaggle2019(workspace.root.parent / "FSDKaggle2019")
    return chosen


def _display_names(folders: list[Path]) -> dict[Path, str]:
    """Name of each dataset, with its parent folder where several datasets have the same name."""
    names = {path: as_text(path.stem if path.is_file() else path.name) for path in folders}
    counts = Counter(names.values())
    return {path: as_text(f"{name} · {path.parent}") if counts[name] > 1 else name for path, name in names.items()}


def _open_form(workspace: Workspace) -> None:
    with st.form("open-dataset", border=False):
        path = st.text_input(
            "Path",
            key="dataset-path",
            placeholder="/data/FSDKaggle2019",
            help="A folder of sounds, one folder per class, a CSV or Parquet table of files and labels, or "
            "FSDKaggle2019 from Kaggle or Zenodo. The files are never changed.",
        )
        with st.expander("Options for tables"):
            detected = "detected automatically"
            file_column = st.text_input("File column", key="file-column", placeholder=detected)
            label_column = st.text_input("Label column", key="label-column", placeholder=detected)
            separator = st.text_input("Column separator", key="separator", placeholder=detected)
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
        help="Shipped ensembles first, then your own, the newest first.",
    )
    return folders[name]


def _apply_choice(picker: str, options: list) -> None:
    """Apply the choice of `select_in_sidebar`: a widget's value can only be set before the widget is drawn."""
    value = st.session_state.pop(f"{picker}-next", None)
    if value in options:
        st.session_state[picker] = value


def show_tabs(key: str, tabs: dict[str, Callable[[], None]]) -> None:
    """Show tabs by their titles, and run the function of the open one alone; which one is open is in the address.

    An address that names a tab which does not exist opens the first. An error in a tab leaves the rest of the page.
    """
    for tab, show in zip(
        st.tabs([escape(title) for title in tabs], key=key, bind="query-params"), tabs.values(), strict=True
    ):
        if tab.open:
            with tab, show_errors():
                show()
