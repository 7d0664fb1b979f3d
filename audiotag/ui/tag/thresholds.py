"""Thresholds on the Tag page: a slider a label that shows its precision and recall, all of them by an aim, kept or not.

What is moved counts at once on this page. It is kept for commands and later days by a button, in the workspace: the
ensemble's card is never changed.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.figures import tagging as figures
from audiotag.figures.theme import CONFIG
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.thresholds import OWN, forget_thresholds, save_thresholds, saved_thresholds
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.downloads import download
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.ensemble import Card
    from audiotag.tagging.tagger import Tagger

MOVED = "thresholds-moved"  # in the session: by ensemble, where they were moved and not kept
AIMS = {"f1": "best F1", "precision": "precision of at least", "recall": "recall of at least"}


@dataclass(frozen=True)
class Base:
    """What all thresholds were set to before single ones were moved.

    Attributes
    ----------
    spec : str
        As a command has it: ``card``, or an aim like ``precision=0.9``.
    values : tuple[float, ...]
    combine : str
        How the folds were combined then; what an aim comes to depends on it.
    """

    spec: str
    values: tuple[float, ...]
    combine: str = ""


@dataclass(frozen=True)
class Thresholds:
    """An ensemble's thresholds on the page, one a label.

    Attributes
    ----------
    key : str
        Of the ensemble in the session.
    of_card : tuple[float, ...]
    kept : tuple[float, ...] or None
        In the workspace.
    now : tuple[float, ...]
        What counts: those moved on the page, else those kept, else the card's.
    base : Base
        What those moved on the page started from.
    """

    key: str
    of_card: tuple[float, ...]
    kept: tuple[float, ...] | None
    now: tuple[float, ...]
    base: Base

    def options(self, labels: tuple[str, ...], combine: str) -> list[str]:
        """What a command has to be told to use these thresholds; nothing where it does so unasked."""
        if self.now == self.usual:
            return []
        base = self.base if self.base.combine in ("", combine) else Base(OWN, self.of_card)
        specs = [
            f"{label}={value:.6g}"
            for label, value, before in zip(labels, self.now, base.values, strict=True)
            if value != before
        ]
        if base.spec != OWN or not specs:
            specs.insert(0, base.spec)
        return [f"--threshold {shlex.quote(spec)}" for spec in specs]

    @property
    def usual(self) -> tuple[float, ...]:
        """What a command takes unasked."""
        return self.kept or self.of_card


def of(folder: Path, card: Card, workspace: Workspace) -> Thresholds:
    """The thresholds of an ensemble; a sentence where those in the workspace cannot be read."""
    key, kept = f"{folder} {card.folds[0].sha256}", None
    with messages.show_errors():
        kept = saved_thresholds(workspace, card)
    now, base = _moved().get(key, (kept or card.thresholds, Base(OWN, card.thresholds)))
    return Thresholds(key, card.thresholds, kept, now, base)


def panel(state: Thresholds, tagger: Tagger, settings: TagSettings, workspace: Workspace) -> None:
    """One label's slider with what it means, all labels by an aim, and the buttons that keep them."""
    card, now = tagger.card, state.now
    held_out = tagger.out_of_fold.as_combined(settings.combine) if tagger.out_of_fold else None
    label = st.selectbox("Label", card.labels, key="threshold-label", help="Whose threshold the slider moves.")
    column = card.labels.index(label)
    key = f"threshold-{card.name}-{column}"
    st.session_state[key] = float(now[column])
    st.slider(
        "Threshold",
        0.0,
        1.0,
        step=0.01,
        format="%.3f",
        key=key,
        on_change=_move_one,
        args=(state, column, key),
        help="A sound gets the label when its score reaches this.",
    )
    if held_out is None:
        st.caption(
            f":material/info: {messages.escape_markdown(card.name)} holds no out-of-fold scores, so its precision and recall are "
            "not known; publish it again."
        )
    else:
        st.markdown(in_words(held_out, column, now[column]))
        st.plotly_chart(
            figures.precision_recall(held_out.targets[:, column], held_out.scores[:, column], now[column]),
            key="precision-recall",
            config=CONFIG,
            alt=f"Precision and recall of {label} at every threshold, with the chosen one marked",
        )
        if settings.combine == "weighted":
            st.caption(
                ":material/info: Weighting moves the scores, so thresholds made for a mean do not fit: set all anew."
            )
        _by_aim(state, held_out, settings.combine)
        _all(held_out, card, now)
    _keeping(state, card, workspace)


