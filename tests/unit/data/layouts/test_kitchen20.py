"""kitchen20: its table among others, with the published folds and the sources that they straddle."""

from collections.abc import Callable
from pathlib import Path

from audiotag.data.layouts import open_dataset

from .conftest import KITCHEN20, Build, by_clip


def test_classes_folds_and_sources_are_those_of_its_table(example: Callable[[Build], Path]) -> None:
    root = example(KITCHEN20)
    for opened in (root, root / "kitchen20.csv", root / "audio"):
        dataset = open_dataset(opened)
        assert by_clip(dataset, "labels", "fold", "group") == {
            "0-158737-A-0.wav": (("blender",), 1, "158737"),
            "0-158737-B-0.wav": (("blender",), 2, "158737"),
            "0-101477-A-3.wav": (("chopping",), 1, "101477"),
        }
        assert (dataset.name, dataset.problems, dataset.missing) == ("kitchen20", (), ())
        assert len(dataset.readings[0].ignored) == 2


def test_clips_that_are_not_there_or_not_in_the_table_are_problems(example: Callable[[Build], Path]) -> None:
    root = example(KITCHEN20)
    (root / "audio/0-101477-A-3.wav").rename(root / "audio/1.wav")
    found = [(problem.clip, problem.kind) for problem in open_dataset(root).problems]
    assert found == [("audio/0-101477-A-3.wav", "missing"), ("1.wav", "counts")]


def test_real_dataset_has_its_published_counts(shared: Path) -> None:
    dataset = open_dataset(shared / "data/kitchen20")
    assert (dataset.layout_key, len(dataset.clips), len(dataset.labels)) == ("kitchen20", 1070, 20)
    assert dataset.own_folds == tuple(range(1, 10))
    assert dataset.clips["fold"].value_counts()[[1, 2, 3, 4, 5]].tolist() == [160] * 5
    assert dataset.clips["group"].nunique() == 467
    assert (dataset.clips.groupby("group")["fold"].nunique() > 1).sum() == 68
    assert (dataset.problems, dataset.missing) == ((), ())
