"""``train.csv`` beside ``train/``, as competitions have it: names without suffix, and test tables without labels."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import LAYOUTS, open_dataset

from .conftest import KAGGLE, Build, by_clip, files


def test_numbers_without_suffix_are_the_sounds_of_the_folder(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(KAGGLE))
    assert dataset.labels == ("drilling", "siren", "street_music")
    assert by_clip(dataset, "subset", "labels", "split", "fold") == {
        "0.wav": ("curated", ("siren",), None, None),
        "1.wav": ("curated", ("street_music",), None, None),
        "2.wav": ("curated", ("drilling",), None, None),
    }
    assert dataset.missing == ("test.csv has no column Class: its clips are left out.",)
    assert dataset.problems == ()
    (reading,) = dataset.readings
    assert (reading.source, reading.roles) == ("train.csv", {"file": ("ID",), "labels": ("Class",)})


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev"])
def test_tables_of_validation_and_test_are_splits(example: Callable[[Build], Path], name: str) -> None:
    table = "file,label\n{},{}\n"
    tables = {"train.csv": table.format("a.wav", "Rain"), f"{name}.csv": table.format("b.wav", "Dog")}
    build = files(
        tables | {"test.csv": table.format("a.wav", "Dog")}, "train/a.wav", f"{name}/b.wav", "test/a.wav", "test/c.wav"
    )
    dataset = open_dataset(example(build))
    assert dataset.layout_key == "split-tables"
    assert [tuple(row) for row in dataset.clips[["clip", "subset", "split"]].to_numpy()] == [
        ("a.wav", "curated", "train"),
        ("b.wav", "curated", "validation"),
        ("a.wav", "test", "test"),
    ]
    assert dataset.clips["fold"].astype(object).where(dataset.clips["fold"].notna(), None).tolist() == [None, 1, None]
    assert [path.parent.name for path in dataset.clips["path"]] == ["train", name, "test"]
    assert [problem.clip for problem in dataset.problems] == ["c.wav"]


def test_tables_may_share_a_folder_of_sounds(example: Callable[[Build], Path]) -> None:
    table = "path,label\naudio/{}.wav,{}\n"
    tables = {"train.csv": table.format("a", "Rain"), "test.csv": table.format("b", "Dog")}
    dataset = open_dataset(example(files(tables, "audio/a.wav", "audio/b.wav", "audio/c.wav")))
    expected = {"a.wav": ("curated", "train", ("Rain",)), "b.wav": ("test", "test", ("Dog",))}
    assert by_clip(dataset, "subset", "split", "labels") == expected
    assert dataset.problems == ()


def test_sounds_that_are_not_there_and_not_in_the_table_are_problems(example: Callable[[Build], Path]) -> None:
    root = example(KAGGLE)
    (root / "train/2.wav").rename(root / "train/9.wav")
    found = [(problem.clip, problem.kind) for problem in open_dataset(root).problems]
    assert found == [("2", "missing"), ("9.wav", "counts")]


@pytest.mark.parametrize("table", ["mean,deviation\n0.1,0.2\n", "file,label\nx.wav,Rain\n"])
def test_table_of_something_else_beside_folders_of_splits_is_not_taken(
    example: Callable[[Build], Path], table: str
) -> None:
    root = example(files({"train.csv": table}, "train/Dog/a.wav", "train/Cat/b.wav", "test/Dog/c.wav"))
    assert not LAYOUTS.get("split-tables")().recognises(root)


def test_case_has_its_labels(shared: Path) -> None:
    dataset = open_dataset(shared / "cases/layouts/kaggle_ids")
    assert by_clip(dataset, "labels") == {"0.wav": (("c0",),), "1.wav": (("c1",),), "2.wav": (("c0",),)}
    assert (dataset.problems, dataset.missing) == ((), ())
