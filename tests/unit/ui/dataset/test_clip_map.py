"""What the browser gets of the map of clips, and what it may say that the user picked and drew around."""

import json
import zlib
from typing import Any

import numpy as np
import pytest

from audiotag.ui.component import read_component
from audiotag.ui.dataset.clip_map import ClipMapData, MapPoints, PointStyle, numbered_styles, pack_points
from audiotag.ui.dataset.clip_map.clip_map import (
    FAINT_GROUP,
    FOLDER,
    SCRIPTS,
    UNITS,
    pack_groups,
    read_drawn,
    read_picked,
)
from audiotag.ui.dataset.clip_map.point_styles import SYMBOLS

STYLES = [PointStyle("Bark", "#111111"), PointStyle("Bell", "#222222", "diamond"), PointStyle("Hiss", "#333333")]
POSITIONS = np.array([[0.0, 5.0], [1.0, 6.0], [4.0, 7.0], [2.0, 6.0]])
NAMES = ["a.wav", "<b>.wav", "c.wav", "d\udce9.wav"]
LABELS = [("Bark",), ("Bell", "%{x}"), ("Bark",), ()]


@pytest.fixture
def points() -> MapPoints:
    return pack_points(POSITIONS, NAMES, LABELS)


@pytest.fixture
def data(points: MapPoints) -> ClipMapData:
    """The last clip does not pass the filter."""
    return ClipMapData(points, np.array([0, 1, 0, -1]), STYLES, 2, "", "Map")


def unpacked(block: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(block[:4], "little")
    return json.loads(block[4 : 4 + length]), block[4 + length :]


def test_both_directions_have_the_same_unit_and_the_larger_one_is_used_whole(points: MapPoints) -> None:
    header, rest = unpacked(points.places.data)
    x, y = np.frombuffer(rest, "<u2").reshape(2, -1).astype(float)
    assert header["extent"] == [UNITS, round(UNITS / 2)]
    assert np.allclose(4 * x / UNITS, POSITIONS[:, 0], atol=1e-4)
    assert np.allclose(5 + 4 * y / UNITS, POSITIONS[:, 1], atol=1e-4)
    assert pack_points(POSITIONS[:1], NAMES[:1], LABELS[:1]).units.tolist() == [[0, 0]]


def test_names_and_labels_come_as_they_are_and_equal_labels_once(points: MapPoints) -> None:
    names, (texts, numbers) = map(json.loads, zlib.decompress(points.names.data).decode().split("\n"))
    assert names[:3] == NAMES[:3]
    assert "\udce9" not in names[3]  # what is no valid text is written in another way
    assert texts == ["Bark", "Bell, %{x}", ""]
    assert [texts[number] for number in numbers] == ["Bark", "Bell, %{x}", "Bark", ""]


def test_groups_are_the_numbers_of_styles_and_clips_that_do_not_pass_have_none(data: ClipMapData) -> None:
    header, rest = unpacked(pack_groups(data).data)
    assert list(rest) == [0, 1, 0, FAINT_GROUP]
    assert [style["name"] for style in header["styles"]] == ["Bark", "Bell", "Hiss"]
    assert header["styles"][1] == {"name": "Bell", "colour": "#222222", "symbol": "diamond"}


def test_a_part_has_another_id_only_if_it_has_changed(points: MapPoints, data: ClipMapData) -> None:
    again = pack_points(POSITIONS, NAMES, LABELS)
    assert (again.places.id, again.names.id) == (points.places.id, points.names.id)
    assert pack_points(POSITIONS[[0, 1, 3, 2]], NAMES, LABELS).places.id != points.places.id
    other = ClipMapData(points, np.array([1, 1, 0, -1]), STYLES, 2, "", "Map")
    assert pack_groups(other).id != pack_groups(data).id


def test_a_click_picks_the_clip_that_it_names(data: ClipMapData) -> None:
    shown = data.points.places.id
    assert read_picked({"picked": {"points": shown, "row": 2}}, data) == 2
    assert read_picked({"picked": {"points": "places-of-another-map", "row": 2}}, data) is None


@pytest.mark.parametrize("row", [-1, 3, 4, 2**70, 1.5, "2", None])
def test_a_click_on_no_clip_or_on_one_that_does_not_pass_picks_none(data: ClipMapData, row: Any) -> None:
    assert read_picked({"picked": {"points": data.points.places.id, "row": row}}, data) is None


def drawn(data: ClipMapData, corners: list[list[float]], hidden: list[int]) -> list[bool] | None:
    event = {"points": data.points.places.id, "corners": corners, "hidden": hidden}
    found = read_drawn({"drawn": event}, data)
    return None if found is None else found.tolist()


def test_what_is_drawn_holds_clips_that_do_not_pass_too_but_no_hidden_groups(data: ClipMapData) -> None:
    left = [[-1, -1], [UNITS / 1.5, -1], [UNITS / 1.5, UNITS], [-1, UNITS]]
    assert drawn(data, left, hidden=[]) == [True, True, False, True]
    assert drawn(data, left, hidden=[0]) == [False, True, False, True]
    assert drawn(data, left, hidden=[1, -1]) == [True, False, False, True]


@pytest.mark.parametrize("corners", [[], [[0, 0], [1, 1]], [[0], [1], [2]], [[0, 0, 0]] * 3, [[0, 0]] * 30_000, "abc"])
def test_what_is_no_line_around_clips_selects_nothing(data: ClipMapData, corners: Any) -> None:
    assert drawn(data, corners, hidden=[]) is None


@pytest.mark.parametrize("state", [None, {}, {"picked": None, "drawn": None}, {"picked": 3, "drawn": [1]}])
def test_other_states_say_nothing(data: ClipMapData, state: Any) -> None:
    assert read_picked(state, data) is None
    assert read_drawn(state, data) is None


def test_ten_groups_differ_by_colour_and_by_shape_and_the_browser_knows_the_shapes() -> None:
    styles = numbered_styles([str(number) for number in range(12)])
    assert len(styles) == 10
    assert len({style.colour for style in styles}) == len({style.symbol for style in styles}) == 10
    script = read_component(FOLDER, "clip_map", SCRIPTS)["js"]
    assert all(f'"{symbol}"' in script or f"\n  {symbol}:" in script for symbol in SYMBOLS)


def test_25_000_clips_take_less_than_half_a_megabyte() -> None:
    rng = np.random.default_rng(0)
    count = 25_000
    names = [f"{number:08x}.wav" for number in rng.choice(2**32, count, replace=False)]
    labels = [(f"Label_{number:02}",) for number in rng.integers(80, size=count)]
    points = pack_points(rng.normal(size=(count, 2)), names, labels)
    data = ClipMapData(points, rng.integers(-1, 10, count), numbered_styles(list("abcdefghij")), None, "", "Map")
    assert len(points.places.data) < 101_000
    assert len(pack_groups(data).data) < 26_000
    assert len(points.names.data) < 250_000
