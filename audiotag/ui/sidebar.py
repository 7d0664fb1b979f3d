"""The sidebar: links to the pages, and the pickers that matter on the page.

What is chosen stays chosen on pages that do not show the picker. A value that another part of the app wants to be
chosen is in the session under ``dataset-next`` or ``ensemble-next`` (`audiotag.ui.widgets.messages`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from audiotag.ui import address, starter_job
from audiotag.ui.open_dataset.dialog import show_open_button
from audiotag.ui.text import Markdown
from audiotag.wording import as_text
from audiotag.workspace import Workspace

NOT_SHOWN = Markdown("")


@dataclass(frozen=True)
class Page:
    """A page, and what its pickers do there.

    Attributes
    ----------
    file, title : Markdown
    icon : str
    dataset, ensemble : Markdown
        What choosing one does on this page; empty where the picker is not shown.
    names_ensemble : bool
        Whether its address names the ensemble too.
    """

    file: Markdown
    title: Markdown
    icon: str
    dataset: Markdown = NOT_SHOWN
    ensemble: Markdown = NOT_SHOWN
    names_ensemble: bool = False


PAGES = (
    Page(
        Markdown("app.py"),
        Markdown("Home"),
        ":material/home:",
        dataset=Markdown("Home shows how far you are with it."),
        ensemble=Markdown("Home shows its figures."),
    ),
    Page(
        Markdown("pages/dataset.py"),
        Markdown("Dataset"),
        ":material/library_music:",
        dataset=Markdown("This page shows its clips."),
    ),
    Page(
        Markdown("pages/spectrogram.py"),
        Markdown("Spectrogram"),
        ":material/graphic_eq:",
        dataset=Markdown("Has the clips to look at."),
    ),
    Page(
        Markdown("pages/train.py"),
        Markdown("Train"),
        ":material/model_training:",
        dataset=Markdown("New runs train on its clips."),
    ),
    Page(
        Markdown("pages/tag.py"),
        Markdown("Tag"),
        ":material/sell:",
        ensemble=Markdown("Gives the tags."),
        dataset=Markdown("Has clips with known labels to try."),
        names_ensemble=True,
    ),
    Page(
        Markdown("pages/review.py"),
        Markdown("Review"),
        ":material/rule:",
        dataset=Markdown("Its labels are reviewed."),
    ),
    Page(
        Markdown("pages/score.py"),
        Markdown("Score"),
        ":material/scoreboard:",
        dataset=Markdown("Has the true labels, and the sounds to listen to."),
        ensemble=Markdown("Can be scored on the dataset's test clips."),
        names_ensemble=True,
    ),
)


def show_sidebar(title: str, workspace: Workspace) -> tuple[Path | None, Path | None]:
    """Draw the sidebar of a page; returns the folders of the chosen dataset and the chosen ensemble."""
    page = next(page for page in PAGES if page.title == title)
    with st.sidebar:
        with st.container(key="app-name"):
            st.markdown("**:material/graphic_eq: audiotag**")
        with st.container(key="page-links", gap="xsmall"):
            for each in PAGES:
                file: Markdown = each.file
                label: Markdown = each.title
                st.page_link(file, label=label, icon=each.icon, width="stretch")
        st.divider()
        dataset, ensemble = _follow_dataset(workspace), _follow_ensemble(workspace, page)
        if not dataset:
            starter_job.show_progress_in_sidebar(workspace)
        if page.file == "pages/tag.py":  # the ensemble is what matters there
            return _pick_dataset_second(dataset, ensemble, page)
        root = _pick_dataset(dataset, page)
        return root, _pick_ensemble(ensemble, page)


def chosen_ensemble(workspace: Workspace) -> Path | None:
    """The folder of the ensemble that is chosen, also on pages that do not show the picker; None without one."""
    folders = workspace.ensemble_folders()
    name = _stays_chosen("ensemble", list(folders))
    return None if name is None else folders[name]


def _pick_dataset_second(
    datasets: list[Path], ensembles: dict[str, Path], page: Page
) -> tuple[Path | None, Path | None]:
    """Both pickers, the ensemble first; the dataset only where there is something to choose."""
    folder = _pick_ensemble(ensembles, page)
    matters = len(datasets) != 1 or address.is_unknown("dataset")
    return _pick_dataset(datasets, page if matters else Page(page.file, page.title, page.icon)), folder


def _follow_dataset(workspace: Workspace) -> list[Path]:
    """Choose the dataset that the address or another part of the app asks for; returns all of them."""
    folders = workspace.dataset_folders()
    if folders and not _apply_choice("dataset", folders):
        address.follow_address("dataset", {address.dataset_key(path): path for path in folders})
    return folders


def _follow_ensemble(workspace: Workspace, page: Page) -> dict[str, Path]:
    """Choose the ensemble that the address or another part of the app asks for; returns all of them."""
    folders = workspace.ensemble_folders()
    if not _apply_choice("ensemble", list(folders)) and page.names_ensemble:
        address.follow_address("ensemble", {name: name for name in folders})
    return folders


def _pick_dataset(folders: list[Path], page: Page) -> Path | None:
    """The chosen dataset, whose key is in the address; the last one that was chosen or opened, to begin with."""
    chosen = _stays_chosen("dataset", folders)
    if page.dataset:
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
            about: Markdown = page.dataset
            st.caption(about)
        show_open_button("open-dataset")
    if chosen is not None:
        address.forget_unknown("dataset")
        address.write_address("dataset", address.dataset_key(chosen))
    return chosen


def _pick_ensemble(folders: dict[str, Path], page: Page) -> Path | None:
    """The chosen ensemble's folder; some pages have its name in the address."""
    name = _stays_chosen("ensemble", list(folders))
    if page.ensemble and folders:
        name = st.selectbox(
            "Ensemble",
            list(folders),
            index=None if address.is_unknown("ensemble") else 0,
            key="ensemble",
            placeholder="Choose an ensemble",
            persist_state="session",
            help="Shipped ensembles first, then your own, the newest first.",
        )
        about: Markdown = page.ensemble
        st.caption(about)
    if name is None:
        return None
    address.forget_unknown("ensemble")
    if page.names_ensemble:
        address.write_address("ensemble", name)
    return folders[name]


def _stays_chosen(picker: str, options: list[Any]) -> Any:
    """What is chosen on a page that does not show the picker: as before, else the first."""
    if address.is_unknown(picker):
        return None
    chosen = st.session_state.get(picker)
    return chosen if chosen in options else next(iter(options), None)


def _apply_choice(picker: str, options: list[Any]) -> bool:
    """Apply the choice of `select_in_sidebar`: a widget's value can only be set before the widget is drawn."""
    value = st.session_state.pop(f"{picker}-next", None)
    if value in options:
        st.session_state[picker] = value
        address.forget_unknown(picker)
        return True
    return False


def _remember_choice() -> None:
    """The dataset that was chosen is the one that the next session begins with."""
    if (chosen := st.session_state.get("dataset")) is not None:  # gone if the page is just being left
        Workspace().remember_dataset(chosen)


def _display_names(folders: list[Path]) -> dict[Path, str]:
    """Name of each dataset, with its parent folder where several datasets have the same name."""
    names = {path: as_text(path.stem if path.is_file() else path.name) for path in folders}
    counts = Counter(names.values())
    return {path: as_text(f"{name} · {path.parent}") if counts[name] > 1 else name for path, name in names.items()}
