"""Pack the chart of scores for the browser, show it, and read which threshold was moved and which label was clicked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from audiotag.state import fits
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.ui.component import read_component

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

FOLDER = Path(__file__).parent
CURVE_STEPS = 100  # precision and recall are sent at this many thresholds and at 1


@dataclass(frozen=True)
class ScoreRow:
    """A label in the chart.

    Attributes
    ----------
    label : str
    score, threshold : float
        0 to 1.
    votes : str
        How many folds agree, in words.
    precision, recall : list of float or None
        Measured on held-out clips at the thresholds 0, 0.01, … 1; None where there are no clips to measure on. Empty
        where the ensemble has no out-of-fold scores.
    """

    label: str
    score: float
    threshold: float
    votes: str
    precision: list[float | None]
    recall: list[float | None]


@dataclass(frozen=True)
class ScoreChart:
    """The chart of one sound.

    Attributes
    ----------
    name : str
        Name of the sound, for screen readers and for files that are downloaded.
    rows : tuple[ScoreRow, ...]
    """

    name: str
    rows: tuple[ScoreRow, ...]


def show_score_chart(
    chart: ScoreChart, key: str, on_threshold: Callable[[str, float], None], on_jump: Callable[[str], None]
) -> None:
    """Show a chart.

    Parameters
    ----------
    chart : ScoreChart
    key : str
        Key of this place on the page.
    on_threshold : callable(label, threshold)
        Called before the page runs again, when the user has moved a threshold.
    on_jump : callable(label)
        Called before the page runs again, when the user has clicked on a label.
    """
    labels = [row.label for row in chart.rows]

    def moved() -> None:
        if moved := read_threshold(st.session_state.get(key), labels):
            on_threshold(*moved)

    def clicked() -> None:
        if label := read_label(st.session_state.get(key), labels):
            on_jump(label)

    _component()(data=asdict(chart), key=key, on_threshold_change=moved, on_jump_change=clicked)


def read_threshold(state: Any, labels: list[str]) -> tuple[str, float] | None:
    """Label and threshold in the state that a browser sent; None for another label, or a value that is not 0 to 1."""
    moved: Any = state.get("threshold") if hasattr(state, "get") else None
    if not fits(moved, {"label": str, "value": float}) or moved["label"] not in labels or not 0 <= moved["value"] <= 1:
        return None
    return moved["label"], float(moved["value"])


def read_label(state: Any, labels: list[str]) -> str | None:
    """The label that was clicked, in the state that a browser sent; None where it is not one of the chart's labels."""
    clicked: Any = state.get("jump") if hasattr(state, "get") else None
    return clicked["label"] if fits(clicked, {"label": str}) and clicked["label"] in labels else None


def curves(held_out: OutOfFold, column: int) -> tuple[list[float | None], list[float | None]]:
    """Precision and recall of a label at the thresholds 0, 0.01, … 1, rounded; None where they are not known."""
    thresholds = np.arange(CURVE_STEPS + 1) / CURVE_STEPS
    scores, has = held_out.scores[:, column].astype(np.float64), held_out.targets[:, column] > 0
    given = len(scores) - np.searchsorted(np.sort(scores), thresholds)
    right = np.count_nonzero(has) - np.searchsorted(np.sort(scores[has]), thresholds)
    return _ratios(right, given), _ratios(right, np.full_like(right, np.count_nonzero(has)))


def _ratios(part: np.ndarray, whole: np.ndarray) -> list[float | None]:
    return [round(int(few) / int(all_), 3) if all_ else None for few, all_ in zip(part, whole, strict=True)]


@cache
def _component() -> ComponentRenderer:
    """The component, registered when it is first shown."""
    return st.components.v2.component("audiotag-score-chart", **read_component(FOLDER, "score_chart"))
