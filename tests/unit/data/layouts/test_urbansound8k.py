"""UrbanSound8K: ten folds and recordings by its table, and classes by the names of the files where that is missing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import LAYOUTS, open_dataset
from audiotag.errors import AudiotagError

from .conftest import (
    URBANSOUND8K,
    URBANSOUND8K_FLAT,
    URBANSOUND8K_FOLDS,
    URBANSOUND8K_ON_KAGGLE,
    Build,
    by_clip,
    files,
)

CLIPS = {
    "fold1/135776-2-0-49.wav": (("children_playing",), 1, "135776"),
    "fold5/100032-3-0-0.wav": (("dog_bark",), 5, "100032"),
    "fold5/100263-2-0-117.wav": (("children_playing",), 5, "100263"),
    "fold5/100263-2-0-121.wav": (("children_playing",), 5, "100263"),
    "fold10/7061-6-0-0.wav": (("gun_shot",), 10, "7061"),
}


@pytest.mark.parametrize("build", [URBANSOUND8K, URBANSOUND8K_ON_KAGGLE, URBANSOUND8K_FOLDS], ids=range(3))
def test_classes_folds_and_recordings_are_the_same_with_and_without_the_table(
    example: Callable[[Build], Path], build: Build
) -> None:
    dataset = open_dataset(example(build))
    assert by_clip(dataset, "labels", "fold", "group") == CLIPS
    assert dataset.own_folds == (1, 5, 10)
    assert set(dataset.clips["licence"]) == {"CC BY-NC 3.0"}
    assert dataset.clips["source"][0] == "https://freesound.org/s/135776/"
    assert (dataset.name, dataset.problems, dataset.missing) == ("UrbanSound8K", (), ())
    assert all(path.is_file() for path in dataset.clips["path"])


def test_clips_in_one_folder_have_classes_and_recordings_but_no_folds(example: Callable[[Build], Path]) -> None:
    root = example(URBANSOUND8K_FLAT)
    (root / "voice.wav").touch()
    dataset = open_dataset(root)
    expected = {name.rpartition("/")[2]: (labels, None, group) for name, (labels, _, group) in CLIPS.items()}
    assert by_clip(dataset, "labels", "fold", "group") == expected
    (sentence,) = dataset.missing
    assert sentence.endswith("the folds of these are not known.")
    (problem,) = dataset.problems
    assert problem.reason == "voice.wav is not named like 100032-3-0-0.wav, so its class is not known; it is left out."


@pytest.mark.parametrize("part", ["audio", "metadata", "metadata/UrbanSound8K.csv"])
def test_any_part_opens_the_whole_release(example: Callable[[Build], Path], part: str) -> None:
    dataset = open_dataset(example(URBANSOUND8K) / part)
    assert by_clip(dataset, "labels", "fold", "group") == CLIPS
    assert dataset.readings[0].source == "metadata/UrbanSound8K.csv"


def test_reading_has_the_columns_of_the_table(example: Callable[[Build], Path]) -> None:
    (reading,) = open_dataset(example(URBANSOUND8K)).readings
    assert reading.columns == ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
    roles = {"file": ("slice_file_name",), "labels": ("class",), "fold": ("fold",), "group": ("fsID",)}
    assert reading.roles == roles


def test_clips_that_are_not_there_or_not_in_the_table_are_problems(example: Callable[[Build], Path]) -> None:
    root = example(URBANSOUND8K)
    (root / "audio/fold1/135776-2-0-49.wav").rename(root / "audio/fold1/1-2-0-49.wav")
    dataset = open_dataset(root)
    found = [(problem.clip, problem.kind) for problem in dataset.problems]
    assert found == [("fold1/135776-2-0-49.wav", "missing"), ("fold1/1-2-0-49.wav", "counts")]


@pytest.mark.parametrize(
    "names", [("2024-5-1-12.wav", "2024-5-2-7.wav"), ("1-100032-A-0.wav",), ("01-2-0-3.wav",), ("12-3-4-5.wav",)]
)
def test_times_and_other_numbers_are_not_taken_for_classes(example: Callable[[Build], Path], names: tuple) -> None:
    assert not LAYOUTS.get("urbansound8k")().recognises(example(files({}, *names)))


def test_columns_can_be_chosen_and_must_be_there(example: Callable[[Build], Path]) -> None:
    root = example(URBANSOUND8K)
    dataset = open_dataset(root, label_column="classID", group_column="-")
    assert dataset.labels == ("2", "3", "6")
    assert dataset.clips["group"].isna().all()
    with pytest.raises(
        AudiotagError, match=r"the column of fold must be one of slice_file_name, .*, got part; leave it"
    ):
        open_dataset(root, fold_column="part")


def test_case_has_classes_by_its_table(shared: Path) -> None:
    dataset = open_dataset(shared / "cases/layouts/UrbanSound8K")
    assert dataset.labels == ("car_horn", "children_playing", "dog_bark")
    assert dataset.clips["fold"].tolist() == [1, 5, 5, 10, 10]
    assert dataset.clips["group"].tolist() == ["135776", "100032", "100263", "100648", "101281"]
