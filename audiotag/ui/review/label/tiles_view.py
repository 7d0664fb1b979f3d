"""Many clips at once on the Label tab: those that sound like a clip, or those of its cluster, get the same labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from audiotag.review.grid import CLIPS_AT_ONCE, GridClip
from audiotag.ui.review.clip_grid import Answer, ClipGrid, show_clip_grid
from audiotag.ui.review.clip_grid.clip_grid import ClipGridKind
from audiotag.ui.review.label.answers import answer_many, show_problem
from audiotag.ui.review.label.choices import chosen_labels, show_choices
from audiotag.ui.review.label.loading import Labelling
from audiotag.ui.review.label.position import CLUSTER, close_view
from audiotag.ui.review.tiles import ClipTile, pack_tiles
from audiotag.ui.text import Markdown, escape, escape_all

SIMILAR = 200  # so many are looked at for those without a label
UNHEARD = "label-unheard"  # key of the toggle, and in the address
UNHEARD_HELP = Markdown("The clips that are least like this one are shown, because they are most likely to differ.")


def show_tiles(labelling: Labelling, row: int, view: str) -> None:
    """Show the clips that sound like one clip, or those of its cluster, and give them its labels at once.

    Parameters
    ----------
    labelling : Labelling
    row : int
        The clip.
    view : str
        `CLUSTER`: all but the marked clips get the labels; otherwise the marked ones do.
    """
    state, is_cluster = labelling.state, view == CLUSTER
    name = escape(state.material.clips.at[row, "clip"])
    if is_cluster:
        rows = state.open_rows(state.material.cluster_rows(row))
        title, kind = Markdown(f"The cluster of {name}"), "cluster"
    else:
        rows = state.open_rows(state.material.similar_rows(row, SIMILAR))[: CLIPS_AT_ONCE - 1]
        title, kind = Markdown(f"Clips that sound like {name}"), "alike"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(title, anchor=False, width="stretch")
        st.button(
            "Back to the clip",
            icon=":material/arrow_back:",
            key="label-back",
            shortcut="B",
            type="tertiary",
            on_click=close_view,
        )
    show_choices(labelling, row, with_keys=False)
    show_problem()
    if not rows:
        st.info("All of these clips have labels already.", icon=":material/task_alt:")
        return
    shown, unheard = rows[:CLIPS_AT_ONCE], list[int]()
    if is_cluster:
        shown, unheard = _pick_shown(row, rows)
    elif not state.is_labelled[row]:
        unheard = [row]
    st.markdown(_task(is_cluster))
    _show_grid(labelling, row, "cluster" if kind == "cluster" else "alike", shown, unheard)


def _task(is_cluster: bool) -> Markdown:
    if is_cluster:
        return Markdown("Mark the clips that do **not** belong; the others get the labels above.")
    return Markdown(
        "Mark the clips in which you hear the same. They get the labels above, and so does the clip itself."
    )


def _pick_shown(row: int, rows: Sequence[int]) -> tuple[list[int], list[int]]:
    """The clips of a cluster to show, and those that get the labels without being shown."""
    more = len(rows) - CLIPS_AT_ONCE
    if more <= 0:
        return list(rows), []
    with_unheard = st.toggle(
        f"Also label the other {more:,} clips of this cluster",
        key=UNHEARD,
        bind="query-params",
        help=UNHEARD_HELP,
    )
    if not with_unheard:
        return list(rows[:CLIPS_AT_ONCE]), []
    others = list(rows[1:])
    return [rows[0], *others[::-1][: CLIPS_AT_ONCE - 1]], others[: -(CLIPS_AT_ONCE - 1)]


def _show_grid(
    labelling: Labelling, row: int, kind: ClipGridKind, shown: Sequence[int], unheard: Sequence[int]
) -> None:
    clips = [grid_clip(labelling, each, row) for each in shown]
    tiles, seen = pack_tiles(clips, CLIPS_AT_ONCE)
    with st.container():  # a place of its own, as in `show_problem`
        if left_out := seen - len(tiles):
            which = "1 clip is" if left_out == 1 else f"{left_out:,} clips are"
            st.caption(f":material/warning: {which} left out, because the sound cannot be read; see the Dataset page.")
    if not tiles:
        return
    chosen = chosen_labels(labelling, row)
    label = ", ".join(chosen) if labelling.reviewer else ""
    grid = ClipGrid(label, kind, tuple(tile.tile for tile in tiles), also=len(unheard))
    rows = dict(zip((clip.name for clip in clips), shown, strict=True))
    show_clip_grid(grid, partial(_answer, labelling, row, kind, tiles, rows, unheard))


def grid_clip(labelling: Labelling, row: int, like: int) -> GridClip:
    """A clip for a tile, with its similarity to another one as its score."""
    clip, vectors = labelling.state.material.clips.iloc[row], labelling.state.material.vectors
    similarity = float(vectors[row].astype("float32") @ vectors[like].astype("float32"))
    return GridClip(clip["subset"], clip["clip"], clip["path"], labelling.state.given[row], similarity)


def _answer(
    labelling: Labelling,
    row: int,
    kind: ClipGridKind,
    tiles: Sequence[ClipTile],
    rows: dict[tuple[str, str], int],
    unheard: Sequence[int],
    answer: Answer,
) -> None:
    """Label the clips that belong, and say how many there were."""
    row_of = {each.tile.id: rows[each.clip.name] for each in tiles}
    wanted = answer.accepted if kind == "cluster" else answer.odd
    labels = chosen_labels(labelling, row)
    if not labels:
        return
    count = answer_many(labelling, [*unheard, *(row_of[each] for each in wanted)], labels)
    if count:
        clips = "1 clip" if count == 1 else f"{count:,} clips"
        st.toast(f"{escape_all(labels)}: {clips} labelled. U takes it back.", icon=":material/done_all:")
