"""Go through the doubts one by one on the Review page: one key per verdict, undo, progress.

A key runs only the fragment here. The journal on disk says what was answered, and the address where the reviewer is,
so that a reload, or the end of the server, loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import UNDECIDED, Verdict, VerdictJournal
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.review.answers import Choice, choices_of, describe_verdict, is_given, verdict_of
from audiotag.review.doubts import Doubt
from audiotag.review.queue import QueueFilter, Said, doubt_id, next_open, what_was_said
from audiotag.ui.review import keys, sounds
from audiotag.ui.review.filter import describe_filter, pick_filter
from audiotag.ui.review.item import prepare_item, show_examples, show_item_sound, show_question, show_reasons
from audiotag.ui.review.loading import Review, read_verdicts
from audiotag.ui.text import Markdown, escape
from audiotag.wording import format_duration

ITEM = "item"  # in the address: where the reviewer is, unless that is the first doubt without an answer
END = "end"
SHOWN = "review-shown"  # in the session: the doubt on the page, so that a key counts for that one alone
AFTER = "review-after"  # in the session, until the page is drawn: the number of the doubt that was just answered
PROBLEM = "review-problem"  # in the session: why the last answer was not written
AHEAD = 3  # doubts whose sounds are made ready
AUTOPLAY_HELP = "Plays each sound as soon as it is shown."
MAIN_KEYS = ("right", "wrong", "add")


@dataclass(frozen=True, eq=False)
class ItemQueue:
    """The doubts that one reviewer goes through.

    Attributes
    ----------
    dataset : Dataset
    review : Review
    doubts : tuple[Doubt, ...]
        Those that pass the filter.
    journal : VerdictJournal
    reviewer : str
    """

    dataset: Dataset
    review: Review
    doubts: tuple[Doubt, ...]
    journal: VerdictJournal
    reviewer: str

    def said(self) -> Said:
        """What the reviewer has said so far."""
        return what_was_said(read_verdicts(self.journal), self.reviewer)

    def place(self, verdicts: Sequence[Verdict | None]) -> int | None:
        """The number of the doubt to show; None at the end of the queue. The address then has it.

        After an answer that is the next doubt without one, otherwise the doubt in the address, or the first without an
        answer, which the address does not have.
        """
        is_open = [verdict is None for verdict in verdicts]
        if (after := st.session_state.pop(AFTER, None)) is not None:
            place = next_open(is_open, after)
            self._write_place(None if place is None or place == next_open(is_open) else place)
            return place
        wanted = st.query_params.get(ITEM)
        if wanted == END:
            return None
        if wanted:
            for place, doubt in enumerate(self.doubts):
                if doubt_id(doubt) == wanted:
                    return place
        return next_open(is_open)

    def _write_place(self, place: int | None) -> None:
        if place is None:
            st.query_params.pop(ITEM, None)
        else:
            st.query_params[ITEM] = doubt_id(self.doubts[place])


@st.fragment
def show_queue(
    dataset: Dataset,
    review: Review,
    journal: VerdictJournal,
    reviewer: str,
    show_end: Callable[[ItemQueue, list[Verdict | None]], None],
) -> None:
    """Show the doubt that comes next, its keys, and the filter of the queue.

    Parameters
    ----------
    dataset : Dataset
    review : Review
    journal : VerdictJournal
    reviewer : str
        Empty as long as no name is given; then nothing can be answered.
    show_end : callable
        Shows what there is at the end of the queue.
    """
    with st.container(key=keys.QUEUE):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            wanted = pick_filter(review.doubts)
            keys.show_list()
            autoplay = st.toggle("Autoplay", key="autoplay", bind="query-params", help=AUTOPLAY_HELP, width="content")
            queue = ItemQueue(dataset, review, tuple(filter(wanted.passes, review.doubts)), journal, reviewer)
            said = queue.said()
            verdicts = said.about_all(queue.doubts, review.contents)
            place = queue.place(verdicts)
            _show_steps(queue, said, verdicts, place)
        if wanted != QueueFilter():
            st.caption(f":material/filter_alt: {describe_filter(wanted)}")
        if problem := st.session_state.get(PROBLEM):
            st.error(f"Nothing was written: {escape(problem)}", icon=":material/error:")
        st.session_state[SHOWN] = None if place is None else doubt_id(queue.doubts[place])
        if not verdicts:
            st.info("No doubt passes the filter.", icon=":material/search_off:")
        elif place is None:
            _show_undo(queue, said)
            show_end(queue, verdicts)
        else:
            _show_item(queue, place, said, verdicts, bool(autoplay))
    keys.give_keys()


def _show_item(queue: ItemQueue, place: int, said: Said, verdicts: Sequence[Verdict | None], autoplay: bool) -> None:
    """One doubt; the sounds of those that come next are made ready meanwhile."""
    doubt, review = queue.doubts[place], queue.review
    left, right = st.container(key="review-item").columns([2.5, 1], gap="large")
    with left:
        show_question(doubt, verdicts[place])
        show_item_sound(doubt, autoplay)
        _show_answers(queue, doubt, said, verdicts[place])
    with right:
        show_reasons(doubt, review)
        show_examples(doubt, review)
    sounds.content_in_time(doubt.path, review.content(doubt))  # begins to compute it
    following = _following(queue, verdicts, place)
    sounds.get_ready([partial(prepare_item, each, review, autoplay) for each in following])


def _following(queue: ItemQueue, verdicts: Sequence[Verdict | None], place: int) -> list[Doubt]:
    """The doubts that are shown next if the reviewer answers, and the neighbour if not."""
    open_places = [at for at in range(place + 1, len(verdicts)) if verdicts[at] is None][:AHEAD]
    wanted = dict.fromkeys([*open_places, *range(place + 1, min(place + 2, len(verdicts)))])
    return [queue.doubts[at] for at in wanted]


def _show_steps(queue: ItemQueue, said: Said, verdicts: Sequence[Verdict | None], place: int | None) -> None:
    """Back, progress and on."""
    done, total = sum(verdict is not None for verdict in verdicts), len(verdicts)
    st.button(
        "Back `←`",
        key=keys.key_of(keys.BACK),
        type="tertiary",
        on_click=_go,
        args=(queue, place, -1),
        disabled=not total or place == 0,
    )
    st.progress(done / total if total else 1.0, _progress_text(done, total, said.pace_s), width="stretch")
    st.button(
        "On `→`",
        key=keys.key_of(keys.ON),
        type="tertiary",
        on_click=_go,
        args=(queue, place, 1),
        disabled=place is None,
    )


def _show_undo(queue: ItemQueue, said: Said) -> None:
    st.button(
        "Undo `U`",
        icon=":material/undo:",
        key=keys.key_of(keys.UNDO),
        type="tertiary",
        on_click=_undo,
        args=(queue,),
        disabled=not said.times_s,
    )


def _progress_text(done: int, total: int, pace_s: float | None) -> Markdown:
    left = "" if pace_s is None or done == total else f", about {format_duration(pace_s * (total - done))} left"
    return escape(f"{done:,} of {total:,}{left}")


def _show_answers(queue: ItemQueue, doubt: Doubt, said: Said, verdict: Verdict | None) -> None:
    """One button per answer, undo, and the field for a note."""
    is_named = bool(queue.reviewer)
    if not is_named:
        st.warning("Type your name above before you answer: verdicts are kept per reviewer.", icon=":material/badge:")
    choices = choices_of(doubt)
    own = doubt_id(doubt)  # a press that comes late, for the doubt before, finds no button any more

    def button(choice: Choice) -> None:
        st.button(
            keys.with_key(choice.text, choice.key),
            key=keys.key_of(choice.key, own),
            on_click=_answer,
            args=(queue, doubt, choice),
            disabled=not is_named,
            help=None if choice.score is None else f"Score {choice.score:.2f}",
        )

    with st.container(horizontal=True, gap="small", key="review-answers"):
        for choice in choices:
            if choice.answer in MAIN_KEYS:
                button(choice)
        for choice in choices:
            if choice.answer in UNDECIDED:
                button(choice)
        _show_undo(queue, said)
    with st.container(horizontal=True, gap="small", key="review-others"):
        for choice in choices:
            if choice.answer == "other":
                button(choice)
        _show_any_label(queue, doubt, choices, is_named)
    with st.container(key=keys.NOTE):
        st.text_input(
            "Note",
            value=verdict.note if verdict else "",
            key=_note_key(doubt),
            placeholder="Note (optional), kept with the verdict",
            label_visibility="collapsed",
        )


def _show_any_label(queue: ItemQueue, doubt: Doubt, choices: Sequence[Choice], is_named: bool) -> None:
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
        disabled=not is_named,
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
        about = {(verdict.subset, verdict.clip, verdict.label) for verdict in undone}
        of_queue = [doubt for doubt in queue.doubts if (doubt.subset, doubt.clip, doubt.label) in about]
        if of_queue:
            st.query_params[ITEM] = doubt_id(of_queue[0])
        first = undone[0]
        clips = escape(first.clip) if len(undone) == 1 else Markdown(f"{len(undone):,} clips")
        label = Markdown(f"{escape(first.label)}: ") if first.label else Markdown("")
        st.toast(f"Taken back for {clips}: {label}{escape(describe_verdict(first))}", icon=":material/undo:")


@contextmanager
def _keeping_problems() -> Iterator[None]:
    """Keep what the disk refuses, to be shown with the doubt: a callback runs before the page is drawn."""
    st.session_state.pop(PROBLEM, None)
    try:
        yield
    except (AudiotagError, OSError) as error:
        st.session_state[PROBLEM] = disk_problem(error) if isinstance(error, OSError) else str(error)


def _go(queue: ItemQueue, place: int | None, step: int) -> None:
    """Go back or on without an answer; after the last doubt comes the end."""
    to = len(queue.doubts) - 1 if place is None else place + step
    if to >= len(queue.doubts):
        st.query_params[ITEM] = END
    else:
        st.query_params[ITEM] = doubt_id(queue.doubts[max(0, to)])
