"""Recordings and contents that straddle folds, a validation split or the test clips are named."""

from pathlib import Path

import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.leaks import count_straddling, find_leaks, parts_of

NOTHING = pd.Series([pd.NA] * 6, dtype="Int64")


def clips(fold: list, group: list | None = None, subset: list | None = None, split: list | None = None) -> pd.DataFrame:
    count = len(fold)
    return pd.DataFrame(
        {
            "clip": [f"{number}.wav" for number in range(count)],
            "path": [Path(f"/data/{number}.wav") for number in range(count)],
            "subset": subset or ["curated"] * count,
            "labels": [("Hum",)] * count,
            "fold": pd.array(fold, dtype="Int64"),
            "group": pd.array(group or [pd.NA] * count, dtype="string"),
            "split": pd.array(split or [pd.NA] * count, dtype="string"),
        }
    )


def test_a_recording_in_several_own_folds_is_a_leak_and_one_within_a_fold_is_none() -> None:
    table = clips([1, 2, 2, 3, 3, 3], ["A", "A", "A", "B", "B", None])
    (leak,) = find_leaks(table, NOTHING)
    assert leak.clip == "0.wav"
    assert leak.reason == (
        "The source recording A has clips in fold 1 (0.wav) and fold 2 (1.wav, 2.wav), so scores on them are too high."
    )


def test_a_sound_in_two_own_folds_is_a_leak_and_is_named_once_if_its_copies_are_one_recording() -> None:
    content = pd.Series([7, 7, None, None, None, None], dtype="Int64")
    (leak,) = find_leaks(clips([1, 2, 2, 3, 3, 3], ["A", "A", None, None, None, None]), content)
    assert leak.reason.startswith("The same sound is in fold 1 (0.wav) and fold 2 (1.wav)")


def test_a_training_clip_with_the_sound_of_a_test_clip_is_a_leak() -> None:
    content = pd.Series([7, None, None, None, None, 7], dtype="Int64")
    table = clips([pd.NA] * 6, subset=["curated", "noisy", "curated", "curated", "test", "test"])
    (leak,) = find_leaks(table, content)
    assert (leak.clip, leak.subset) == ("0.wav", "curated")
    assert "in the test clips (5.wav) and the training clips (0.wav)" in leak.reason


def test_folds_that_are_still_to_be_drawn_leak_nothing() -> None:
    assert find_leaks(clips([pd.NA] * 6, ["A"] * 6), pd.Series([1] * 6, dtype="Int64")) == []


def test_a_validation_split_is_one_fold_and_leaks_what_the_training_clips_have() -> None:
    table = clips(
        [pd.NA, pd.NA, 1, 1, pd.NA, pd.NA],
        ["A", None, "A", None, None, None],
        ["curated"] * 5 + ["test"],
        ["train", "train", "validation", "validation", "train", "test"],
    )
    dataset = Dataset("data", Path("/data"), "", table, ("Hum",), ())
    assert dataset.own_folds == (1,)
    assert parts_of(table).tolist().count("the validation clips") == 2
    (leak,) = find_leaks(table, NOTHING)
    assert "in the training clips (0.wav) and the validation clips (2.wav)" in leak.reason


@pytest.mark.parametrize(
    ("fold", "split", "own"),
    [
        ([1, 2, 3, 1, 2, 3], [pd.NA] * 6, (1, 2, 3)),
        ([1, 2, 3, 1, 2, pd.NA], [pd.NA] * 6, ()),
        ([1, 1, pd.NA, pd.NA, pd.NA, pd.NA], ["validation"] + ["train"] * 5, ()),  # one of them is no validation clip
        ([pd.NA] * 6, ["validation"] + ["train"] * 5, ()),
        ([1, 2, 3, 1, 2, 3], ["validation"] + ["train"] * 5, (1, 2, 3)),  # folds go before a split
    ],
)
def test_own_folds_are_complete_or_a_validation_split(fold: list, split: list, own: tuple[int, ...]) -> None:
    assert Dataset("data", Path("/data"), "", clips(fold, split=split), ("Hum",), ()).own_folds == own


def test_the_published_folds_of_kitchen20_separate_clips_of_68_of_467_sources(shared: Path) -> None:
    table = pd.read_csv(shared / "data/kitchen20/kitchen20.csv", dtype={"usr_id": "string"})
    assert count_straddling(table["usr_id"], table["fold"].to_numpy()) == (68, 467)


def test_the_published_folds_of_esc_10_keep_sources_together(shared: Path) -> None:
    table = pd.read_csv(shared / "data/esc10/esc10.csv", dtype={"source_id": "string"})
    assert count_straddling(table["source_id"], table["fold"].to_numpy()) == (0, table["source_id"].nunique())


def test_folds_are_named_in_the_order_of_their_numbers() -> None:
    table = clips([10, 2, 1, 2, 2, 2], ["A"] * 6)
    (leak,) = find_leaks(table, NOTHING)
    assert "in fold 1 (2.wav), fold 2 (1.wav, 3.wav, 4.wav and 1 more) and fold 10 (0.wav), so" in leak.reason


def test_near_duplicates_in_two_parts_are_a_leak() -> None:
    near = pd.Series([1, pd.NA, pd.NA, 1, pd.NA, pd.NA], dtype="Int64")
    (leak,) = find_leaks(clips([1, 2, 2, 3, 3, 3], [None] * 6), NOTHING, near)
    assert leak.reason.startswith("Near-duplicates are in fold 1 (")
    assert find_leaks(clips([1, 2, 2, 1, 3, 3], [None] * 6), NOTHING, near) == []
