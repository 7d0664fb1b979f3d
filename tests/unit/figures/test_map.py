"""The map draws each clip once, by colour and by shape, and what does not pass the filter says nothing."""

import numpy as np
import pandas as pd
import pytest

from audiotag.figures.map import PointStyle, clip_map, numbered_styles

STYLES = [PointStyle("Bark", "#111111"), PointStyle("Bell", "#222222", "diamond"), PointStyle("Hiss", "#333333")]


@pytest.fixture
def points() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "x": [0.0, 1.0, 2.0, 3.0],
            "y": [5.0, 6.0, 7.0, 8.0],
            "clip": ["a.wav", "<b>.wav", "c.wav", "d.wav"],
            "labels": ["Bark", "Bell, %{x}", "Bark", ""],
            "group": [0, 1, 0, -1],
        }
    )


def test_each_clip_is_one_point_of_its_group(points: pd.DataFrame) -> None:
    faint, bark, bell = clip_map(points, STYLES).data
    assert [trace.x.tolist() for trace in (faint, bark, bell)] == [[3.0], [0.0, 2.0], [1.0]]
    assert (bark.name, bark.marker.symbol, bell.marker.symbol) == ("Bark (2)", "circle", "diamond")


def test_hover_shows_name_and_labels_as_they_are_and_faint_clips_show_nothing(points: pd.DataFrame) -> None:
    faint, bark, bell = clip_map(points, STYLES).data
    assert list(bark.text) == ["a.wav<br>Bark", "c.wav<br>Bark"]
    assert list(bell.text) == ["&lt;b&gt;.wav<br>Bell, &#37;{x}"]
    assert (faint.hoverinfo, faint.text) == ("skip", None)


def test_ring_is_drawn_last_around_the_clip_that_is_picked(points: pd.DataFrame) -> None:
    *_, ring = clip_map(points, STYLES, (1.0, 6.0)).data
    assert (ring.x, ring.y, ring.marker.symbol) == ((1.0,), (6.0,), "circle-open")


def test_both_axes_have_the_same_scale_and_no_numbers_and_hold_all_clips(points: pd.DataFrame) -> None:
    layout = clip_map(points, STYLES).layout
    assert layout.yaxis.scaleanchor == "x"
    assert not layout.xaxis.visible
    assert not layout.yaxis.visible
    assert layout.xaxis.range[0] < 0
    assert layout.xaxis.range[1] > 3
    assert clip_map(points.iloc[:1], STYLES).layout.xaxis.range == (-1.0, 1.0)


def test_filter_moves_nothing(points: pd.DataFrame) -> None:
    filtered = points.assign(group=[-1, -1, 0, -1])
    assert clip_map(filtered, STYLES).layout.xaxis.range == clip_map(points, STYLES).layout.xaxis.range


def test_ten_groups_differ_by_colour_and_by_shape() -> None:
    styles = numbered_styles([str(number) for number in range(12)])
    assert len(styles) == 10
    assert len({style.colour for style in styles}) == len({style.symbol for style in styles}) == 10


def test_25_000_points_take_less_than_two_megabytes() -> None:
    rng = np.random.default_rng(0)
    count = 25_000
    points = pd.DataFrame(rng.normal(size=(count, 2)), columns=["x", "y"])
    points["clip"] = [f"{number:08x}.wav" for number in range(count)]
    points["labels"] = "Acoustic_guitar"
    points["group"] = rng.integers(0, 3, count)
    assert len(clip_map(points, STYLES).to_json()) < 2_000_000
