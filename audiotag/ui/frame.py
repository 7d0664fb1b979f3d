"""Set up a page: browser title, style, and the sidebar with its dataset and ensemble pickers.

Each page calls `set_up_page` first, so a deep link on a fresh server shows the same as a click in the sidebar.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from PIL import Image

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import OpenOptions
from audiotag.data.saved_options import open_and_remember
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.ui import address, cache, starter_job
from audiotag.ui.style import add_style
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.messages import show_errors
from audiotag.ui.widgets.typed_path import parse_path
from audiotag.wording import as_text
from audiotag.workspace import Workspace

PAGES = (
    ("app.py", "Home", ":material/home:"),
    ("pages/dataset.py", "Dataset", ":material/library_music:"),
    ("pages/spectrogram.py", "Spectrogram", ":material/graphic_eq:"),
    ("pages/train.py", "Train", ":material/model_training:"),
    ("pages/tag.py", "Tag", ":material/sell:"),
    ("pages/review.py", "Review", ":material/rule:"),
    ("pages/score.py", "Score", ":material/scoreboard:"),
)
PAGES_OF_ENSEMBLES = ("Tag", "Score")  # their address names the ensemble too
OPENED = "opened-datasets"  # in the session: how many were opened; the popover that opens one closes with a new key
OPEN_PROBLEM = "open-dataset-problem"  # in the session: why the last path was not opened
FOLDER = Path(__file__).parent
ICON = FOLDER / "icon.png"  # a material icon would be fetched from another host
UNKNOWN_DATASET = Markdown(
    "The link is to a dataset that this workspace does not know. Choose a dataset in the sidebar, or open the one that "
    "is meant by its path."
)
TABLE_OPTIONS = (  # keys and labels of the fields
    ("file-column", "File column"),
    ("label-column", "Label column"),
    ("separator", "Column separator"),
)


@dataclass(frozen=True)
class PageContext:
    """The page's title, the workspace, and the folders of the dataset and the ensemble chosen in the sidebar."""

    title: str
    workspace: Workspace
    dataset_root: Path | None
    ensemble_folder: Path | None

    def dataset(self) -> Dataset:
        """The chosen dataset; without one the page stops with a message."""
        if self.dataset_root is None:
            if address.is_unknown("dataset"):
                st.warning(UNKNOWN_DATASET, icon=":material/link_off:")
                st.stop()
            if self.title != "Home":  # whose title is there already
                st.title(self.title)
            starter_job.show_starter_sounds(self.workspace)
            st.stop()
        with show_errors(stop=True):
            return cache.load_dataset(self.dataset_root)

    def dataset_if_any(self) -> Dataset | None:
        """The chosen dataset; None without one, for pages that can also do without. A link to an unknown one stops."""
        if self.dataset_root is None and not address.is_unknown("dataset"):
            return None
        return self.dataset()

    def ensemble(self) -> Path:
        """The chosen ensemble's folder; without one the page stops with a message."""
        if self.ensemble_folder is None:
            if address.is_unknown("ensemble"):
                st.warning(
                    "The link is to an ensemble that this workspace does not have. Choose one in the sidebar.",
                    icon=":material/link_off:",
                )
                st.stop()
            st.info("There is no ensemble yet. Train folds on the Train page and publish them.", icon=":material/sell:")
            st.stop()
        return self.ensemble_folder


def set_up_page(title: str) -> PageContext:
    """Set the browser title and the width, draw the sidebar, and return what is chosen there."""
    st.set_page_config(page_title=f"{title} · audiotag", page_icon=Image.open(ICON), layout="wide")
    add_style(*_page_style())
    workspace = Workspace()
    with st.sidebar:
        st.markdown("### :material/graphic_eq: audiotag")
        for target, label, icon in PAGES:
            st.page_link(target, label=label, icon=icon, width="stretch")
        st.divider()
        dataset_root = _pick_dataset(workspace)
        ensemble_folder = _pick_ensemble(workspace, in_address=title in PAGES_OF_ENSEMBLES)
    messages.show_sentences()
    return PageContext(title, workspace, dataset_root, ensemble_folder)


