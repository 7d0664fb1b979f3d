"""The browser gets each row's spectrogram, the sounds that it asks for, and can open only rows of the list."""

import json
from typing import Any

import numpy as np
import pytest

from audiotag.ui.similar.clip_list.clip_list import ClipList, ListRow, pack_list, read_opened, read_wanted
from audiotag.ui.similar.row_sounds import RowSound

IDS = ["a", "b", "c"]


def row(number: int, columns: int = 3) -> ListRow:
    levels = np.full((2, columns), number, np.uint8)
    sound = RowSound(levels, 1.5, -0.01, 0.5, "1.5 s", b"sound")
    return ListRow(IDS[number], f"{number}.wav", "Bark, Hum", 0.876, "", "dataset?clip=0", sound)


def test_block_holds_what_each_row_shows() -> None:
    block = pack_list(ClipList("x.wav", (row(0), row(1, columns=1))), "here")
    end = 4 + int.from_bytes(block[:4], "little")
    header = json.loads(block[4:end])
    assert (header["place"], header["of"]) == ("here", "x.wav")
    first, second = header["rows"]
    assert (first["id"], first["name"], first["details"], first["similarity"]) == ("a", "0.wav", "Bark, Hum", 0.88)
    assert (first["rows"], first["columns"], second["rows"], second["columns"]) == (2, 3, 2, 1)
    assert block[end:] == bytes([0] * 6 + [1] * 2)
    assert b"sound" not in block[end:]  # which comes when it is wanted


def test_the_same_list_has_the_same_id_and_another_one_another() -> None:
    def id_of(clips: ClipList) -> str:
        block = pack_list(clips, "here")
        return json.loads(block[4 : 4 + int.from_bytes(block[:4], "little")])["id"]

    given = id_of(ClipList("x.wav", (row(0), row(1))))
    assert id_of(ClipList("x.wav", (row(0), row(1)))) == given
    assert id_of(ClipList("x.wav", (row(1), row(0)))) != given
    assert id_of(ClipList("y.wav", (row(0), row(1)))) != given


def test_sounds_are_those_that_were_asked_for_in_that_order_after_the_first() -> None:
    assert read_wanted(None, IDS) == ["a"]
    assert read_wanted({"wanted": ["c", "b"]}, IDS) == ["a", "c", "b"]
    assert read_wanted({"wanted": ["b", "b", "of another list"]}, IDS) == ["a", "b"]
    assert read_wanted({"wanted": ["a"]}, []) == []


@pytest.mark.parametrize("state", [{"wanted": "b"}, {"wanted": [1]}, {"wanted": None}, {"wanted": {"b": 1}}, "b"])
def test_what_is_no_list_of_ids_asks_for_nothing(state: Any) -> None:
    assert read_wanted(state, IDS) == ["a"]


@pytest.mark.parametrize(
    ("state", "opened"),
    [({"opened": "b"}, "b"), ({"opened": "x"}, None), ({"opened": ["b"]}, None), ({}, None), (None, None)],
)
def test_only_a_row_of_the_list_is_opened(state: Any, opened: str | None) -> None:
    assert read_opened(state, IDS) == opened
