"""The clips of a fault are those that its sentence is about, its own first."""

import pandas as pd
import pytest

from audiotag.data.near_duplicates import NearDuplicate
from audiotag.inspection.fault_kinds import KINDS, OTHER, describe, worst_first
from audiotag.inspection.faults import KINDS_THAT_ARE_USED
from audiotag.inspection.related_clips import related_rows
from audiotag.inspection.shortcuts import find_shortcuts

from .test_shortcuts import dogs, made

INDEX = pd.DataFrame(
    {
        "clip": ["a.wav", "b.wav", "a.wav", "c.wav", "d.wav"],
        "subset": ["curated", "curated", "test", "curated", "test"],
        "group": [None, None, None, "yard", "yard"],
    }
)
CONTENT = pd.Series([7, 7, 7, pd.NA, pd.NA], dtype="Int64")


def fault(kind: str, clip: str, subset: str, what: str = "") -> pd.Series:
    return pd.Series({"kind": kind, "clip": clip, "subset": subset, "what": what})


@pytest.mark.parametrize(
    ("kind", "clip", "subset", "rows"),
    [
        ("duplicate", "b.wav", "curated", [1, 0, 2]),
        ("contradiction", "a.wav", "test", [2, 0, 1]),
        ("leak", "a.wav", "curated", [0, 1, 2]),
        ("leak", "c.wav", "curated", [3, 4]),
        ("silent", "a.wav", "test", [2]),
        ("duplicate", "c.wav", "curated", [3]),
        ("counts", "d.wav", "", [4]),
        ("left out", "gone.wav", "", []),
    ],
)
def test_clips_of_a_fault_have_its_content_or_its_recording(kind: str, clip: str, subset: str, rows: list[int]) -> None:
    assert related_rows(INDEX, CONTENT, (), fault(kind, clip, subset)) == rows


def test_near_duplicates_stand_beside_the_clip_in_the_order_of_its_sentence() -> None:
    index = INDEX.assign(labels=[("Bark",)] * 4 + [("Meow",)])
    pairs = [
        NearDuplicate("curated", "a.wav", "curated", "b.wav", 0.7, 0.97),
        NearDuplicate("test", "d.wav", "curated", "b.wav", 0.2, 0.9),
    ]
    assert related_rows(index, CONTENT, pairs, fault("near-duplicate", "b.wav", "curated")) == [1, 4, 0]
    assert related_rows(index, CONTENT, pairs, fault("near-duplicate", "a.wav", "curated")) == [0, 1]
    none = pd.Series(pd.NA, index.index, dtype="Int64")
    assert related_rows(index, none, pairs, fault("leak", "a.wav", "curated")) == [0, 1, 4]


def test_a_shortcut_is_heard_in_a_clip_that_has_the_property_and_in_one_that_does_not() -> None:
    index = dogs(made(1, 540, 8))
    index["sample_rate"] = pd.Series([22_050] * 40 + [44_100] * 500, dtype="Int64")
    (found,) = find_shortcuts(index)
    none = pd.Series(pd.NA, index.index, dtype="Int64")
    rows = related_rows(index, none, (), fault("shortcut", "", "", str(found)))
    assert index["sample_rate"].iloc[rows].tolist() == [22_050, 44_100]
    assert related_rows(index, none, (), fault("shortcut", "", "", "of another dataset")) == []


def test_every_kind_of_fault_is_explained_and_the_worst_comes_first() -> None:
    assert set(KINDS_THAT_ARE_USED) < set(KINDS)
    assert describe("of a new layout") == OTHER
    faults = pd.DataFrame({"kind": ["DC", "of a new layout", "leak", "DC", "unreadable"], "clip": list("abcde")})
    assert worst_first(faults)["clip"].tolist() == ["e", "c", "a", "d", "b"]
