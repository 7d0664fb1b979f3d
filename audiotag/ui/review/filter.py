"""The filter of the Review page's queue; it is in the address, so that a link shows the same queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args

import streamlit as st

from audiotag.review.doubts import Doubt, DoubtKind
from audiotag.review.queue import QueueFilter
from audiotag.ui import selection
from audiotag.ui.text import Markdown, escape

KEYS = ("subset", "kind", "label", "fold")  # of the pickers, and in the address
KIND_HELP = Markdown(
    "Wrong: the clip has the label, but it is scored low. Missing: the clip does not have it, but it is scored high. "
    "Contradiction: a copy of the clip has other labels. Problem: the sound has a fault."
)


def pick_filter(doubts: Sequence[Doubt]) -> QueueFilter:
    """A popover with the widgets of the filter; returns the filter that they describe."""
    with st.popover("Filter", icon=":material/filter_alt:", key="review-filter"):
        subset = _pick(Markdown("Subset"), "subset", sorted({doubt.subset for doubt in doubts}))
        present = {doubt.kind for doubt in doubts}
        kinds = [kind for kind in get_args(DoubtKind) if kind in present]
        kind = _pick(Markdown("What is doubtful"), "kind", kinds, KIND_HELP)
        label = _pick(Markdown("Label in doubt"), "label", sorted({doubt.label for doubt in doubts}))
        folds = sorted({doubt.fold for doubt in doubts if doubt.fold is not None})
        fold = _pick(Markdown("Scored by fold"), "fold", map(str, folds))
        wanted = QueueFilter(subset, label, kind, int(fold) if fold else None)
        st.button(
            "Clear the filter",
            icon=":material/close:",
            key="clear-queue-filter",
            type="tertiary",
            on_click=clear_filter,
            disabled=wanted == QueueFilter(),
        )
    return wanted


def describe_filter(wanted: QueueFilter) -> Markdown:
    """The filter in words; empty for one that all doubts pass."""
    fold = "" if wanted.fold is None else f"fold {wanted.fold}"
    return escape(" · ".join(filter(None, (wanted.subset, wanted.kind, wanted.label, fold))))


def clear_filter() -> None:
    """Callback that lets all doubts pass."""
    selection.clear()
    for key in KEYS:
        st.session_state[key] = None


def _pick(title: Markdown, key: str, values: Iterable[str], explanation: Markdown | None = None) -> str:
    in_address: dict[str, Any] = {"bind": "query-params"}
    chosen = st.selectbox(title, list(values), index=None, placeholder="all", key=key, help=explanation, **in_address)
    return chosen or ""
