"""The Label tab of the Review page: label clips that have no label, the one that teaches most first.

A key runs only the fragment here.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import VerdictJournal
from audiotag.errors import AudiotagError
from audiotag.review.labelling.material import LabellingMaterial
from audiotag.ui.embeddings import embedding_job, show_embeddings
from audiotag.ui.review import keys
from audiotag.ui.review.label.answers import undo
from audiotag.ui.review.label.clip_view import show_clip
from audiotag.ui.review.label.end import show_end
from audiotag.ui.review.label.label_view import show_label
from audiotag.ui.review.label.loading import Labelling, load_labelling, load_material
from audiotag.ui.review.label.position import (
    ALIKE,
    CLIPS,
    CLUSTER,
    LABEL,
    VIEW,
    current_row,
    has_before,
    step,
)  # fmt: skip
from audiotag.ui.review.label.side import show_side
from audiotag.ui.review.label.tiles_view import show_tiles
from audiotag.ui.style import add_style
from audiotag.ui.text import Markdown, escape
from audiotag.wording import format_duration
from audiotag.workspace import Workspace

AUTOPLAY_HELP = Markdown("Plays each sound as soon as it is shown.")
LIST = Markdown("""
| key | |
|---|---|
| `1` … `9` | choose a label, or take it back; a clip can have several |
| `N` or `/` | type a new label, or another one; `Enter` chooses it |
| `Enter` | the chosen labels are all that is in the sound: go on |
| `0` | no label fits |
| `X` | unsure |
| `S` | skip |
| `M` | more clips like this one, to label at once |
| `C` | the whole cluster of this clip, to label at once |
| `U` | undo, as often as you like |
| `←` `→` | back and on, without an answer |
| `space` | play and pause |
| `?` | this list |
""")
STYLE = """<style>
.st-key-label-counts button { justify-content: flex-start; width: 100%; min-height: 2rem; padding: 0 .3rem; }
.st-key-label-counts button p { overflow-wrap: anywhere; text-align: start; }
[class*="st-key-review-labels-"] button, [class*="st-key-label-list-"] button { height: auto; max-width: 100%; }
[class*="st-key-review-labels-"] button p, [class*="st-key-label-list-"] button p {
  overflow-wrap: anywhere; white-space: normal; text-align: start; unicode-bidi: plaintext;
}
[class*="st-key-review-labels-"] button code {
  margin-left: .3rem; padding: .05rem .35rem; border-radius: .25rem; font-size: .75rem; color: inherit; opacity: .75;
  background: transparent; border: 1px solid color-mix(in srgb, currentColor 35%, transparent);
}
[class*="st-key-press-enter-"] button[kind="primary"] code { opacity: 1; }
</style>"""


def show_labelling(dataset: Dataset, ensemble: Path | None, reviewer: str, workspace: Workspace) -> None:
    """Embed the clips, then ask about one after the other.

    Parameters
    ----------
    dataset : Dataset
        Its clips may have labels in its tables; only the others are asked about.
    ensemble : Path or None
        The ensemble that is chosen in the sidebar, whose embeddings are used unless others were made before.
    reviewer : str
        Empty as long as no name is given; then nothing can be answered.
    workspace : Workspace
        Has the journal of verdicts.
    """
    folder = _embedder(dataset, ensemble, workspace)
    if folder is None:
        st.info("Clips that sound alike are found by the embeddings of an ensemble, and there is none yet.")
        return
    embeddings = show_embeddings(dataset, folder, "label")
    if embeddings is None:
        return
    if not len(embeddings.clips):
        st.error("No clip can be read, so there is nothing to label. See the Dataset page.", icon=":material/error:")
        return
    for problem in embeddings.problems[:3]:
        st.caption(f":material/warning: {escape(problem)}")
    material = load_material(dataset, folder, embeddings)
    _show_queue(dataset, material, VerdictJournal.of(dataset.root, workspace), reviewer)
    add_style(STYLE)
    keys.give_keys()


def _embedder(dataset: Dataset, chosen: Path | None, workspace: Workspace) -> Path | None:
    """The ensemble whose embeddings are used: the one that was first used for this dataset, else the chosen one.

    An ensemble that is trained on the labels and published would otherwise replace it: its embeddings know the labels
    already, so the figure of the head would be too good.
    """
    begun: list[tuple[float, Path]] = []
    for folder in workspace.ensemble_folders().values():
        with suppress(AudiotagError, OSError):  # a damaged ensemble, or one that embedded nothing
            begun.append(((embedding_job(dataset, folder).folder / "process.json").stat().st_mtime, folder))
    return min(begun)[1] if begun else chosen


@st.fragment
def _show_queue(dataset: Dataset, material: LabellingMaterial, journal: VerdictJournal, reviewer: str) -> None:
    labelling = load_labelling(dataset, material, journal, reviewer)
    row = current_row(labelling)
    view, label = st.query_params.get(VIEW), st.query_params.get(LABEL, "")
    is_one = view != CLIPS and (view not in (ALIKE, CLUSTER) or row is None)
    with st.container(key=keys.QUEUE if is_one else "label-tiles"):
        autoplay = _show_bar(labelling, row, is_one)
        if view == CLIPS:
            show_label(labelling, label)
            return
        if not is_one and row is not None:
            show_tiles(labelling, row, str(view))
            return
        left, right = st.container(key="review-item").columns([2.5, 1], gap="large")
        with left:
            if row is None:
                show_end(labelling)
            else:
                show_clip(labelling, row, autoplay)
        with right:
            show_side(labelling)


def _show_bar(labelling: Labelling, row: int | None, is_one: bool) -> bool:
    """Keys, autoplay, undo, progress and steps; returns whether sounds play by themselves."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        autoplay = True
        if is_one:
            with st.popover("Keys `?`", icon=":material/keyboard:", key=keys.key_of(keys.HELP)):
                st.markdown(LIST)
            autoplay = st.toggle(
                "Autoplay", value=True, key="label-autoplay", bind="query-params", help=AUTOPLAY_HELP, width="content"
            )
        st.button(
            Markdown("Undo `U`" if is_one else "Undo"),
            icon=":material/undo:",
            key=keys.key_of(keys.UNDO) if is_one else "label-undo",
            shortcut=None if is_one else "U",
            type="tertiary",
            on_click=partial(undo, labelling),
            disabled=not labelling.history,
        )
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="stretch"):
            if is_one:
                _show_step(labelling, row, -1)
            st.progress(*_progress(labelling), width="stretch")
            if is_one:
                _show_step(labelling, row, 1)
    return bool(autoplay)


def _show_step(labelling: Labelling, row: int | None, direction: int) -> None:
    is_back = direction < 0
    st.button(
        "Back `←`" if is_back else "On `→`",
        key=keys.key_of(keys.BACK if is_back else keys.ON),
        type="tertiary",
        on_click=partial(step, labelling, row, direction),
        disabled=not has_before(labelling, row) if is_back else row is None,
    )


def _progress(labelling: Labelling) -> tuple[float, Markdown]:
    """The share of clips with labels, and in words the clips, the clusters and the time."""
    state = labelling.state
    labelled, total = int(state.is_labelled.sum()), len(state.is_labelled)
    clusters = state.material.cluster
    heard = len(np.unique(clusters[(state.is_labelled | state.is_skipped) & ~state.material.is_silent]))
    parts = [f"{labelled:,} of {total:,} labelled", f"{heard:,} of {clusters.max(initial=-1) + 1:,} clusters heard"]
    if labelling.pace_s is not None:
        parts.append(f"{labelling.pace_s:.1f} s per answer")
        if labelled < total:
            parts.append(f"about {format_duration(labelling.pace_s * (total - labelled))} left")
    return (labelled / total if total else 1.0), escape(" · ".join(parts))
