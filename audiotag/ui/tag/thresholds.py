"""Set thresholds on the Tag page: one label by a slider with its precision and recall, or all labels by a target.

Changes apply at once on this page. A button saves them in the workspace for commands and later visits. The ensemble's
card is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.figures import tagging as figures
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.thresholds import OWN, forget_thresholds, read_saved_thresholds, save_thresholds
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_downloads
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.ensemble import Card
    from audiotag.tagging.tagger import Tagger

CHANGED = "thresholds-changed"  # in the session: thresholds that were changed and not saved, by ensemble
AIMS = {"f1": "best F1", "precision": "precision of at least", "recall": "recall of at least"}


@dataclass(frozen=True)
class Base:
    """Values of all thresholds before single ones were changed.

    Attributes
    ----------
    spec : str
        As in a command: ``card``, or a target such as ``precision=0.9``.
    values : tuple[float, ...]
    combine : str
        How the folds were combined then; the thresholds of a target depend on it.
    """

    spec: str
    values: tuple[float, ...]
    combine: str = ""


@dataclass(frozen=True)
class Thresholds:
    """An ensemble's thresholds on the page, one per label.

    Attributes
    ----------
    key : str
        Key of the ensemble in the session state.
    of_card : tuple[float, ...]
    saved : tuple[float, ...] or None
        Thresholds saved in the workspace.
    current : tuple[float, ...]
        The thresholds in use: changed on the page, else saved, else those of the card.
    base : Base
        Values before the changes on the page.
    """

    key: str
    of_card: tuple[float, ...]
    saved: tuple[float, ...] | None
    current: tuple[float, ...]
    base: Base

    def specs(self, labels: tuple[str, ...], combine: str) -> list[str]:
        """Values of ``--threshold`` that make a command use these thresholds; empty where it does so by default."""
        if self.current == self.default:
            return []
        base = self.base if self.base.combine in ("", combine) else Base(OWN, self.of_card)
        specs = [
            f"{label}={value:.6g}"
            for label, value, before in zip(labels, self.current, base.values, strict=True)
            if value != before
        ]
        if base.spec != OWN or not specs:
            specs.insert(0, base.spec)
        return specs

    @property
    def default(self) -> tuple[float, ...]:
        """Those that a command uses by default."""
        return self.saved or self.of_card


def load_thresholds(folder: Path, card: Card, workspace: Workspace) -> Thresholds:
    """The thresholds of an ensemble; shows a message where those in the workspace cannot be read."""
    key, saved = f"{folder} {card.folds[0].sha256}", None
    with messages.show_errors():
        saved = read_saved_thresholds(workspace, card)
    current, base = _get_changes().get(key, (saved or card.thresholds, Base(OWN, card.thresholds)))
    return Thresholds(key, card.thresholds, saved, current, base)


def show_thresholds(state: Thresholds, tagger: Tagger, settings: TagSettings, workspace: Workspace) -> None:
    """The slider of one label with its precision and recall, a target for all labels, and buttons that save."""
    card, current = tagger.card, state.current
    held_out = tagger.out_of_fold.as_combined(settings.combine) if tagger.out_of_fold else None
    label = st.selectbox("Label", card.labels, key="threshold-label", help="The slider sets its threshold.")
    column = card.labels.index(label)
    key = f"threshold-{card.name}-{column}"
    st.session_state[key] = float(current[column])
    st.slider(
        "Threshold",
        0.0,
        1.0,
        step=0.01,
        format="%.3f",
        key=key,
        on_change=_set_one,
        args=(state, column, key),
        help="A sound gets the label if its score is at least this.",
    )
    if held_out is None:
        st.caption(
            f":material/info: {escape(card.name)} contains no out-of-fold scores, so its precision "
            "and recall are not known. Publish it again."
        )
    else:
        st.markdown(describe_threshold(held_out, column, current[column]))
        show_chart(
            figures.precision_recall(held_out.targets[:, column], held_out.scores[:, column], current[column]),
            key="precision-recall",
            alt=f"Precision and recall of {label} at every threshold, with the chosen one marked",
        )
        if settings.combine == "weighted":
            st.caption(":material/info: A weighted mean gives other scores than a mean. Set all thresholds again.")
        _target_form(state, held_out, settings.combine)
        _show_all_labels(held_out, card, current)
    _show_save_buttons(state, card, workspace)


def describe_threshold(held_out: OutOfFold, column: int, threshold: float) -> Markdown:
    """Precision and recall of a threshold on held-out clips, as Markdown."""
    precision, recall = held_out.precision_recall(column, threshold)
    given, has = held_out.scores[:, column] >= threshold, held_out.targets[:, column] > 0
    right = np.count_nonzero(given & has)
    return Markdown(
        f"**Precision {_two_digits(precision)}**: {right:,} of {given.sum():,} clips that get the label have it  \n"
        f"**Recall {_two_digits(recall)}**: {right:,} of {has.sum():,} clips that have the label get it"
    )


def threshold_table(held_out: OutOfFold, labels: tuple[str, ...], thresholds: tuple[float, ...]) -> pd.DataFrame:
    """One row per label: threshold, its precision and recall, and the number of clips with the label."""
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


def _target_form(state: Thresholds, held_out: OutOfFold, combine: str) -> None:
    aim = st.selectbox(
        "Set all labels for",
        list(AIMS),
        format_func=lambda aim: AIMS[aim],
        key="threshold-aim",
        help="Best F1 balances precision and recall. Otherwise one is fixed and the other is as high as possible.",
    )
    least = 0.9
    if aim != "f1":
        least = st.slider(
            "At least",
            0.05,
            1.0,
            0.9,
            0.05,
            key="threshold-least",
            help="Precision or recall to reach on held-out clips.",
        )
    st.button(
        "Set all",
        icon=":material/done_all:",
        key="threshold-set-all",
        on_click=_set_all,
        args=(state, held_out, aim, least, combine),
    )


def _show_all_labels(held_out: OutOfFold, card: Card, current: tuple[float, ...]) -> None:
    rows = threshold_table(held_out, card.labels, current)
    with st.popover("All labels", icon=":material/table:"):
        st.dataframe(
            rows,
            hide_index=True,
            column_config={
                name: st.column_config.NumberColumn(format="%.3f") for name in ("threshold", "precision", "recall")
            },
            alt="Threshold, precision, recall and number of clips of every label",
        )
        show_downloads(rows, f"{card.name}-thresholds")
    st.caption("Measured on held-out clips of single folds. All folds together are usually better.")


def _show_save_buttons(state: Thresholds, card: Card, workspace: Workspace) -> None:
    if state.current == state.of_card and state.saved is None:
        st.caption("These are the thresholds of the card.")
        return
    with st.container(horizontal=True):
        if state.current != state.default and st.button(
            "Save thresholds",
            type="primary",
            icon=":material/save:",
            key="threshold-save",
            help="Saves them in your workspace for later visits and for commands. The card does not change.",
        ):
            with messages.show_errors():
                save_thresholds(workspace, card, state.current)
                _get_changes().pop(state.key, None)
                st.rerun()
        if st.button(
            "Reset to the card's thresholds",
            icon=":material/undo:",
            key="threshold-reset",
            help="Deletes your own thresholds.",
        ):
            with messages.show_errors():
                forget_thresholds(workspace, card)
                _get_changes().pop(state.key, None)
                st.rerun()
    if state.current == state.saved:
        st.caption("These are your own thresholds, saved in the workspace.")


def _set_one(state: Thresholds, column: int, key: str) -> None:
    current = (*state.current[:column], float(st.session_state[key]), *state.current[column + 1 :])
    _get_changes()[state.key] = (current, state.base)


def _set_all(state: Thresholds, held_out: OutOfFold, aim: str, least: float, combine: str) -> None:
    values = held_out.thresholds(aim, least)
    spec = aim if aim == "f1" else f"{aim}={least:g}"
    _get_changes()[state.key] = (values, Base(spec, values, combine))


def _get_changes() -> dict[str, tuple[tuple[float, ...], Base]]:
    return st.session_state.setdefault(CHANGED, {})


def _two_digits(value: float) -> Markdown:
    return Markdown("unknown" if np.isnan(value) else f"{value:.2f}")
