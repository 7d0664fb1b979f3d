"""A bare folder of sounds is a dataset without labels."""

from collections.abc import Callable
from pathlib import Path

from audiotag.data.layouts import open_dataset

from ..conftest import clip_names


def test_bare_folder_is_a_dataset_without_labels(folder: Callable[..., Path]) -> None:
    root = folder({}, "b.wav", "a.mp3", "notes.pdf")
    dataset = open_dataset(root)
    assert dataset.layout == "folder of sounds, without labels"
    assert clip_names(dataset) == ["a.mp3", "b.wav"]
    assert dataset.clips["labels"].tolist() == [(), ()]
    assert dataset.labels == ()
