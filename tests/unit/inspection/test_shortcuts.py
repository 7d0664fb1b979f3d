"""A label that a property of the files gives away is found where it was planted, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

from audiotag.inspection.shortcuts import Shortcut, find_shortcuts


def made(seed: int, clips: int, labels: int) -> pd.DataFrame:
    """The index of clips whose labels, one or two each, say nothing about their files."""
    rng = np.random.default_rng(seed)
    some_length = np.where(rng.random(clips) < 0.5, rng.choice([1.0, 4.0, 5.0], clips), rng.gamma(2, 2, clips))
    return pd.DataFrame(
        {
            "clip": [f"{number}.wav" for number in range(clips)],
            "subset": "curated",
            "labels": [
                tuple(f"label {number}" for number in sorted(set(rng.integers(labels, size=rng.integers(1, 3)))))
                for _ in range(clips)
            ],
            "group": pd.NA,
            "error": pd.Series(pd.NA, range(clips), dtype="string"),
            "sample_rate": pd.Series(rng.choice([22_050, 44_100, 48_000], clips), dtype="Int64"),
            "channels": pd.Series(rng.choice([1, 2], clips), dtype="Int64"),
            "container": pd.Series(rng.choice(["WAV", "MP3"], clips), dtype="string"),
            "codec": pd.Series("PCM_16", range(clips), dtype="string"),
            "bits": pd.Series(rng.choice([16, 24], clips), dtype="Int64"),
            "duration_s": pd.Series(some_length, dtype="Float64"),
            "bandwidth_hz": rng.normal(9000, 3000, clips),
            "rms_dbfs": rng.normal(-25, 8, clips),
        }
    )


def dogs(index: pd.DataFrame, count: int = 40) -> pd.DataFrame:
    """The index, with the first clips labelled Dog and nothing else."""
    labels = [("Dog",)] * count + list(index["labels"])[count:]
    return index.assign(labels=pd.Series(labels, index=index.index))


@pytest.mark.parametrize("seed", range(12))
def test_random_files_give_no_label_away(seed: int) -> None:
    clips, labels = [(30, 2), (100, 5), (300, 20), (1000, 3)][seed % 4]
    assert find_shortcuts(made(seed, clips, labels)) == []


@pytest.mark.parametrize(
    ("column", "own", "other", "has"),
    [
        ("sample_rate", 22_050, 44_100, "a sample rate of 22,050 Hz"),
        ("channels", 2, 1, "2 channels"),
        ("container", "MP3", "WAV", "the format MP3 PCM_16"),
        ("bits", 24, 16, "24 bits per sample"),
        ("duration_s", 4.0, 5.0, "a length of exactly 4 s"),
    ],
)
def test_a_value_that_only_one_label_has_is_found(column: str, own: object, other: object, has: str) -> None:
    index = dogs(made(1, 540, 8))
    index[column] = pd.Series([own] * 40 + [other] * 500, dtype=index[column].dtype)
    (found,) = find_shortcuts(index)
    assert found == Shortcut(("Dog",), has, 40, 40, 0, 500, (0, 40))
    assert str(found) == (
        f"All 40 clips labelled Dog have {has}, none of the other 500 has: a network can tell the label from the file."
    )


@pytest.mark.parametrize(("column", "has"), [("bandwidth_hz", "a bandwidth below"), ("rms_dbfs", "an RMS level below")])
def test_a_label_below_a_limit_that_all_others_exceed_is_found(column: str, has: str) -> None:
    index = dogs(made(2, 540, 8))
    index.loc[:39, column] = index[column].min() - 1 - np.arange(40)
    (found,) = find_shortcuts(index)
    assert (found.labels, found.clips, found.other_clips) == (("Dog",), 40, 0)
    assert found.has.startswith(has)
    index.loc[20:39, column] = index[column].mean()  # sounds differ by nature
    assert find_shortcuts(index) == []


def test_labels_from_one_source_are_found_together_and_said_once() -> None:
    index = made(3, 400, 8)
    of_source = index["labels"].map(lambda labels: bool({"label 0", "label 1", "label 2"} & set(labels)))
    index["sample_rate"] = pd.Series(np.where(of_source, 22_050, 44_100), dtype="Int64")
    (found,) = find_shortcuts(index)
    assert found.labels == ("label 0", "label 1", "label 2")
    assert (found.clips, found.of, found.other_clips) == (of_source.sum(), of_source.sum(), 0)
    assert "labelled label 0 or label 1 or label 2 have" in str(found)


def test_a_few_exceptions_do_not_hide_a_shortcut_and_are_counted() -> None:
    index = dogs(made(4, 540, 8))
    rates = [22_050] * 36 + [44_100] * 4 + [22_050] + [44_100] * 499
    index["sample_rate"] = pd.Series(rates, dtype="Int64")
    (found,) = find_shortcuts(index)
    assert str(found).startswith(
        "36 of 40 clips labelled Dog have a sample rate of 22,050 Hz, one of the other 500 has"
    )


def test_too_few_clips_or_recordings_say_nothing() -> None:
    index = dogs(made(5, 540, 8), 9)
    index["sample_rate"] = pd.Series([22_050] * 9 + [44_100] * 531, dtype="Int64")
    assert find_shortcuts(index) == []
    index = dogs(made(5, 540, 8))
    index["sample_rate"] = pd.Series([22_050] * 40 + [44_100] * 500, dtype="Int64")
    assert find_shortcuts(index)
    of_two = [f"dog {number % 2}" for number in range(40)] + [f"other {number % 3}" for number in range(500)]
    assert find_shortcuts(index.assign(group=of_two)) == []  # five recordings in all


def test_test_clips_are_left_out_because_nothing_learns_from_them() -> None:
    index = dogs(made(6, 540, 8))
    index["sample_rate"] = pd.Series([22_050] * 40 + [44_100] * 500, dtype="Int64")
    index["subset"] = ["test"] * 40 + ["curated"] * 500
    assert find_shortcuts(index) == []
    index["subset"] = "test"
    assert len(find_shortcuts(index)) == 1


def test_an_index_without_measures_labels_or_clips_has_none() -> None:
    index = made(7, 50, 2)
    assert find_shortcuts(index.drop(columns=["bandwidth_hz", "rms_dbfs"])) == []
    assert find_shortcuts(index.assign(labels=[()] * 50)) == []
    assert find_shortcuts(index.iloc[:0]) == []