def in_words(held_out: OutOfFold, column: int, threshold: float) -> str:
    """What a threshold means for the clips that the folds never saw, as Markdown."""
    precision, recall = held_out.precision_recall(column, threshold)
    given, has = held_out.scores[:, column] >= threshold, held_out.targets[:, column] > 0
    right = np.count_nonzero(given & has)
    return (
        f"**Precision {_two(precision)}**: {right:,} of {given.sum():,} clips that get it have it  \n"
        f"**Recall {_two(recall)}**: {right:,} of {has.sum():,} clips that have it get it"
    )


def table(held_out: OutOfFold, labels: tuple[str, ...], thresholds: tuple[float, ...]) -> pd.DataFrame:
    """A row a label: threshold, precision and recall by it, and how many clips have it."""
    pairs = [held_out.precision_recall(column, threshold) for column, threshold in enumerate(thresholds)]
    return pd.DataFrame(
        {
            "label": labels,
            "threshold": np.round(thresholds, 4),
            "precision": [precision for precision, _ in pairs],
            "recall": [recall for _, recall in pairs],
            "positives": (held_out.targets > 0).sum(axis=0),
        }
    )


def _by_aim(state: Thresholds, held_out: OutOfFold, combine: str) -> None:
    aim = st.selectbox(
        "All labels by",
        list(AIMS),
        format_func=lambda aim: AIMS[aim],
        key="threshold-aim",
        help="Best F1 balances both. Precision gives as many tags as can be had at that precision, recall as few wrong "
        "ones as can be had at that recall.",
    )
    least = 0.9
    if aim != "f1":
        least = st.slider("At least", 0.05, 1.0, 0.9, 0.05, key="threshold-least", help="0 to 1, on clips never seen.")
    st.button(
        "Set all",
        icon=":material/done_all:",
        key="threshold-set-all",
        on_click=_set_all,
        args=(state, held_out, aim, least, combine),
    )


def _all(held_out: OutOfFold, card: Card, now: tuple[float, ...]) -> None:
    rows = table(held_out, card.labels, now)
    with st.popover("All labels", icon=":material/table:"):
        st.dataframe(
            rows,
            hide_index=True,
            column_config={
                name: st.column_config.NumberColumn(format="%.3f") for name in ("threshold", "precision", "recall")
            },
            alt="Threshold, precision, recall and number of clips of every label",
        )
        download(rows, f"{card.name}-thresholds")
    st.caption("Measured out of fold: single folds on clips that they never saw. All folds together usually do better.")


def _keeping(state: Thresholds, card: Card, workspace: Workspace) -> None:
    if state.now == state.of_card and state.kept is None:
        st.caption("These are the card's.")
        return
    with st.container(horizontal=True):
        if state.now != state.usual and st.button(
            "Keep these thresholds",
            type="primary",
            icon=":material/save:",
            key="threshold-keep",
            help="For this ensemble in your workspace: later visits and commands use them. Its card stays as it is.",
        ):
            with messages.show_errors():
                save_thresholds(workspace, card, state.now)
                _moved().pop(state.key, None)
                st.rerun()
        if st.button(
            "Back to the card's", icon=":material/undo:", key="threshold-reset", help="Forgets those of your own."
        ):
            forget_thresholds(workspace, card)
            _moved().pop(state.key, None)
            st.rerun()
    if state.now == state.kept:
        st.caption("These are your own, kept in the workspace.")


def _move_one(state: Thresholds, column: int, key: str) -> None:
    now = (*state.now[:column], float(st.session_state[key]), *state.now[column + 1 :])
    _moved()[state.key] = (now, state.base)


def _set_all(state: Thresholds, held_out: OutOfFold, aim: str, least: float, combine: str) -> None:
    values = held_out.thresholds(aim, least)
    spec = aim if aim == "f1" else f"{aim}={least:g}"
    _moved()[state.key] = (values, Base(spec, values, combine))


def _moved() -> dict[str, tuple[tuple[float, ...], Base]]:
    return st.session_state.setdefault(MOVED, {})


def _two(value: float) -> str:
    return "unknown" if np.isnan(value) else f"{value:.2f}"
