"""Show how to download FSDKaggle2019, and which parts of it a folder still lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from audiotag.data.fsdkaggle2019 import ON_KAGGLE, ON_ZENODO, kaggle_commands, zenodo_commands
from audiotag.data.fsdkaggle2019_folder import check_folder
from audiotag.data.layouts import OpenOptions
from audiotag.data.saved_options import open_and_remember
from audiotag.ui.text import escape
from audiotag.ui.widgets.messages import select_in_sidebar, show_errors
from audiotag.workspace import Workspace


@st.dialog("Get FSDKaggle2019", width="large", icon=":material/cloud_download:")
def get_fsdkaggle2019(folder: Path) -> None:
    """A dialog with `show_fsdkaggle2019`."""
    show_fsdkaggle2019(folder, lambda root: select_in_sidebar("dataset", root))


def show_fsdkaggle2019(folder: Path, choose: Callable[[Path], None]) -> None:
    """Commands that download FSDKaggle2019 into ``folder``, and the state of its parts there.

    ``choose`` is called with the dataset's path once it has been opened with the button.
    """
    st.markdown(
        "29,266 clips with 80 labels: 4,970 curated, 19,815 with noisy labels, 4,481 for testing. Run the commands of "
        "one of the two sources in a terminal."
    )
    path = st.text_input("Folder", str(folder), key="fetch-folder", help="Where the dataset is, or where to put it.")
    with show_errors():
        state = check_folder(Path(path))
        st.dataframe(
            [{"": "✓" if row.complete else "", "part": row.part.name, "state": row.state} for row in state.rows],
            hide_index=True,
            alt="Parts of the dataset and their state in the folder",
        )
        (st.caption if state.fits else st.warning)(escape(state.disk))
        places = st.tabs(["Zenodo", "Kaggle"], default=state.release.name)
        for tab, release, commands in zip(
            places, (ON_ZENODO, ON_KAGGLE), (zenodo_commands, kaggle_commands), strict=True
        ):
            tab.caption(f"{escape(release.note)} {escape(release.disk)}")
            tab.code(commands(Path(path)), language="shell", wrap_lines=True)
        if any(row.found for row in state.rows) and st.button("Open this folder", type="primary", key="open-fetched"):
            dataset = open_and_remember(state.folder, OpenOptions(), Workspace())
            choose(dataset.root)
            st.rerun()
