"""The end of the Home page: version, licence, where the workspace is, and the button that brings the guide back."""

from __future__ import annotations

import streamlit as st

from audiotag.training.runs import list_runs
from audiotag.ui.home.guide_panel import hide, is_hidden
from audiotag.ui.text import Markdown, escape
from audiotag.version import __version__
from audiotag.wording import as_text
from audiotag.workspace import Workspace


def show_about(workspace: Workspace) -> None:
    """What runs here, and where everything is that the user makes."""
    with st.container(horizontal=True, vertical_alignment="center", key="about-line"):
        st.caption(f"audiotag {escape(__version__)} · Apache License 2.0", width="stretch")
        if is_hidden(workspace):
            st.button(
                "Show the first steps",
                icon=":material/checklist:",
                key="show-guide",
                type="tertiary",
                on_click=hide,
                args=(False,),
            )
    with st.expander("About this workspace", icon=":material/info:", key="about", type="compact"):
        own = sum(folder.parent == workspace.ensembles for folder in workspace.ensemble_folders().values())
        datasets = _counted(len(workspace.dataset_folders()), Markdown("dataset"))
        runs = _counted(len(list_runs(workspace)), Markdown("run"))
        ensembles = _counted(own, Markdown("ensemble"))
        st.markdown(
            f"{datasets}, {runs} and {ensembles} of your own. Indexes, runs, ensembles, presets and corrections are in "
            "this folder; your sounds and tables stay where they are:"
        )
        st.code(as_text(workspace.root), language=None, wrap_lines=True)
        st.markdown(
            "Another folder: start the app with `AUDIOTAG_HOME=FOLDER audiotag app`. Every page shows its command; "
            "`audiotag --help` lists them all. The folder `docs` of the source has the calls for scripts (`api.md`) "
            "and how audiotag is built (`architecture.md`)."
        )


def _counted(number: int, noun: Markdown) -> Markdown:
    return Markdown(f"{number:,} {noun}{'' if number == 1 else 's'}")