@functools.cache
def _page_style() -> tuple[str, str]:
    """CSS and script of every page, as HTML."""
    css, script = ((FOLDER / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return f"<style>{css}</style>", f"<script>{script}</script>"


def _pick_dataset(workspace: Workspace) -> Path | None:
    """The chosen dataset, whose key is in the address; the last one that was chosen or opened, to begin with."""
    folders = workspace.dataset_folders()
    by_key = {address.dataset_key(path): path for path in folders}
    if folders and not _apply_choice("dataset", folders):
        address.follow_address("dataset", by_key)
    chosen = None
    names = _display_names(folders)
    if folders:
        chosen = st.selectbox(
            "Dataset",
            folders,
            index=None if address.is_unknown("dataset") else 0,
            format_func=lambda path: names[path],
            key="dataset",
            on_change=_remember_choice,
            placeholder="Choose a dataset",
            persist_state="session",
            help="Datasets that you opened before, the last used first.",
        )
    else:
        starter_job.show_progress_in_sidebar(workspace)
    if chosen is not None:
        address.forget_unknown("dataset")
        address.write_address("dataset", address.dataset_key(chosen))
    key = f"open-dataset-{st.session_state.get(OPENED, 0)}"
    with st.popover("Open a dataset", icon=":material/folder_open:", width="stretch", key=key):
        _open_form()
    if st.button("Get FSDKaggle2019 …", icon=":material/cloud_download:", key="fetch", type="tertiary"):
        from audiotag.ui.widgets.get_dataset import get_fsdkaggle2019  # imports it only when needed

        get_fsdkaggle2019(workspace.root.parent / "FSDKaggle2019")
    return chosen


def _remember_choice() -> None:
    """The dataset that was chosen is the one that the next session begins with."""
    if (chosen := st.session_state.get("dataset")) is not None:  # gone if the page is just being left
        Workspace().remember_dataset(chosen)


def _display_names(folders: list[Path]) -> dict[Path, str]:
    """Name of each dataset, with its parent folder where several datasets have the same name."""
    names = {path: as_text(path.stem if path.is_file() else path.name) for path in folders}
    counts = Counter(names.values())
    return {path: as_text(f"{name} · {path.parent}") if counts[name] > 1 else name for path, name in names.items()}


def _open_form() -> None:
    """The form that opens a dataset by its path; what is wrong with the path is said below it."""
    with st.form("open-dataset", border=False):
        st.text_input(
            "Path",
            key="dataset-path",
            placeholder="/data/FSDKaggle2019",
            help="A folder of sounds, one folder per class, a table of files and labels, or "
            "FSDKaggle2019 from Kaggle or Zenodo. The files are never changed.",
        )
        if problem := st.session_state.get(OPEN_PROBLEM):
            st.error(escape(problem), icon=":material/error:")
        with st.expander("Options for tables"):
            detected = "detected automatically"
            for key, label in TABLE_OPTIONS:
                st.text_input(label, key=key, placeholder=detected)
        st.form_submit_button("Open", type="primary", on_click=_open_path)


def _open_path() -> None:
    """Open the dataset at the path, choose it and close the form; otherwise say what is wrong."""
    typed = [st.session_state.get(key, "").strip() or None for key, _ in TABLE_OPTIONS]
    try:
        options = OpenOptions(file_column=typed[0], label_column=typed[1], separator=typed[2])
        path = parse_path(st.session_state["dataset-path"], "Give the path of a dataset: a folder, or its table.")
        is_new = path not in Workspace().dataset_folders()
        dataset = _open_as_typed(path, options)
    except (AudiotagError, OSError) as error:
        st.session_state[OPEN_PROBLEM] = disk_problem(error) if isinstance(error, OSError) else str(error)
        return
    st.session_state["dataset-next"] = dataset.root
    if is_new:
        st.session_state[messages.JUST_OPENED] = dataset.root
    st.session_state[OPENED] = st.session_state.get(OPENED, 0) + 1
    for key in ("dataset-path", *(key for key, _ in TABLE_OPTIONS)):
        st.session_state[key] = ""
    st.session_state.pop(OPEN_PROBLEM, None)


def _open_as_typed(path: Path, typed: OpenOptions) -> Dataset:
    """Open a dataset with the typed options; without any as it was read before, if that is still possible."""
    workspace = Workspace()
    before = OpenOptions.from_dict(workspace.dataset_options(path))
    if typed == OpenOptions() and before != typed:
        with suppress(AudiotagError):  # its tables have changed: everything is detected again
            return open_and_remember(path, before, workspace)
    return open_and_remember(path, typed, workspace)


def _pick_ensemble(workspace: Workspace, in_address: bool) -> Path | None:
    """The chosen ensemble's folder; some pages have its name in the address."""
    folders = workspace.ensemble_folders()
    if not _apply_choice("ensemble", list(folders)) and in_address:
        address.follow_address("ensemble", {name: name for name in folders})
    if not folders:
        return None
    name = st.selectbox(
        "Ensemble",
        list(folders),
        index=None if address.is_unknown("ensemble") else 0,
        key="ensemble",
        placeholder="Choose an ensemble",
        persist_state="session",
        help="Shipped ensembles first, then your own, the newest first.",
    )
    if name is None:
        return None
    address.forget_unknown("ensemble")
    if in_address:
        address.write_address("ensemble", name)
    return folders[name]


def _apply_choice(picker: str, options: list) -> bool:
    """Apply the choice of `select_in_sidebar`: a widget's value can only be set before the widget is drawn."""
    value = st.session_state.pop(f"{picker}-next", None)
    if value in options:
        st.session_state[picker] = value
        return True
    return False


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
