"""FSD50K: several labels per clip, development and evaluation by the tables, whatever part of it is there."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import open_dataset

from .conftest import FSD50K, FSD50K_ON_HUGGING_FACE, Build, by_clip


def test_labels_splits_and_subsets_are_those_of_the_tables(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(FSD50K))
    assert dataset.labels == ("Bark", "Dog", "Electric_guitar", "Guitar", "Music")
    assert by_clip(dataset, "subset", "labels", "split", "fold") == {
        "64760.wav": ("curated", ("Electric_guitar", "Guitar", "Music"), "train", None),
        "16399.wav": ("curated", ("Bark", "Dog"), "validation", 1),
        "345111.wav": ("curated", ("Bark", "Dog"), "train", None),
        "99.wav": ("test", ("Guitar", "Music"), "test", None),
    }
    assert all(path.is_file() for path in dataset.clips["path"])
    assert (dataset.name, dataset.problems, dataset.missing) == ("FSD50K", (), ())


def test_licences_and_sources_are_those_of_freesound(example: Callable[[Build], Path]) -> None:
    root = example(FSD50K)
    facts = by_clip(open_dataset(root), "licence", "source")
    assert facts["64760.wav"] == (
        "http://creativecommons.org/licenses/by/3.0/",
        "https://freesound.org/s/64760/",
    )
    assert facts["345111.wav"][0] is None
    (root / "FSD50K.metadata/dev_clips_info_FSD50K.json").write_text("[" * 100_000)
    dataset = open_dataset(root)
    assert len(dataset.clips) == 4
    assert dataset.missing == ("dev_clips_info_FSD50K.json is damaged: the licences of the dev clips are not known.",)


def test_reading_of_both_tables_is_shown(example: Callable[[Build], Path]) -> None:
    dev, evaluation = open_dataset(example(FSD50K)).readings
    assert (dev.source, dev.columns) == ("FSD50K.ground_truth/dev.csv", ("fname", "labels", "mids", "split"))
    assert dev.roles == {"file": ("fname",), "labels": ("labels",), "split": ("split",)}
    assert dev.label_format == "labels separated by commas"
    assert evaluation.roles == {"file": ("fname",), "labels": ("labels",)}


@pytest.mark.parametrize("part", ["FSD50K.ground_truth", "FSD50K.ground_truth/dev.csv", "FSD50K.dev_audio"])
def test_any_part_opens_the_whole_release(example: Callable[[Build], Path], part: str) -> None:
    root = example(FSD50K)
    dataset = open_dataset(root / part)
    assert (dataset.layout_key, dataset.root) == ("fsd50k", root / part)
    assert dataset.fingerprint == open_dataset(root).fingerprint


def test_evaluation_that_was_not_downloaded_is_said_and_the_rest_opens(example: Callable[[Build], Path]) -> None:
    root = example(FSD50K)
    shutil.rmtree(root / "FSD50K.eval_audio")
    dataset = open_dataset(root)
    assert len(dataset.subset("curated")) == 3
    assert dataset.subset("test")["labels"].tolist() == [("Guitar", "Music")]
    (sentence,) = dataset.missing
    assert "The sounds of eval.csv are not in" in sentence
    (root / "FSD50K.ground_truth/eval.csv").unlink()
    dataset = open_dataset(root)
    assert dataset.subsets == ("curated",)
    assert dataset.missing == ("FSD50K.ground_truth/eval.csv is not there: the eval clips are left out.",)


def test_clip_that_is_not_there_and_clip_that_is_not_in_the_table_are_problems(
    example: Callable[[Build], Path],
) -> None:
    root = example(FSD50K)
    (root / "FSD50K.dev_audio/16399.wav").rename(root / "FSD50K.dev_audio/7.wav")
    dataset = open_dataset(root)
    assert len(dataset.clips) == 3
    assert [(problem.clip, problem.kind) for problem in dataset.problems] == [("16399", "missing"), ("7.wav", "counts")]


def test_labels_that_the_vocabulary_lacks_are_used_and_said(example: Callable[[Build], Path]) -> None:
    root = example(FSD50K)
    (root / "FSD50K.ground_truth/vocabulary.csv").write_text("0,Bark,/m/05tny_\n1,Dog,/m/0bt9lr\n")
    dataset = open_dataset(root)
    assert len(dataset.labels) == 5
    assert dataset.missing == (
        "vocabulary.csv lacks 3 of the 5 labels of the tables, like Electric_guitar; they are used as the tables have "
        "them.",
    )


def test_copy_on_hugging_face_has_the_same_splits(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(FSD50K_ON_HUGGING_FACE))
    assert by_clip(dataset, "subset", "split") == {
        "1.wav": ("curated", "train"),
        "2.wav": ("curated", "validation"),
        "3.wav": ("test", "test"),
    }
    assert (dataset.problems, dataset.missing) == ((), ())


def test_column_of_labels_can_be_chosen(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(FSD50K), label_column="mids")
    assert dataset.labels == ("/m/02sgy", "/m/0342h", "/m/04rlf", "/m/05tny_", "/m/0bt9lr")
    assert dataset.readings[0].roles["labels"] == ("mids",)


def test_case_with_few_clips_has_the_labels_of_its_tables(shared: Path) -> None:
    dataset = open_dataset(shared / "cases/layouts/FSD50K")
    assert dataset.labels == ("Animal", "Bark", "Dog", "Electric_guitar", "Guitar", "Music")
    assert dataset.clips["split"].tolist() == ["train", "train", "validation", "train", "test", "test"]
