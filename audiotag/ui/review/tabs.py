"""The tabs of the Review page, one function per tab."""

from __future__ import annotations

from functools import partial

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import VerdictJournal
from audiotag.review.agreement import Disagreement
from audiotag.review.queue import item_id
from audiotag.ui.review.end import show_end
from audiotag.ui.review.exchange import show_exchange
from audiotag.ui.review.filter import clear_filter
from audiotag.ui.review.grid import show_grid
from audiotag.ui.review.header import ScoreSource, load_scores
from audiotag.ui.review.item_queue import show_queue
from audiotag.ui.review.keys import give_keys
from audiotag.ui.review.loading import find_review
from audiotag.ui.review.position import ITEM
from audiotag.ui.review.retrain import show_retraining
from audiotag.ui.widgets.label_aliases import current_aliases
from audiotag.workspace import Workspace

TABS, QUEUE = "tab", "Queue"  # key of the tabs, and the title of the one with doubts


def show_doubts(dataset: Dataset, source: ScoreSource | None, reviewer: str, workspace: Workspace) -> None:
    """The queue of doubts, one by one."""
    held_out = load_scores(source, dataset, workspace)
    if held_out is None or source is None:
        return
    review = find_review(dataset, held_out, current_aliases(workspace))
    if not review.doubts:
        st.success(
            "No label of this dataset is doubtful by these scores, and no clip has a fault.", icon=":material/task_alt:"
        )
        return
    journal = VerdictJournal.of(dataset.root, workspace)
    show_queue(dataset, review, journal, reviewer, partial(show_end, run=source.run, workspace=workspace))
    give_keys()


def show_many(dataset: Dataset, source: ScoreSource | None, reviewer: str, workspace: Workspace) -> None:
    """Many clips of one label at once."""
    held_out = load_scores(source, dataset, workspace)
    if held_out is not None:
        show_grid(dataset, held_out, reviewer, workspace)


def show_retrain(dataset: Dataset, source: ScoreSource | None, workspace: Workspace) -> None:
    """Training with the corrections, and the comparison of both runs."""
    show_retraining(dataset, source.run if source else None, workspace)


def show_others(dataset: Dataset, reviewer: str, workspace: Workspace) -> None:
    """Corrections for others and by others, and where reviewers disagree."""
    show_exchange(dataset, workspace, reviewer, _open_disagreement)


def _open_disagreement(about: Disagreement) -> None:
    """Open the label that reviewers disagree about in the queue."""
    clear_filter()
    st.query_params[ITEM] = item_id(about.subset, about.clip, about.label)
    st.session_state[TABS] = QUEUE
