"""The thresholds of an ensemble on the Tag page: those in use, changed for a try, saved or reset.

Changes apply at once on this page. A button saves them in the workspace for commands and later visits. The ensemble's
card is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from audiotag.tagging.thresholds import OWN, forget_thresholds, read_saved_thresholds, save_thresholds
from audiotag.ui.widgets import messages
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.card import Card

CHANGED = "thresholds-changed"  # in the session: thresholds that were changed and not saved, by ensemble
EDITION = "thresholds-edition"  # in the session: how often they were changed by something else than the table


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

    def explicit_specs(self, labels: tuple[str, ...], combine: str) -> list[str]:
        """As `specs`, but the command uses these thresholds also after others were saved."""
        if self.current != self.default or self.saved is None:
            return self.specs(labels, combine)
        rows = zip(labels, self.current, self.of_card, strict=True)
        return [OWN, *(f"{label}={value:.6g}" for label, value, own in rows if value != own)]

    @property
    def default(self) -> tuple[float, ...]:
        """Those that a command uses by default."""
        return self.saved or self.of_card

    @property
    def changed(self) -> int:
        """Number of labels whose threshold was changed on the page and is not saved."""
        return sum(value != before for value, before in zip(self.current, self.default, strict=True))

    def changed_labels(self, labels: tuple[str, ...]) -> list[tuple[str, float, float]]:
        """Labels whose threshold is not saved, with the value before and now."""
        rows = zip(labels, self.default, self.current, strict=True)
        return [(label, before, now) for label, before, now in rows if before != now]


def load_thresholds(folder: Path, card: Card, workspace: Workspace) -> Thresholds:
    """The thresholds of an ensemble; shows a message where those in the workspace cannot be read."""
    key, saved = f"{folder} {card.folds[0].sha256}", None
    with messages.show_errors():
        saved = read_saved_thresholds(workspace, card)
    current, base = _get_changes().get(key, (saved or card.thresholds, Base(OWN, card.thresholds)))
    return Thresholds(key, card.thresholds, saved, current, base)


def set_threshold(state: Thresholds, column: int, value: float, by_table: bool = False) -> None:
    """Use another threshold for one label; the table of thresholds starts anew unless it made the change."""
    current, base = _get_changes().get(state.key, (state.current, state.base))
    current = (*current[:column], value, *current[column + 1 :])
    if current == state.default:
        _get_changes().pop(state.key, None)
    else:
        _get_changes()[state.key] = (current, base)
    if not by_table:
        start_table_anew()


def set_all(state: Thresholds, base: Base) -> None:
    """Use other thresholds for all labels."""
    _get_changes()[state.key] = (base.values, base)
    start_table_anew()


def discard_changes(state: Thresholds) -> None:
    """Use those again that a command uses by default."""
    _get_changes().pop(state.key, None)
    start_table_anew()


def save(state: Thresholds, card: Card, workspace: Workspace) -> None:
    """Save the current thresholds for commands and later visits, and run the page again."""
    with messages.show_errors():
        save_thresholds(workspace, card, state.current)
        discard_changes(state)
        st.rerun()


def reset(state: Thresholds, card: Card, workspace: Workspace) -> None:
    """Delete the user's own thresholds, and run the page again."""
    with messages.show_errors():
        forget_thresholds(workspace, card)
        discard_changes(state)
        st.rerun()


def apply_edits(state: Thresholds, edits: dict[int, dict[str, Any]]) -> bool:
    """Apply what was typed into the table of thresholds; an emptied cell takes the threshold of the card.

    Parameters
    ----------
    state : Thresholds
        As when the table was drawn.
    edits : dict
        By row, the columns that were edited, as Streamlit holds them.

    Returns
    -------
    bool
        Whether a cell was emptied, so that the table must be drawn anew.
    """
    is_emptied = False
    for column, cells in edits.items():
        if "threshold" in cells:
            typed = cells["threshold"]
            is_emptied |= typed is None
            value = state.of_card[column] if typed is None else min(1.0, max(0.0, float(typed)))
            set_threshold(state, column, value, by_table=True)
    return is_emptied


def edition() -> int:
    """A number that rises whenever the table of thresholds has to start anew."""
    return int(st.session_state.get(EDITION, 0))


def start_table_anew() -> None:
    """Have the table of thresholds forget what was typed into it."""
    st.session_state[EDITION] = edition() + 1


def _get_changes() -> dict[str, tuple[tuple[float, ...], Base]]:
    return st.session_state.setdefault(CHANGED, {})
