"""The end of the Review page's queue: what was reviewed, what it changed, and what can be done next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from audiotag.data.verdicts import UNDECIDED, Verdict
from audiotag.review.queue import doubt_id, next_open
from audiotag.training.runs import Run
from audiotag.ui.review.position import ITEM, ItemQueue
from audiotag.ui.review.retrain import show_retraining
from audiotag.ui.text import Markdown
from audiotag.workspace import Workspace


def show_end(queue: ItemQueue, verdicts: Sequence[Verdict | None], run: Run | None, workspace: Workspace) -> None:
    """A summary, the way back to what is open or undecided, and training with the corrections."""
    answered = [verdict for verdict in verdicts if verdict is not None]
    open_places = [verdict is None for verdict in verdicts]
    if any(open_places):
        left = sum(open_places)
        st.info(f"This is the end of the queue; {left:,} before it {'has' if left == 1 else 'have'} no answer yet.")
    else:
        st.success(f"All {len(answered):,} doubts of this queue are reviewed.", icon=":material/task_alt:")
    counts = Counter(verdict.answer for verdict in answered)
    different = {id(verdict): verdict for verdict in answered}.values()  # one can answer two doubts about a clip
    changed = sum(len(set(verdict.before) ^ set(verdict.after)) for verdict in different)
    for column, (label, value) in zip(
        st.columns(4),
        (
            (Markdown("Reviewed"), len(answered)),
            (Markdown("Labels changed"), changed),
            (Markdown("Right as they were"), counts["right"]),
            (Markdown("Unsure or skipped"), sum(counts[answer] for answer in UNDECIDED)),
        ),
        strict=True,
    ):
        column.metric(label, f"{value:,}", border=True)
    undecided = [verdict is not None and verdict.answer in UNDECIDED for verdict in verdicts]
    with st.container(horizontal=True):
        if (place := next_open(open_places)) is not None:
            _go_button(queue, place, Markdown("Go to the first without an answer"), "go-open")
        if (place := next_open(undecided)) is not None:
            _go_button(queue, place, Markdown("Go to the first that is unsure or skipped"), "go-undecided")
    st.divider()
    show_retraining(queue.dataset, run, workspace)


def _go_button(queue: ItemQueue, place: int, label: Markdown, key: str) -> None:
    st.button(label, icon=":material/arrow_forward:", key=key, on_click=_go_to, args=(doubt_id(queue.doubts[place]),))


def _go_to(item: str) -> None:
    st.query_params[ITEM] = item
