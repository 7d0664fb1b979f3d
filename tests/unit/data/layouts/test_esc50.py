"""ESC-50: categories, folds and recordings of its table; ESC-10 is a mark of clips there, not a label."""

from collections.abc import Callable
from pathlib import Path

from audiotag.data.layouts import open_dataset

from .conftest import ESC50, Build, by_clip


def test_categories_folds_recordings_and_licences(example: Callable[[Build], Path]) -> None:
    root = example(ESC50)
    for opened in (root, root / "meta/esc50.csv", root / "meta", root / "audio"):
        dataset = open_dataset(opened)
        assert dataset.labels == ("crow", "dog")
        assert dataset.own_folds == (1, 2)
        assert by_clip(dataset, "labels", "fold", "group", "licence") == {
            "1-100032-A-0.wav": (("dog",), 1, "100032", "CC BY 3.0"),
            "1-110389-A-0.wav": (("dog",), 2, "110389", "CC BY 3.0"),
            "2-110389-B-9.wav": (("crow",), 2, "110389", "CC BY-NC 3.0"),
        }
        assert dataset.clips["source"][0] == "https://freesound.org/s/100032/"
        assert (dataset.name, dataset.problems, dataset.missing) == ("esc50", (), ())


def test_clip_that_is_not_in_the_table_is_a_problem(example: Callable[[Build], Path]) -> None:
    root = example(ESC50)
    (root / "audio/5-1-A-1.wav").touch()
    assert [(problem.clip, problem.kind) for problem in open_dataset(root).problems] == [("5-1-A-1.wav", "counts")]
