"""The block that the grid gets has each tile's sound and figures, and an answer must be about all of its tiles."""

import json
from typing import Any

import pytest

from audiotag.ui.review.clip_grid.clip_grid import Answer, ClipGrid, Tile, pack_grid, read_answer

TILES = (Tile("a", "x/1.wav", 0.034, "2.0 s", b"first"), Tile("b", "2.wav", 1.0, "first 30 s of 5 min", b"second one"))
GRID = ClipGrid("Bark", "wrong", TILES)


def unpacked(block: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Header and sounds, as the browser reads them."""
    end = 4 + int.from_bytes(block[:4], "little")
    header = json.loads(block[4:end])
    sounds = []
    for tile in header["tiles"]:
        sounds.append(block[end : end + tile["bytes"]])
        end += tile["bytes"]
    assert end == len(block)
    return header, sounds


def test_block_holds_what_each_tile_shows_and_plays() -> None:
    header, sounds = unpacked(pack_grid(GRID))
    assert (header["id"], header["label"], header["kind"]) == (GRID.key, "Bark", "wrong")
    assert [(tile["id"], tile["name"], tile["score"], tile["length"]) for tile in header["tiles"]] == [
        ("a", "x/1.wav", "0.03", "2.0 s"),
        ("b", "2.wav", "1.00", "first 30 s of 5 min"),
    ]
    assert sounds == [b"first", b"second one"]


def test_key_changes_with_the_label_the_kind_and_the_clips_alone() -> None:
    same = ClipGrid("Bark", "wrong", (Tile("a", "other.wav", 0.5, "", b""), TILES[1]))
    assert same.key == GRID.key
    others = [
        ClipGrid("Bell", "wrong", TILES),
        ClipGrid("Bark", "missing", TILES),
        ClipGrid("Bark", "wrong", TILES[:1]),
        ClipGrid("Bark", "wrong", TILES[::-1]),
    ]
    assert len({GRID.key, *(grid.key for grid in others)}) == 5


def test_clips_without_labels_keep_their_grid_when_another_label_is_chosen() -> None:
    grid = ClipGrid("Bark", "cluster", TILES, also=28)
    assert grid.key == ClipGrid("Bell", "cluster", TILES).key
    assert grid.key != ClipGrid("Bark", "alike", TILES).key
    assert unpacked(pack_grid(grid))[0]["also"] == 28


def test_an_answer_names_the_marked_tiles_and_the_others() -> None:
    state = {"answer": {"accepted": ["b"], "odd": ["a"]}}
    assert read_answer(state, GRID) == Answer(("b",), ("a",))
    assert read_answer({"answer": {"accepted": ["a", "b"], "odd": []}}, GRID) == Answer(("a", "b"), ())


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"answer": None},
        {"answer": {"accepted": ["a", "b"]}},
        {"answer": {"accepted": ["a"], "odd": []}},
        {"answer": {"accepted": ["a", "b"], "odd": ["b"]}},
        {"answer": {"accepted": ["a", "b", "c"], "odd": []}},
        {"answer": {"accepted": [1, 2], "odd": []}},
        {"answer": ["a", "b"]},
        {"answer": {"accepted": "ab", "odd": []}},
    ],
)
def test_an_answer_that_is_not_about_all_tiles_is_none(state: Any) -> None:
    assert read_answer(state, GRID) is None
