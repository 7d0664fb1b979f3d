"""What a lasso and a click on the map do."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.ui.dataset import map_tab
from audiotag.ui.dataset.map_tab import CHART, MapView
from audiotag.ui.similar import DatasetClip

POINTS = {"subset": ["curated"] * 4, "clip": ["a.wav", "b.wav", "c.wav", "d.wav"], "x": [0, 1, 2, 9], "y": [0, 0, 0, 9]}
AROUND_ABC = {"x": [-1, 3, 3, -1], "y": [-1, -1, 1, 1]}
NOWHERE = {"x": [20, 21, 20], "y": [20, 20, 21]}


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The clips that were selected or picked."""
    found: list[Any] = []
    monkeypatch.setattr(map_tab.selection, "select", lambda dataset, clips: found.append([clip for _, clip in clips]))
    monkeypatch.setattr(map_tab, "pick", found.append)
    return found


def take(monkeypatch: pytest.MonkeyPatch, passes: list[int], can_select: list[int], **event: Any) -> None:
    """The chart reports an event, while some of the clips pass the filter."""
    selection = SimpleNamespace(**({"points": [], "box": [], "lasso": []} | event))
    monkeypatch.setattr(map_tab.st, "session_state", {CHART: SimpleNamespace(selection=selection)})
    clips = pd.DataFrame(POINTS)
    dataset = Dataset("d", Path("/d"), "layout", clips, (), ())
    masks = (np.array(rows, dtype=bool) for rows in (passes, can_select))
    map_tab._take_event(MapView(dataset, Path("/e"), clips, *masks, pd.DataFrame()))


def test_a_lasso_selects_what_passes_the_rest_of_the_filter(
    monkeypatch: pytest.MonkeyPatch, happened: list[Any]
) -> None:
    take(monkeypatch, [1, 0, 0, 0], [1, 1, 0, 1], lasso=[AROUND_ABC])
    assert happened == [["a.wav", "b.wav"]]


def test_a_lasso_around_nothing_selects_nothing_and_so_ends_the_selection(
    monkeypatch: pytest.MonkeyPatch, happened: list[Any]
) -> None:
    take(monkeypatch, [1, 1, 1, 1], [1, 1, 1, 1], lasso=[NOWHERE])
    assert happened == [[]]


def test_a_click_picks_the_nearest_clip_that_passes(monkeypatch: pytest.MonkeyPatch, happened: list[Any]) -> None:
    take(monkeypatch, [1, 0, 1, 1], [1, 1, 1, 1], points=[{"x": 1.2, "y": 0}])
    assert happened == [DatasetClip("curated", "c.wav")]


def test_an_event_without_points_changes_nothing(monkeypatch: pytest.MonkeyPatch, happened: list[Any]) -> None:
    take(monkeypatch, [1, 1, 1, 1], [1, 1, 1, 1])
    assert happened == []
