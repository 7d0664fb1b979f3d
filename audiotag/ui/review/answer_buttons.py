"""The buttons that answer a doubt on the Review page, the note, and undo; each has its key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from audiotag.data.verdicts import Verdict
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.review.answers import Choice, choices_of, describe_verdict, is_given, verdict_of
from audiotag.review.doubts import Doubt
from audiotag.review.queue import Said, doubt_id, item_id
from audiotag.ui.review import keys, sounds
from audiotag.ui.review.position import AFTER, ITEM, SHOWN, ItemQueue
from audiotag.ui.text import Markdown, escape

PROBLEM = "review-problem"  # in the session: why the last answer was not written


def show_answers(queue: ItemQueue, doubt: Doubt, verdict: Verdict | None) -> None:
    """One button per answer, and the field for a note."""
    if not queue.reviewer:
        st.warning("Type your name above before you answer: verdicts are kept per reviewer.", icon=":material/badge:")
    choices = choices_of(doubt)
    with st.container(horizontal=True, gap="small", key="review-answers"):
        for choice in choices:
            if choice.answer != "other":
                _show_choice(queue, doubt, choice)
    with st.container(horizontal=True, gap="small", key="review-others"):
        for choice in choices:
            if choice.answer == "other":
                _show_choice(queue, doubt, choice)
        _show_any_label(queue, doubt, choices)
    with st.container(key=keys.NOTE):
        st.text_input(
            "Note",
            value=verdict.note if verdict else "",
            key=_note_key(doubt),
            placeholder="Note (optional), kept with the verdict",
            label_visibility="collapsed",
        )


def _show_choice(queue: ItemQueue, doubt: Doubt, choice: Choice) -> None:
    """The button of an answer. It is another one for each doubt, so that a press that comes late finds none."""
    st.button(
        keys.with_key(choice.text, choice.key),
        key=keys.key_of(choice.key, doubt_id(doubt)),
        on_click=_answer,
        args=(queue, doubt, choice),
        disabled=not queue.reviewer,
        help=None if choice.score is None else f"Score {choice.score:.2f}",
    )


def _show_any_label(queue: ItemQueue, doubt: Doubt, choices: Sequence[Choice]) -> None:
    """A picker of the labels that have no key of their own."""
    keyed = {choice.other for choice in choices} | {doubt.label, *doubt.labels}
    rest = [label for label in queue.dataset.labels if label not in keyed]
    if not rest:
        return
    key = f"review-other-{doubt_id(doubt)}"
    st.selectbox(
        "Another label",
        rest,
        index=None,
        key=key,
        placeholder="Another label instead …" if is_given(doubt) else "Add another label instead …",
        label_visibility="collapsed",
        on_change=_answer_from_picker,
        args=(queue, doubt, key),
        disabled=not queue.reviewer,
        width=240,
    )


def _note_key(doubt: Doubt) -> str:
    return f"review-note-{doubt_id(doubt)}"


def _answer_from_picker(queue: ItemQueue, doubt: Doubt, key: str) -> None:
    if label := st.session_state.get(key):
        _answer(queue, doubt, Choice("other", "", "", label))


def _answer(queue: ItemQueue, doubt: Doubt, choice: Choice) -> None:
    """Write a verdict, and go to the next doubt without one."""
    if st.session_state.get(SHOWN) != doubt_id(doubt):
        return  # pressed twice
    content = sounds.content_in_time(doubt.path, queue.review.content(doubt))
    note = (st.session_state.get(_note_key(doubt)) or "").strip()
    verdict = verdict_of(doubt, choice.answer, queue.reviewer, choice.other, content, note)
    with _keeping_problems():
        queue.journal.append([verdict])
        st.session_state[SHOWN] = None
        st.session_state[AFTER] = queue.doubts.index(doubt)


def _undo(queue: ItemQueue) -> None:
    """Take back the reviewer's last answer, and go to its doubt."""
    with _keeping_problems():
        undone = queue.journal.undo(queue.reviewer)
        if not undone:
            return
        first = undone[0]
        of_queue = {doubt_id(doubt) for doubt in queue.doubts}
        ids = [item_id(verdict.subset, verdict.clip, verdict.label) for verdict in undone]
        if there := [each for each in ids if each in of_queue]:
            st.query_params[ITEM] = there[0]
        clips = escape(first.clip) if len(undone) == 1 else Markdown(f"{len(undone):,} clips")
        label = Markdown(f"{escape(first.label)}: ") if first.label else Markdown("")
        st.toast(f"Taken back for {clips}: {label}{escape(describe_verdict(first))}", icon=":material/undo:")


def show_undo(queue: ItemQueue, said: Said) -> None:
    """The button that takes back the last answer, also one that was given before a reload."""
    st.button(
        "Undo `U`",
        icon=":material/undo:",
        key=keys.key_of(keys.UNDO),
        type="tertiary",
        on_click=_undo,
        args=(queue,),
        disabled=not said.times_s,
    )


@contextmanager
def _keeping_problems() -> Iterator[None]:
    """Keep what the disk refuses, to be shown with the doubt: a callback runs before the page is drawn."""
    st.session_state.pop(PROBLEM, None)
    try:
        yield
    except (AudiotagError, OSError) as error:
        st.session_state[PROBLEM] = disk_problem(error) if isinstance(error, OSError) else str(error)
