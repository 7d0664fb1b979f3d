"""The Map tab of the Dataset page: clips that sound alike are near each other; a click plays one, a lasso selects some.

A lasso runs the whole page, because all tabs then show its clips alone; a click runs only the fragment here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.inspection.filters import Filter, filter_clips
from audiotag.ui import ensemble_cache, selection
from audiotag.ui.dataset.clip_map import ClipMapData, show_clip_map
from audiotag.ui.dataset.filter import clear_filter
from audiotag.ui.dataset.map_clips import clip_of, pick, picked_row, show_clip, show_list, show_steps
from audiotag.ui.dataset.map_colours import COLOURS, Colouring
from audiotag.ui.dataset.placed_clips import PlacedClips, load_placed_clips
from audiotag.ui.embeddings import show_embeddings
from audiotag.ui.similar import DatasetClip, clip_text, show_similar
from audiotag.ui.style import add_style
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.job_progress import show_job_progress
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.similarity.embedding_job import Embeddings
    from audiotag.similarity.map_job import ClipMap, MapJob

CHART = "clip-map"
COLOUR = "map-colour"
SIMILAR = "map-similar"  # key of the drawer of similar clips, which is in the address
# Side by side where there is room for both.
STYLE = """<style>
  :has(> .st-key-map-chart) { flex: 5 1 24rem; min-width: min(24rem, 100%); }
  :has(> .st-key-map-side) { flex: 3 1 21rem; min-width: min(21rem, 100%); }
