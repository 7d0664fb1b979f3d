"""Set up a page: browser title, style, sidebar, and the dialog that opens a dataset.

Each page calls `set_up_page` first, so a deep link on a fresh server shows the same as a click in the sidebar.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from PIL import Image

from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.ui import address, dataset_cache, starter_job
from audiotag.ui.open_dataset.dialog import show_dialog, show_open_button
from audiotag.ui.sidebar import show_sidebar
from audiotag.ui.style import add_style
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.messages import show_errors
from audiotag.workspace import Workspace

FOLDER = Path(__file__).parent
ICON = FOLDER / "icon.png"  # a material icon would be fetched from another host
SHOW_TITLE_FIRST = ("Home", "Tag", "Score")  # pages that show their title before they ask for the dataset
UNKNOWN_DATASET = Markdown(
    "The link is to a dataset that this workspace does not know. Choose a dataset in the sidebar, or open the one that "
    "is meant by its path."
)


@dataclass(frozen=True)
class PageContext:
    """The workspace, and the folders of the dataset and the ensemble that are chosen in the sidebar.

    Attributes
    ----------
    workspace : Workspace
    dataset_root, ensemble_folder : Path or None
    title : Markdown
        The page's, for messages that are shown before it; empty where the page shows it first.
    """

    workspace: Workspace
    dataset_root: Path | None
    ensemble_folder: Path | None
    title: Markdown

    def dataset(self) -> Dataset:
        """The chosen dataset; without one the page stops with a message."""
        if self.dataset_root is None:
            self._show_title()
            if address.is_unknown("dataset"):
                st.warning(UNKNOWN_DATASET, icon=":material/link_off:")
                st.stop()
            starter_job.show_starter_sounds(self.workspace)
            show_open_button("open-dataset-here")
            st.stop()
        try:
            return dataset_cache.load_dataset(self.dataset_root)
        except (AudiotagError, OSError):
            self._show_title()
            with show_errors(stop=True):
                raise

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

    def _show_title(self) -> None:
        title: Markdown = self.title
        if title:
            st.title(title)


def set_up_page(title: str) -> PageContext:
    """Set the browser title and the width, draw the sidebar, and return what is chosen there."""
    st.set_page_config(page_title=f"{title} · audiotag", page_icon=Image.open(ICON), layout="wide")
    add_style(*_page_style())
    workspace = Workspace()
    dataset_root, ensemble_folder = show_sidebar(title, workspace)
    show_dialog()
    messages.show_sentences()
    own_title = Markdown("") if title in SHOW_TITLE_FIRST else escape(title)
    return PageContext(workspace, dataset_root, ensemble_folder, own_title)


@functools.cache
def _page_style() -> tuple[str, str]:
    """CSS and script of every page, as HTML."""
    css, script = ((FOLDER / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return f"<style>{css}</style>", f"<script>{script}</script>"


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
