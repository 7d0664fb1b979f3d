"""The tables about a dataset hold what can be counted by hand."""

import pandas as pd
import pytest

from audiotag.data.index import HEADER_TYPES
from audiotag.data.statistics import clips_with, label_counts, ordered, readable, share_shorter, summary


@pytest.fixture
def index() -> pd.DataFrame:
    rows = [
        ("a.wav", "curated", ("Bark",), 1.0, pd.NA),
        ("b.wav", "curated", ("Bark", "Meow"), 2.0, pd.NA),
        ("c.wav", "curated", ("Meow", "Bark"), 3.0, pd.NA),
        ("d.wav", "curated", ("Bark",), 10.0, pd.NA),
        ("e.wav", "curated", ("Hiss",), pd.NA, "e.wav is empty (0 bytes); copy or record it again."),
        ("n.wav", "noisy", ("Zip", "Meow", "Bark"), 7200.0, pd.NA),
    ]
    index = pd.DataFrame(rows, columns=["clip", "subset", "labels", "duration_s", "error"])
    return index.astype({name: HEADER_TYPES[name] for name in ("duration_s", "error")})


def test_the_summary_counts_each_subset(index: pd.DataFrame) -> None:
    table = summary(index)
    assert table.index.tolist() == ["curated", "noisy"]
    assert table.loc["curated"].to_dict() == {
        "clips": 4,
        "hours": pytest.approx(16 / 3600),
        "labels": 2,
        "combinations": 2,  # Bark; Bark and Meow in whatever order
        "labels_a_clip": 1.5,
        "mean_s": 4.0,
        "median_s": 2.5,
        "shortest_s": 1.0,
        "longest_s": 10.0,
    }
    assert table.loc["noisy", ["clips", "hours", "labels", "combinations"]].tolist() == [1, 2.0, 3, 1]


def test_labels_are_counted_in_each_subset(index: pd.DataFrame) -> None:
    counts = label_counts(index)
    assert counts.columns.tolist() == ["curated", "noisy"]
    assert counts.to_dict("index") == {
        "Bark": {"curated": 4, "noisy": 1},
        "Meow": {"curated": 2, "noisy": 1},
        "Zip": {"curated": 0, "noisy": 1},
    }


def test_the_share_of_shorter_clips_leaves_out_the_equal(index: pd.DataFrame) -> None:
    assert share_shorter(index, 2.0).to_dict() == {"curated": 0.25, "noisy": 0.0}
    assert share_shorter(index, 1e9).to_dict() == {"curated": 1.0, "noisy": 1.0}


def test_labels_are_ordered_by_count_or_name(index: pd.DataFrame) -> None:
    counts = label_counts(index)
    assert ordered(counts, "most clips").index.tolist() == ["Bark", "Meow", "Zip"]
    assert ordered(counts, "fewest clips").index.tolist() == ["Zip", "Meow", "Bark"]
    assert ordered(counts.iloc[::-1], "name").index.tolist() == ["Bark", "Meow", "Zip"]


def test_clips_are_found_by_all_their_labels(index: pd.DataFrame) -> None:
    assert clips_with(index, "curated", ["Meow", "Bark"])["clip"].tolist() == ["b.wav", "c.wav"]
    assert clips_with(index, "curated", [])["clip"].tolist() == ["a.wav", "b.wav", "c.wav", "d.wav"]
    assert clips_with(index, "noisy", ["Bark"]).index.tolist() == [0]
    assert clips_with(index, "curated", ["Hiss"]).empty  # its only clip cannot be read


def test_a_dataset_of_unreadable_clips_gives_empty_tables(index: pd.DataFrame) -> None:
    unreadable = index[index["error"].notna()]
    assert readable(unreadable).empty
    assert summary(unreadable).empty
    assert label_counts(unreadable).empty
    assert ordered(label_counts(unreadable), "most clips").empty
    assert share_shorter(unreadable, 2.0).empty
    assert clips_with(unreadable, "curated", ["Bark"]).empty
