"""Which clip is on the Label tab, and what is shown of it: the address says so, and a reload keeps it."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from audiotag.ui.review.label.loading import Labelling

AT, VIEW, LABEL, MARKED = "label-at", "label-view", "label-name", "label-marked"  # in the address
END = "end"
ALIKE, CLUSTER, CLIPS = "alike", "cluster", "clips"  # views, besides that of one clip
MARKS = "label-marks-"  # in the session, before the id of a clip: the labels that are chosen for it
SHOWN = "label-shown"  # in the session: the clip on the page, so that a key counts for that one alone


def current_row(labelling: Labelling) -> int | None:
    """The row of the clip to show; None at the end.

    That is the clip in the address, otherwise the one that teaches most, which the address then has: the queue may
    get another order while the clip is on the page.
    """
    wanted = st.query_params.get(AT)
    if wanted == END:
        return None
    row = labelling.row_of(wanted) if wanted else None
    if row is None:
        row = next_row(labelling)
        if row is not None:
            st.query_params[AT] = labelling.id_of(row)
    return row


def next_row(labelling: Labelling) -> int | None:
    """The row of the clip that teaches most; None where all clips have an answer, or were skipped."""
    skipped = labelling.state.is_skipped
    return next((offer.row for offer in labelling.state.offers if not skipped[offer.row]), None)


def next_skipped(labelling: Labelling, row: int = -1) -> int | None:
    """The row of the next clip that was skipped, after one of them or the first; None without one."""
    skipped = labelling.state.is_skipped
    rows = [offer.row for offer in labelling.state.offers if skipped[offer.row]]
    return next(iter(rows[rows.index(row) + 1 :] if row in rows else rows), None)


def go_to(labelling: Labelling, row: int | None) -> None:
    """Show a clip, or the end, in the view of one clip."""
    st.query_params[AT] = END if row is None else labelling.id_of(row)
    for parameter in (VIEW, LABEL, MARKED):
        st.query_params.pop(parameter, None)
    for key in [key for key in st.session_state if str(key).startswith(MARKS)]:
        del st.session_state[key]  # what was not written is forgotten, also if the clip is the same
    st.session_state[SHOWN] = None


def step(labelling: Labelling, row: int | None, direction: int) -> None:
    """Go back to the clip that was answered before, or on to the next one, without an answer."""
    history = labelling.history
    place = history.index(row) if row in history else len(history)
    if direction < 0:
        if place > 0:
            go_to(labelling, history[place - 1])
    elif place + 1 < len(history):
        go_to(labelling, history[place + 1])
    else:
        rows = [offer.row for offer in labelling.state.offers]
        following = rows[rows.index(row) + 1 :] if row in rows else rows
        go_to(labelling, next(iter(following), None))


def has_before(labelling: Labelling, row: int | None) -> bool:
    """Whether there is a clip to go back to."""
    return bool(labelling.history) and labelling.history[0] != row


def open_view(view: str, label: str = "") -> None:
    """Show another view of the clip; of a label where one is named."""
    st.query_params[VIEW] = view
    if label:
        st.query_params[LABEL] = label
    else:
        st.query_params.pop(LABEL, None)


def close_view() -> None:
    """Show the one clip again."""
    st.query_params.pop(VIEW, None)
    st.query_params.pop(LABEL, None)


def marked_in_address() -> list[str]:
    """The labels that are chosen for the clip and not written yet."""
    return st.query_params.get_all(MARKED)


def write_marked(labels: Iterable[str]) -> None:
    """Put the chosen labels into the address."""
    chosen = list(labels)
    if chosen:
        st.query_params[MARKED] = chosen
    else:
        st.query_params.pop(MARKED, None)
