"""Go through the doubts one by one on the Review page: one key per verdict, undo, progress.

A key runs only the fragment here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.review.doubts import Doubt
from audiotag.review.queue import Said, doubt_id
from audiotag.ui import selection
from audiotag.ui.review import keys, sounds
from audiotag.ui.review.answer_buttons import PROBLEM, show_answers, show_undo
from audiotag.ui.review.filter import describe_filter, pick_filter
from audiotag.ui.review.item import prepare_item, show_examples, show_item_sound, show_question, show_reasons
from audiotag.ui.review.loading import Review
from audiotag.ui.review.position import SHOWN, ItemQueue, go
from audiotag.ui.sidebar import chosen_ensemble
from audiotag.ui.similar import DatasetClip, show_similar
from audiotag.ui.text import Markdown, escape
from audiotag.wording import format_duration
from audiotag.workspace import Workspace

AHEAD = 3  # doubts whose sounds are made ready
AUTOPLAY_HELP = "Plays each sound as soon as it is shown."


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
            selected = selection.selected_clips(dataset)
            wanted = replace(pick_filter(review.doubts), clips=selected)
            keys.show_list()
            autoplay = st.toggle("Autoplay", key="autoplay", bind="query-params", help=AUTOPLAY_HELP, width="content")
            queue = ItemQueue.of(dataset, review, filter(wanted.passes, review.doubts), journal, reviewer)
            said = queue.said()
            verdicts = said.about_all(queue.doubts, review.contents)
            place = queue.place(verdicts)
            show_undo(queue, said)
            with st.container(horizontal=True, vertical_alignment="center", gap="small", width="stretch"):
                _show_steps(queue, said, verdicts, place)
        with st.container():  # a place of its own: the player must not stop when a message comes or goes
            if selected is not None:
                selection.show_chip(selected)
            if description := describe_filter(wanted):
                st.caption(f":material/filter_alt: {description}")
            if problem := st.session_state.get(PROBLEM):
                st.error(f"Nothing was written: {escape(problem)}", icon=":material/error:")
        st.session_state[SHOWN] = None if place is None else doubt_id(queue.doubts[place])
        if not verdicts:
            st.info("No doubt passes the filter.", icon=":material/search_off:")
        elif place is None:
            show_end(queue, verdicts)
        else:
            _show_item(queue, place, verdicts, bool(autoplay))


def _show_item(queue: ItemQueue, place: int, verdicts: Sequence[Verdict | None], autoplay: bool) -> None:
    """One doubt; the sounds of those that come next are made ready meanwhile."""
    doubt, review = queue.doubts[place], queue.review
    left, right = st.container(key="review-item").columns([2.5, 1], gap="large")
    with left:
        show_question(doubt, verdicts[place])
        show_item_sound(doubt, autoplay)
        show_answers(queue, doubt, verdicts[place])
        of = DatasetClip(doubt.subset, doubt.clip)
        show_similar(queue.dataset.root, chosen_ensemble(Workspace()), of)
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
        on_click=go,
        args=(queue, place, -1),
        disabled=not total or place == 0,
    )
    st.progress(done / total if total else 1.0, _progress_text(done, total, said.pace_s), width="stretch")
    st.button(
        "On `→`",
        key=keys.key_of(keys.ON),
        type="tertiary",
        on_click=go,
        args=(queue, place, 1),
        disabled=place is None,
    )


def _progress_text(done: int, total: int, pace_s: float | None) -> Markdown:
    left = "" if pace_s is None or done == total else f", about {format_duration(pace_s * (total - done))} left"
    return escape(f"{done:,} of {total:,}{left}")
