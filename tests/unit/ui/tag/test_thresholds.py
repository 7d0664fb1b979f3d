"""Thresholds that are typed into the table apply at once, and an emptied cell takes the card's."""

import pytest
import streamlit as st

from audiotag.tagging.thresholds import OWN
from audiotag.ui.tag import thresholds
from audiotag.ui.tag.thresholds import CHANGED, Base, Thresholds, apply_edits, discard_changes, set_threshold

OF_CARD = (0.3, 0.4, 0.5)
LABELS = ("Bark", "Bell", "Hiss")


@pytest.fixture(autouse=True)
def _session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "session_state", {})


def state_of(saved: tuple[float, ...] | None = None) -> Thresholds:
    """The thresholds as the next run of the page loads them."""
    current, base = st.session_state.get(CHANGED, {}).get("tiny", (saved or OF_CARD, Base(OWN, OF_CARD)))
    return Thresholds("tiny", OF_CARD, saved, current, base)


def test_what_is_typed_is_taken_within_0_and_1() -> None:
    assert not apply_edits(state_of(), {0: {"threshold": 0.25}, 2: {"threshold": 7}})
    state = state_of()
    assert state.current == (0.25, 0.4, 1.0)
    assert (state.changed, state.changed_labels(LABELS)) == (2, [("Bark", 0.3, 0.25), ("Hiss", 0.5, 1.0)])
    assert state.specs(LABELS, "mean") == ["Bark=0.25", "Hiss=1"]


def test_an_emptied_cell_takes_the_threshold_of_the_card_and_draws_the_table_anew() -> None:
    saved = (0.1, 0.2, 0.3)
    assert apply_edits(state_of(saved), {1: {"threshold": None}})
    assert state_of(saved).current == (0.1, 0.4, 0.3)
    assert state_of(saved).default == saved


def test_the_table_starts_anew_only_when_something_else_changed_a_threshold() -> None:
    before = thresholds.edition()
    apply_edits(state_of(), {0: {"threshold": 0.2}})
    assert thresholds.edition() == before
    set_threshold(state_of(), 1, 0.9)
    assert thresholds.edition() == before + 1


def test_changes_that_are_taken_back_one_by_one_are_no_changes() -> None:
    set_threshold(state_of(), 0, 0.9)
    set_threshold(state_of(), 0, 0.3)
    assert st.session_state[CHANGED] == {}
    set_threshold(state_of(), 1, 0.9)
    discard_changes(state_of())
    assert state_of().current == OF_CARD


def test_explicit_specs_do_not_depend_on_what_is_saved_later() -> None:
    assert state_of().explicit_specs(LABELS, "mean") == []
    assert state_of((0.3, 0.6, 0.5)).explicit_specs(LABELS, "mean") == ["card", "Bell=0.6"]