</style>"""
IS_NEW = "map-selection-is-new"  # in the session, until the whole page runs: a lasso has changed the selection


@dataclass(frozen=True, eq=False)
class MapView:
    """What the map shows.

    Attributes
    ----------
    dataset : Dataset
    ensemble : Path
        Folder of the ensemble whose embeddings say what sounds alike.
    placed : PlacedClips
        The clips that are on the map; at least one.
    passes : numpy.ndarray, shape=(clips,), bool
        Whether each clip passes the filter; the others are faint.
    can_select : numpy.ndarray, shape=(clips,), bool
        Whether each clip passes the filter without the selection, so that a lasso can select it.
    faults : pandas.DataFrame
        Of the whole dataset.
    """

    dataset: Dataset
    ensemble: Path
    placed: PlacedClips
    passes: np.ndarray
    can_select: np.ndarray
    faults: pd.DataFrame

    @property
    def clips(self) -> pd.DataFrame:
        """Columns of the index, and ``x`` and ``y``; numbered from 0."""
        return self.placed.table


def show_map(dataset: Dataset, ensemble: Path, faults: pd.DataFrame, wanted: Filter) -> None:
    """The map of the dataset's clips; those that do not pass the filter are faint.

    Parameters
    ----------
    dataset : Dataset
    ensemble : Path
        Folder of the ensemble whose embeddings say what sounds alike.
    faults : pandas.DataFrame
        Of the whole dataset.
    wanted : Filter
    """
    embeddings = show_embeddings(dataset, ensemble, "map")
    if embeddings is None:
        return
    from audiotag.similarity.map_job import MapJob

    job = MapJob.of(dataset, ensemble, ensemble_cache.load_card(ensemble), Workspace())
    placed = load_placed_clips(dataset, ensemble, job, embeddings)
    if not len(placed.table):
        st.info("No clip of this dataset has a sound that can be placed on a map.", icon=":material/hub:")
        return
    _show_job(job, placed.map, len(embeddings.clips))
    passes = _passes(placed.table, wanted, faults)
    can_select = passes if wanted.clips is None else _passes(placed.table, replace(wanted, clips=None), faults)
    _show_view(
        MapView(dataset, ensemble, placed, passes, can_select, faults), _caption(placed.map, ensemble, embeddings)
    )


def _passes(clips: pd.DataFrame, wanted: Filter, faults: pd.DataFrame) -> np.ndarray:
    """Whether each clip passes a filter, ``(clips,)``, bool."""
    passes = np.zeros(len(clips), dtype=bool)
    passes[filter_clips(clips, wanted, faults).index] = True
    return passes


@st.fragment
def _show_view(view: MapView, caption: Markdown) -> None:
    """The map, the clip that was picked with its player, and the list of the clips that pass the filter."""
    if st.session_state.pop(IS_NEW, False):
        st.rerun()
    add_style(STYLE)
    with st.container(horizontal=True, gap="medium"):
        left, right = st.container(key="map-chart"), st.container(key="map-side")
    rows = np.flatnonzero(view.passes)
    row = picked_row(view.placed, rows)
    with left:
        colouring = _pick_colouring(view)
        _show_chart(view, colouring, row)
        st.caption("Click on a clip to hear it. Draw a line around clips to select them. Turn the wheel to zoom.")
        st.caption(caption)
        if colouring.note:
            note: Markdown = colouring.note
            st.caption(note)
    with right:
        _show_selection(view)
        if row is None:
            st.caption("No clip that passes the filter is on the map.")
            return
        show_steps(view.clips, rows, row)
        show_clip(view.clips.iloc[row])
        clip = clip_of(view.clips.iloc[row])
        show_similar(view.dataset.root, view.ensemble, clip, partial(_open_similar, view), SIMILAR)
        show_list(_table(view.clips.iloc[rows], colouring, rows), view.clips, rows, row, view.dataset.name)


def _table(clips: pd.DataFrame, colouring: Colouring, rows: np.ndarray) -> pd.DataFrame:
    """The map as a table: one row per clip that passes the filter."""
    table = clips[["clip", "labels", "subset"]].copy()
    if colouring.column:
        names = np.array([style.name for style in colouring.styles], dtype=object)
        table.insert(1, colouring.column, names[np.asarray(colouring.groups)[rows]])
    return table.assign(x=clips["x"], y=clips["y"]).reset_index(drop=True)


def _pick_colouring(view: MapView) -> Colouring:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        options = list(COLOURS)
        colour = st.segmented_control(
            "Colour and shape by", options, default=options[0], required=True, key=COLOUR, bind="query-params"
        )
        return COLOURS[colour or options[0]](view.dataset, view.clips, view.faults)


def _show_chart(view: MapView, colouring: Colouring, row: int | None) -> None:
    if view.placed.points is None:
        return
    show_clip_map(
        ClipMapData(
            view.placed.points,
            np.where(view.passes, colouring.groups, -1),
            colouring.styles,
            row,
            selection.selection_id(),
            alt="Map of the clips; those that sound alike are near each other. The list of clips has the same clips.",
        ),
        key=CHART,
        on_pick=lambda picked: pick(clip_of(view.clips.iloc[picked])),
        on_draw=partial(_select, view),
    )


def _select(view: MapView, inside: np.ndarray) -> None:
    """Callback of the map: the clips inside of what was drawn become the selection."""
    chosen = view.clips[view.can_select & inside]
    selection.select(view.dataset, list(zip(chosen["subset"], chosen["clip"], strict=True)))
    st.session_state[IS_NEW] = True


def _open_similar(view: MapView, clip: DatasetClip) -> None:
    """Pick a clip of the list of similar ones; without the filter if it does not pass."""
    row = view.placed.row_of.get(clip_text(clip))
    if row is None or not view.passes[row]:
        clear_filter()
    pick(clip)


def _show_selection(view: MapView) -> None:
    """How many clips are selected, and the way to review them; the filter above has the button that ends it."""
    if not (found := selection.selection_id()):
        return
    count = int(view.passes.sum())
    clips = Markdown("1 clip" if count == 1 else f"{count:,} clips")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{clips} selected**", width="content")
        st.page_link(
            "pages/review.py",
            label="Open in Review",
            icon=":material/rule:",
            query_params={selection.PARAMETER: found},
            help="Review the labels of these clips alone.",
        )


def _show_job(job: MapJob, clip_map: ClipMap, clips: int) -> None:
    """The process that makes the map, which begins by itself the first time: its progress, or what starts it."""
    from audiotag.similarity.map_layout import FEWEST_CLIPS

    if show_job_progress(job, "map", Markdown("Finding the nearest clips of each clip …"), clips):
        return
    if failure := job.failure():
        st.error(escape(failure), icon=":material/error:")
    if clips < FEWEST_CLIPS:
        return
    if clip_map.method == "PCA" and not (job.folder / "process.json").exists():
        _start(job)
        st.rerun()
    if clip_map.method == "PCA":
        st.button("Make the UMAP map", icon=":material/hub:", key="make-map", on_click=_start, args=(job,))
    elif clip_map.placed_later:
        clips_are = "1 clip is" if clip_map.placed_later == 1 else f"{clip_map.placed_later:,} clips are"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{clips_are} newer than the map and placed among the nearest others.", width="content")
            st.button(
                "Make the map again", icon=":material/refresh:", key="make-map", type="tertiary",
                on_click=_start, args=(job,),
            )  # fmt: skip


def _start(job: MapJob) -> None:
    with messages.show_errors():
        job.start()


def _caption(clip_map: ClipMap, ensemble: Path, embeddings: Embeddings) -> Markdown:
    """What nearness means, by which method, and how many clips are not on the map."""
    text = (
        f"Clips near each other sound alike to the ensemble {escape(ensemble.name)} ({escape(clip_map.method)} of its "
        "embeddings). Directions, and distances across gaps, mean nothing."
    )
    silent = int(np.isnan(clip_map.positions[:, 0]).sum())
    parts = [f"{silent:,} silent" if silent else "", f"{embeddings.missing:,} unreadable" if embeddings.missing else ""]
    if not any(parts):
        return Markdown(text)
    are_missing = escape(" and ".join(filter(None, parts)))
    clips_are = "clip is" if silent + embeddings.missing == 1 else "clips are"
    return Markdown(f"{text} {are_missing} {clips_are} not on the map.")
