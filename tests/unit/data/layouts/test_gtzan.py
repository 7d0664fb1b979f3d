"""GTZAN: genres by the folders, never by the tables of features beside them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import open_dataset

from .conftest import GTZAN, GTZAN_CLIPS, GTZAN_OF_THE_AUTHORS, Build, by_clip, files


@pytest.mark.parametrize("build", [GTZAN, GTZAN_OF_THE_AUTHORS, files({}, *GTZAN_CLIPS)], ids=["kaggle", "tar", "bare"])
def test_genres_are_the_folders(example: Callable[[Build], Path], build: Build) -> None:
    dataset = open_dataset(example(build))
    assert (dataset.layout_key, dataset.name) == ("gtzan", "GTZAN")
    assert by_clip(dataset, "subset", "labels", "split", "fold", "group") == {
        "blues/blues.00000.wav": ("curated", ("blues",), None, None, None),
        "blues/blues.00001.wav": ("curated", ("blues",), None, None, None),
        "jazz/jazz.00054.wav": ("curated", ("jazz",), None, None, None),
    }
    assert (dataset.problems, dataset.missing) == ((), ())


def test_tables_of_features_are_named_as_not_used(example: Callable[[Build], Path]) -> None:
    root = example(GTZAN)
    expected = tuple(f"features_{length}_sec.csv has features of the clips, not used here." for length in (30, 3))
    assert open_dataset(root).readings[0].ignored == tuple(sorted(expected))
    assert open_dataset(root / "genres_original").readings == open_dataset(root).readings


def test_classes_that_are_no_genres_are_not_taken(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(files({}, "dog/dog.00001.wav", "cat/cat.00001.wav")))
    assert (dataset.layout_key, dataset.labels) == ("folder-per-class", ("cat", "dog"))


def test_sound_that_is_not_in_a_genre_is_left_out(example: Callable[[Build], Path]) -> None:
    root = example(GTZAN)
    (root / "genres_original/blues.00099.wav").touch()
    dataset = open_dataset(root)
    assert len(dataset.clips) == 3
    (problem,) = dataset.problems
    assert problem.reason == "blues.00099.wav is not in the folder of a genre; it is left out."
