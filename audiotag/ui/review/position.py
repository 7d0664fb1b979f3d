"""Where a reviewer is in the queue of the Review page: the journal and the address say so; a reload keeps it.

Keys in the session hold only what the page needs between a key and the next doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.review.doubts import Doubt
from audiotag.review.queue import Said, doubt_id, item_id, next_open, what_was_said
from audiotag.ui.review.loading import Review, read_verdicts

ITEM = "item"  # in the address: where the reviewer is, unless that is the first doubt without an answer
END = "end"
ASKED_FOR = "It is not in this queue, but was reviewed before."
SHOWN = "review-shown"  # in the session: the doubt on the page, so that a key counts for that one alone
AFTER = "review-after"  # in the session, until the page is drawn: the number of the doubt that was just answered


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

    @classmethod
    def of(
        cls, dataset: Dataset, review: Review, doubts: Iterable[Doubt], journal: VerdictJournal, reviewer: str
    ) -> ItemQueue:
        """The queue of these doubts, and what the address asks for besides: a label that somebody has reviewed.

        That comes last, so that the numbers of the doubts stay.
        """
        queue = cls(dataset, review, tuple(doubts), journal, reviewer)
        wanted = st.query_params.get(ITEM)
        if not wanted or wanted == END or any(doubt_id(doubt) == wanted for doubt in queue.doubts):
            return queue
        for verdict in read_verdicts(journal):
            for label in {verdict.label, *verdict.decisions}:
                if item_id(verdict.subset, verdict.clip, label) == wanted:
                    asked = review.evidence.about(verdict.subset, verdict.clip, label, ASKED_FOR)
                    return queue if asked is None else replace(queue, doubts=(*queue.doubts, asked))
        return queue

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


def go(queue: ItemQueue, place: int | None, step: int) -> None:
    """Go back or on without an answer; after the last doubt comes the end."""
    to = len(queue.doubts) - 1 if place is None else place + step
    if to >= len(queue.doubts):
        st.query_params[ITEM] = END
    else:
        st.query_params[ITEM] = doubt_id(queue.doubts[max(0, to)])
