"""The clips of one label on the Label tab: take it from clips, give it another name, or merge it with another label."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from audiotag.review.grid import CLIPS_AT_ONCE, GridClip
from audiotag.ui.review.clip_grid import Answer, ClipGrid, show_clip_grid
from audiotag.ui.review.label.answers import change_labels, keep_problems, show_problem
from audiotag.ui.review.label.loading import Labelling
from audiotag.ui.review.label.position import LABEL, close_view
from audiotag.ui.review.tiles import ClipTile, pack_tiles
from audiotag.ui.text import Markdown, escape

PAGE = "label-page"  # in the address: the number of the page of clips, from 1


def show_label(labelling: Labelling, label: str) -> None:
    """Show the clips that have a label, those that are least like the others first, and rename it."""
    rows = [row for row, own in enumerate(labelling.state.given) if label in own]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        count = "1 clip" if len(rows) == 1 else f"{len(rows):,} clips"
        st.header(f"{escape(label)} · {count}", anchor=False, width="stretch")
        st.button(
            "Back to the clips without a label",
            icon=":material/arrow_back:",
            key="label-back",
            shortcut="B",
            type="tertiary",
            on_click=_back,
        )
    _show_rename(labelling, label, rows)
    show_problem()
    if not rows:
        return
    ordered, similarity = _by_similarity(labelling, rows)
    pages = -(-len(rows) // CLIPS_AT_ONCE)
    page = min(max(_page(), 1), pages)
    clips = [_tile_clip(labelling, ordered[at], similarity[at]) for at in _places(page, len(ordered))]
    tiles, _ = pack_tiles(clips, CLIPS_AT_ONCE)
    st.markdown("Mark the clips in which you do **not** hear it. Those that are least like the others come first.")
    if tiles:
        grid = ClipGrid(label if labelling.reviewer else "", "members", tuple(each.tile for each in tiles))
        by_name = {clip.name: ordered[at] for clip, at in zip(clips, _places(page, len(ordered)), strict=True)}
        show_clip_grid(grid, partial(_remove, labelling, label, tiles, by_name))
    _show_pages(page, pages)


def _places(page: int, count: int) -> range:
    return range((page - 1) * CLIPS_AT_ONCE, min(page * CLIPS_AT_ONCE, count))


def _by_similarity(labelling: Labelling, rows: Sequence[int]) -> tuple[list[int], list[float]]:
    """The clips in the order of their similarity to the mean of all of them, the least similar first."""
    vectors = labelling.state.material.vectors[list(rows)].astype(np.float32)
    mean = vectors.mean(axis=0)
    similarity = vectors @ (mean / max(float(np.linalg.norm(mean)), 1e-9))
    order = np.argsort(similarity, kind="stable")
    return [rows[place] for place in order], [float(similarity[place]) for place in order]


def _tile_clip(labelling: Labelling, row: int, similarity: float) -> GridClip:
    clip = labelling.state.material.clips.iloc[row]
    return GridClip(clip["subset"], clip["clip"], clip["path"], labelling.state.given[row], similarity)


def _show_rename(labelling: Labelling, label: str, rows: Sequence[int]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        key = f"label-rename-{label}"
        st.text_input("Name", value=label, key=key, width=320, help="The name of another label merges both.")
        st.button(
            "Rename or merge",
            icon=":material/edit:",
            key="label-rename",
            on_click=_rename,
            args=(labelling, label, rows, key),
            disabled=not labelling.reviewer or not rows,
        )


def _rename(labelling: Labelling, label: str, rows: Sequence[int], key: str) -> None:
    """Replace a label by another one in all of its clips, as one step that can be undone."""
    from audiotag.review.labelling.answers import clean_label

    with keep_problems():
        others = [other for other in labelling.state.labels if other != label]
        name = clean_label(str(st.session_state.get(key) or ""), others)
        if name == label:
            return
        changed = change_labels(labelling, rows, lambda labels: (name if each == label else each for each in labels))
        if changed:
            st.query_params[LABEL] = name
            verb = "merged into" if name in others else "renamed"
            st.toast(f"{escape(label)} is {verb} {escape(name)}. U takes it back.", icon=":material/edit:")


def _remove(
    labelling: Labelling, label: str, tiles: Sequence[ClipTile], rows: dict[tuple[str, str], int], answer: Answer
) -> None:
    marked = [rows[each.clip.name] for each in tiles if each.tile.id in answer.odd]
    change_labels(labelling, marked, lambda labels: (each for each in labels if each != label), removed=label)


def _show_pages(page: int, pages: int) -> None:
    if pages < 2:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for text, to, key in (("Previous clips", page - 1, "previous"), ("Next clips", page + 1, "next")):
            st.button(
                text, key=f"label-clips-{key}", type="tertiary", on_click=_go, args=(to,), disabled=not 1 <= to <= pages
            )
        st.caption(Markdown(f"{page:d} of {pages:d}"), width="content")


def _page() -> int:
    text = st.query_params.get(PAGE, "1")
    return int(text) if text.isdecimal() and len(text) < 6 else 1


def _go(page: int) -> None:
    st.query_params[PAGE] = str(page)


def _back() -> None:
    st.query_params.pop(PAGE, None)
    close_view()
