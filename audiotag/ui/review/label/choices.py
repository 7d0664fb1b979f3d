"""The labels to choose from for a clip: nine with a key each, those that are chosen, and a field for any other."""

from __future__ import annotations

import streamlit as st

from audiotag.ui.review import keys
from audiotag.ui.review.label.answers import keep_problems
from audiotag.ui.review.label.loading import Labelling
from audiotag.ui.review.label.position import MARKS, marked_in_address, write_marked
from audiotag.ui.text import Markdown, escape

MAX_KEYS = 9
MIN_SHOWN_SCORE = 0.05
FIELD_HELP = Markdown("Type a new label, or the beginning of one that exists. Enter chooses it for this clip.")


def keyed_labels(labelling: Labelling, row: int) -> list[str]:
    """The labels that have the keys 1 to 9 for a clip.

    As long as all labels fit, each keeps its key. Of more labels, those that the head finds most probable come first,
    then the most frequent ones.
    """
    labels = labelling.labels_in_order
    if len(labels) <= MAX_KEYS:
        return labels
    suggested = [label for label, _ in labelling.state.suggestions(row, MAX_KEYS)]
    ordered = dict.fromkeys([*suggested, *labelling.clips_per_label])
    there = set(labels)
    return [label for label in ordered if label in there][:MAX_KEYS]


def chosen_labels(labelling: Labelling, row: int) -> list[str]:
    """The labels that are chosen for a clip so far."""
    return list(st.session_state.get(_pills_key(labelling.id_of(row))) or [])


def show_choices(labelling: Labelling, row: int, with_keys: bool = True) -> list[str]:
    """Show the labels to choose from, and the field for another one; returns those that are chosen.

    Parameters
    ----------
    labelling : Labelling
    row : int
        The clip, whose suggestions are shown.
    with_keys : bool
        Whether the digits choose labels here.
    """
    item = labelling.id_of(row)
    pills = _pills_key(item)
    if pills not in st.session_state:
        st.session_state[pills] = marked_in_address() or list(labelling.state.given[row])
    keyed = keyed_labels(labelling, row)
    options = list(dict.fromkeys([*keyed, *st.session_state[pills]]))
    scores = dict(labelling.state.suggestions(row, len(labelling.state.labels)))
    numbers = {label: number for number, label in enumerate(keyed, start=1)}

    def describe(label: str) -> Markdown:
        score = scores.get(label, 0.0)
        likely = f" :small[{score:.2f}]" if score >= MIN_SHOWN_SCORE else ""
        key = f" `{numbers[label]:d}`" if with_keys and label in numbers else ""
        return Markdown(f"{escape(label)}{likely}{key}")

    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"label-choices-{item}"):
        if options:
            with st.container(key=f"{keys.LABELS}-{item}" if with_keys else f"label-list-{item}", width="content"):
                st.pills(
                    "Labels of this clip",
                    options,
                    selection_mode="multi",
                    format_func=describe,
                    key=pills,
                    on_change=_note_marks,
                    args=(pills,),
                    label_visibility="collapsed",
                    disabled=not labelling.reviewer,
                )
        _show_field(labelling, item, pills, with_keys)
    return chosen_labels(labelling, row)


def _show_field(labelling: Labelling, item: str, pills: str, with_keys: bool) -> None:
    """The field that chooses a label by its name, or makes a new one; each time it is another one, which is empty."""
    count = f"label-fields-{item}"
    field = f"label-field-{item}-{st.session_state.get(count, 0)}"
    with st.container(key=keys.key_of("N", item) if with_keys else f"label-new-{item}", width=260):
        st.selectbox(
            "New or other label",
            labelling.labels_in_order,
            index=None,
            key=field,
            placeholder="New or other label (N)" if with_keys else "New or other label",
            label_visibility="collapsed",
            accept_new_options=True,
            filter_mode="contains",
            on_change=_choose,
            args=(labelling, pills, field, count),
            disabled=not labelling.reviewer,
            help=FIELD_HELP,
        )


def _choose(labelling: Labelling, pills: str, field: str, count: str) -> None:
    """Choose the label in the field for the clip."""
    from audiotag.review.labelling.answers import clean_label

    text = st.session_state.get(field)
    st.session_state[count] = st.session_state.get(count, 0) + 1
    if not text:
        return
    with keep_problems():
        chosen = st.session_state.get(pills) or []
        label = clean_label(text, [*labelling.state.labels, *chosen])
        st.session_state[pills] = list(dict.fromkeys([*chosen, label]))
        write_marked(st.session_state[pills])


def _note_marks(pills: str) -> None:
    write_marked(st.session_state.get(pills) or [])


def _pills_key(item: str) -> str:
    return f"{MARKS}{item}"
