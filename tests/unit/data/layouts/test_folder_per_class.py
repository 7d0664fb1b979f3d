"""A folder per class labels its clips; sounds elsewhere are named, not guessed at."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError

from ..conftest import clip_names


def test_each_folder_is_a_label_and_a_part_of_the_clip_names(folder: Callable[..., Path]) -> None:
    root = folder({}, "Dog bark/a.wav", "Dog bark/b.FLAC", "Rain/a.wav", "Rain/notes.txt", "Rain/._a.wav")
    dataset = open_dataset(root)
    assert (dataset.name, dataset.layout) == ("sounds", "one folder per class")
    assert dataset.labels == ("Dog bark", "Rain")
    assert clip_names(dataset) == ["Dog bark/a.wav", "Dog bark/b.FLAC", "Rain/a.wav"]
    assert dataset.clips["labels"].tolist() == [("Dog bark",), ("Dog bark",), ("Rain",)]
    assert dataset.clips["path"].tolist() == [root / name for name in clip_names(dataset)]
    assert dataset.clips[["fold", "group", "licence", "source"]].isna().all(axis=None)
    assert (dataset.subsets, dataset.own_folds) == (("curated",), ())
    assert (dataset.problems, dataset.missing) == ((), ())


def test_majority_of_sounds_decides_between_classes_and_a_bare_folder(
    folder: Callable[..., Path],
) -> None:
    root = folder({}, "Dog/a.wav", "Dog/b.wav", "stray.wav")
    dataset = open_dataset(root)
    assert clip_names(dataset) == ["Dog/a.wav", "Dog/b.wav"]
    assert [problem.reason for problem in dataset.problems] == [
        "stray.wav is not in the folder of a class; it is left out."
    ]
    dataset = open_dataset(folder({}, "c.wav", "d.wav"))
    assert clip_names(dataset) == ["c.wav", "d.wav", "stray.wav"]
    assert dataset.labels == ()
    assert [problem.clip for problem in dataset.problems] == ["Dog/a.wav", "Dog/b.wav"]


def test_sounds_in_deeper_folders_are_named_and_not_guessed_at(folder: Callable[..., Path]) -> None:
    root = folder({}, "train/Dog/a.wav")
    with pytest.raises(
        AudiotagError, match=r"not a dataset, .*deeper than one folder, like train/Dog/a\.wav.*open .*train"
    ):
        open_dataset(root)
    assert open_dataset(root / "train").labels == ("Dog",)
    dataset = open_dataset(folder({}, "Rain/a.wav"))
    assert clip_names(dataset) == ["Rain/a.wav"]
    assert ["train/Dog/a.wav" in sentence for sentence in dataset.missing] == [True]
