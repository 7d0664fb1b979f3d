"""Each clip that is the same recording as another one is listed once, with a sentence that says which begins later."""

import pandas as pd

from audiotag.data.near_duplicates import NearDuplicate
from audiotag.inspection.near_duplicate_faults import find_near_duplicate_faults, without_copies

INDEX = pd.DataFrame(
    {
        "clip": ["dog1.wav", "dog2.wav", "rain.wav", "dog1.wav"],
        "subset": ["curated", "curated", "curated", "test"],
        "labels": [("Bark",), ("Bark",), ("Rain",), ("Meow",)],
    }
)


def sentences(*pairs: NearDuplicate) -> dict[tuple[str, str], str]:
    rows = find_near_duplicate_faults(INDEX, pairs)
    assert all(row[0] == "near-duplicate" for row in rows)
    assert len({row[1:3] for row in rows}) == len(rows)
    return {(subset, clip): what for _, clip, subset, what in rows}


def test_sentence_says_how_much_later_and_how_similar() -> None:
    found = sentences(NearDuplicate("curated", "dog1.wav", "curated", "dog2.wav", 0.7, 0.974))
    begin = "is the same recording as"
    assert found == {
        ("curated", "dog1.wav"): f"dog1.wav {begin} dog2.wav and begins 0.70 s earlier; similarity 0.97.",
        ("curated", "dog2.wav"): f"dog2.wav {begin} dog1.wav and begins 0.70 s later; similarity 0.97.",
    }


def test_other_labels_are_said_first_and_clips_of_one_name_are_told_apart_by_their_subset() -> None:
    found = sentences(
        NearDuplicate("curated", "dog1.wav", "curated", "dog2.wav", 0.7, 0.97),
        NearDuplicate("curated", "dog1.wav", "test", "dog1.wav", 0.0, 0.9),
    )
    assert found["curated", "dog1.wav"] == (
        "dog1.wav (curated) is the same recording as dog1.wav (test) and begins at the same time; similarity 0.90. "
        "Their labels differ: Bark here, Meow there. So is 1 other clip."
    )
    assert list(found) == [("curated", "dog2.wav"), ("curated", "dog1.wav"), ("test", "dog1.wav")]


def test_a_clip_that_the_dataset_does_not_have_any_more_is_not_named() -> None:
    assert sentences(NearDuplicate("curated", "dog1.wav", "curated", "gone.wav", 0.7, 0.97)) == {}


def test_pairs_that_turn_out_to_have_the_same_content_are_left_to_the_duplicates() -> None:
    pairs = [
        NearDuplicate("curated", "dog1.wav", "curated", "dog2.wav", 0.0, 1.0),
        NearDuplicate("curated", "dog1.wav", "curated", "rain.wav", 0.2, 0.9),
        NearDuplicate("curated", "rain.wav", "test", "dog1.wav", 0.2, 0.9),
    ]
    content = pd.Series([4, 4, pd.NA, pd.NA], dtype="Int64")
    assert without_copies(pairs, INDEX, content) == pairs[1:]
