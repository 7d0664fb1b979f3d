"""The folder of the competition is recognised, with its vocabulary and its subsets."""

from collections.abc import Callable
from pathlib import Path

from audiotag.data.layouts import open_dataset

from ..conftest import clip_names


def test_folder_of_the_competition_is_recognised(competition: Callable[..., Path]) -> None:
    root = competition()
    dataset = open_dataset(root)
    assert (dataset.name, dataset.root, dataset.layout) == ("sounds", root, "Freesound Audio Tagging 2019")
    assert dataset.labels == ("Bark", "Meow")
    assert dataset.subsets == ("curated", "noisy", "test")
    assert clip_names(dataset) == ["c1.wav", "c2.wav", "n1.wav", "t1.wav"]
    assert dataset.subset("curated")["labels"].tolist() == [("Bark",), ("Bark", "Meow")]
    assert dataset.subset("test")["path"].tolist() == [root / "test/t1.wav"]
    assert dataset.own_folds == ()
    assert dataset.problems == ()
