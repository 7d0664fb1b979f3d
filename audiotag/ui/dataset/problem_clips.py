"""Show the clips of one problem: what is wrong, and the player; clips that belong together stand side by side."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from audiotag.data.contents import cache_path, same_content
from audiotag.data.dataset import Dataset
from audiotag.data.index import cache_name
from audiotag.data.left_out import LeftOutClip, leave_out
from audiotag.data.near_duplicates import read_near_duplicates
from audiotag.features.settings import PRESETS
from audiotag.inspection.fault_kinds import describe
from audiotag.inspection.related_clips import related_rows
from audiotag.inspection.shortcuts import KIND as SHORTCUT
from audiotag.ui import caching, dataset_cache, sound_cache
from audiotag.ui.text import Markdown, escape, escape_all
from audiotag.ui.widgets import messages, sound_panel
from audiotag.wording import as_text
from audiotag.workspace import Workspace

HELD_OUT = "test"  # the subset that nothing is trained on; which clips are in it is not for this page to say


def show_problem(dataset: Dataset, index: pd.DataFrame, fault: pd.Series) -> None:
    """What is wrong, what to do about it, and the clips with their players and labels.

    Parameters
    ----------
    dataset : Dataset
    index : pandas.DataFrame
        Of the whole dataset.
    fault : pandas.Series
        One row of `audiotag.inspection.faults.find_faults`.
    """
    known = describe(fault["kind"])
    st.markdown(
        f":material/warning: **{escape(fault['kind'])}** · {escape(fault['what'])}  \n"
        f"{escape(known.meaning)} **What to do:** {escape(known.advice)}"
    )
    near_duplicates = read_near_duplicates(dataset, Workspace())
    rows = related_rows(index, _content_of(dataset), near_duplicates, fault)
    if not rows:
        if fault["clip"]:
            st.caption("The clip is not in the dataset as it is used now, so it cannot be played here.")
        return
    if len(rows) == 1:
        _show_clip(dataset, index.iloc[rows[0]], fault, 0, set())
        return
    names = [f"{index['clip'].iloc[row]} · {index['subset'].iloc[row]}" for row in rows]
    place = 1
    if len(rows) > 2:
        place = st.selectbox(
            f"Compare with, of {len(rows) - 1:,} others",
            range(1, len(rows)),
            format_func=lambda number: names[number],
            key="problem-beside",
        )
    pair = [index.iloc[rows[0]], index.iloc[rows[place]]]
    shared = set(pair[0]["labels"]) & set(pair[1]["labels"])
    for side, (column, clip) in enumerate(zip(st.columns(2, gap="medium"), pair, strict=True)):
        with column:
            _show_clip(dataset, clip, fault, side, shared)


def _show_clip(dataset: Dataset, row: pd.Series, fault: pd.Series, side: int, shared: set[str]) -> None:
    """One clip: where it is, its labels, its player, and a button that leaves it out."""
    labels = [
        Markdown(f"**{escape(label)}**") if shared and label not in shared else escape(label) for label in row["labels"]
    ]
    text = Markdown(", ".join(labels)) if labels else Markdown("none")
    is_compared = fault["kind"] == "contradiction" or bool(shared)
    only_here = [label for label in row["labels"] if label not in shared]
    only = f" · only here: {escape_all(only_here)}" if is_compared and only_here else ""
    st.markdown(f"**{escape(row['clip'])}** · {_describe_place(dataset, row)}  \nLabels: {text}{only}")
    if row["size"] == 0:
        st.info("The sound file of this clip is missing or empty.", icon=":material/folder_off:")
    elif pd.notna(row["error"]):
        st.info("The file cannot be played, because it cannot be read.", icon=":material/volume_off:")
    else:
        with messages.show_errors():
            settings = PRESETS["capstone"]
            sound = sound_cache.load_sound(row["path"], settings.sample_rate, row["clip"])
            sound_panel.show_sound(sound, settings, f"problem-{side}", row["path"])
    if row["subset"] != HELD_OUT and fault["kind"] != SHORTCUT:
        st.button(
            "Leave out this clip",
            icon=":material/block:",
            key=f"leave-out-{side}",
            on_click=_leave_out,
            args=(dataset, LeftOutClip(row["subset"], row["clip"], as_text(fault["what"]))),
            help="Training and statistics then do without it. The file stays, and you can take the clip back above.",
        )


def _describe_place(dataset: Dataset, row: pd.Series) -> Markdown:
    """Subset, fold and recording of a clip, and its path in the dataset."""
    parts = [row["subset"]]
    for column, name in (("fold", "fold"), ("group", "recording")):
        if pd.notna(row[column]):
            parts.append(f"{name} {row[column]}")
    root = dataset.root if dataset.root.is_dir() else dataset.root.parent
    path = Path(row["path"])
    parts.append(as_text(str(path.relative_to(root) if path.is_relative_to(root) else path)))
    return escape_all(parts, " · ")


def _content_of(dataset: Dataset) -> pd.Series:
    job = dataset_cache.measurement_job(dataset)
    return _content(dataset.root, dataset_cache.dataset_key(dataset.root), job.stamp())


@caching.cached(max_entries=4, show_spinner=False)
def _content(root: Path, stamp: str, parts: int) -> pd.Series:
    """The number of each clip's content, as `audiotag.data.contents.same_content` gives it."""
    dataset = dataset_cache.load_dataset(root)
    return same_content(
        dataset_cache.load_index(dataset), cache_path(Workspace().indexes, cache_name(root, dataset.name))
    )


def _leave_out(dataset: Dataset, clip: LeftOutClip) -> None:
    with messages.show_errors():
        leave_out(dataset, [clip], Workspace())
