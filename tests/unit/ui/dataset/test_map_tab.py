"""What a lasso on the map selects, which clip is picked, and by what clips are coloured."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.similarity.map_job import ClipMap
from audiotag.ui.dataset import map_clips, map_colours, map_tab
from audiotag.ui.dataset.map_tab import MapView
from audiotag.ui.dataset.placed_clips import PlacedClips, place

NAMES = ["a.wav", "b.wav", "c.wav", "silent.wav", "d.wav"]
INDEX = pd.DataFrame(
    {
        "subset": ["curated"] * 5,
        "clip": NAMES,
        "labels": [("Bark",), ("Hiss", "Bark"), ("Hiss",), ("Bark",), ()],
    }
)
POSITIONS = np.array([[9, 9], [2, 0], [0, 0], [np.nan, np.nan], [1, 0]], np.float32)  # from the last clip to the first


@pytest.fixture
def placed() -> PlacedClips:
    embeddings = SimpleNamespace(clips=INDEX.iloc[::-1].reset_index(drop=True))
    return place(INDEX, embeddings, ClipMap(POSITIONS[[0, 3, 1, 4, 2]], "PCA"))  # type: ignore[arg-type]


def test_clips_have_their_places_and_silent_ones_none(placed: PlacedClips) -> None:
    assert placed.table["clip"].tolist() == ["a.wav", "b.wav", "c.wav", "d.wav"]
    assert placed.table[["x", "y"]].to_numpy().tolist() == [[0, 0], [1, 0], [2, 0], [9, 9]]
    assert placed.row_of == {"curated/a.wav": 0, "curated/b.wav": 1, "curated/c.wav": 2, "curated/d.wav": 3}
    assert placed.points is not None
    assert placed.points.units[:, 0].tolist() == sorted(placed.points.units[:, 0])


def test_without_a_clip_that_has_a_place_there_are_no_points() -> None:
    embeddings = SimpleNamespace(clips=INDEX)
    nowhere = place(INDEX, embeddings, ClipMap(np.full((5, 2), np.nan, np.float32), "PCA"))  # type: ignore[arg-type]
    assert (len(nowhere.table), nowhere.points) == (0, None)


@pytest.mark.parametrize(
    ("inside", "selected"), [([1, 1, 1, 0], ["a.wav", "b.wav"]), ([0, 0, 1, 0], []), ([0, 0, 0, 0], [])]
)
def test_a_lasso_selects_what_passes_the_rest_of_the_filter(
    monkeypatch: pytest.MonkeyPatch, placed: PlacedClips, inside: list[int], selected: list[str]
) -> None:
    found: list[Any] = []
    session: dict[str, bool] = {}
    monkeypatch.setattr(map_tab.selection, "select", lambda dataset, clips: found.extend(clips))
    monkeypatch.setattr(map_tab.st, "session_state", session)
    passes, can_select = np.array([1, 0, 0, 0], bool), np.array([1, 1, 0, 1], bool)
    dataset = Dataset("d", Path("/d"), "layout", INDEX, (), ())
    map_tab._select(MapView(dataset, Path("/e"), placed, passes, can_select, pd.DataFrame()), np.array(inside, bool))
    assert found == [("curated", name) for name in selected]
    assert session == {map_tab.IS_NEW: True}  # also without a clip: that ends the selection


@pytest.mark.parametrize(
    ("clip", "rows", "row"),
    [("curated/c.wav", [0, 2, 3], 2), ("curated/b.wav", [0, 2, 3], 0), ("x", [2, 3], 2), ("", [3], 3), ("x", [], None)],
)
def test_the_picked_clip_is_the_one_in_the_address_or_the_first_that_passes(
    monkeypatch: pytest.MonkeyPatch, placed: PlacedClips, clip: str, rows: list[int], row: int | None
) -> None:
    monkeypatch.setattr(map_clips.st, "query_params", {map_clips.CLIP: clip})
    assert map_clips.picked_row(placed, np.array(rows, int)) == row


@pytest.mark.parametrize(
    ("chosen", "names", "groups"),
    [
        ([], ["Bark", "Hiss"], [0, 1, 1, 0, 3]),
        (["Bark"], ["Bark"], [0, 0, 1, 0, 2]),
        (["None"], ["None"], [1, 1, 1, 1, 2]),
    ],
)
def test_a_clip_has_the_colour_of_its_first_label_that_has_one(
    monkeypatch: pytest.MonkeyPatch, chosen: list[str], names: list[str], groups: list[int]
) -> None:
    monkeypatch.setattr(map_colours.st, "multiselect", lambda *_, **__: chosen)
    dataset = Dataset("d", Path("/d"), "layout", INDEX, (), ())
    colouring = map_colours.by_label(dataset, INDEX, pd.DataFrame())
    assert list(colouring.groups) == groups
    assert [style.name for style in colouring.styles] == [*names, "other labels", "no label"]
    assert "several labels" in colouring.note


def test_clips_without_any_label_are_all_of_one_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_colours.st, "multiselect", lambda *_, **__: [])
    dataset = Dataset("d", Path("/d"), "layout", INDEX, (), ())
    colouring = map_colours.by_label(dataset, INDEX.assign(labels=[()] * 5), pd.DataFrame())
    assert list(colouring.groups) == [1] * 5
    assert [style.name for style in colouring.styles] == ["other labels", "no label"]
    assert colouring.note == ""
