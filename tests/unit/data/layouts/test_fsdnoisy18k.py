"""FSDnoisy18k: clips that people verified are curated, the others noisy."""

import shutil
from collections.abc import Callable
from pathlib import Path

from audiotag.data.layouts import open_dataset

from .conftest import FSDNOISY18K, Build, by_clip


def test_clips_that_are_not_verified_are_noisy(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(FSDNOISY18K))
    assert dataset.labels == ("Fart", "Rain")
    assert by_clip(dataset, "subset", "labels", "split", "fold", "source") == {
        "163634.wav": ("curated", ("Rain",), "train", None, "https://freesound.org/s/163634/"),
        "64486.wav": ("noisy", ("Rain",), "train", None, "https://freesound.org/s/64486/"),
        "65573.wav": ("noisy", ("Fart",), "train", None, "https://freesound.org/s/65573/"),
        "27420.wav": ("test", ("Fart",), "test", None, "https://freesound.org/s/27420/"),
    }
    assert (dataset.name, dataset.own_folds, dataset.problems, dataset.missing) == ("FSDnoisy18k", (), (), ())
    train, test = dataset.readings
    assert train.ignored[0].startswith("manually_verified decides the subset")
    assert train.ignored[1] == "noisy_small, which marks a part of the noisy clips, is not used."
    assert test.ignored == ()


def test_missing_test_part_is_said(example: Callable[[Build], Path]) -> None:
    root = example(FSDNOISY18K)
    (root / "FSDnoisy18k.meta/test.csv").unlink()
    shutil.rmtree(root / "FSDnoisy18k.audio_test")
    dataset = open_dataset(root)
    assert dataset.subsets == ("curated", "noisy")
    assert dataset.missing == ("FSDnoisy18k.meta/test.csv is not there: the test clips are left out.",)


def test_clip_that_is_not_in_the_table_is_a_problem(example: Callable[[Build], Path]) -> None:
    root = example(FSDNOISY18K)
    (root / "FSDnoisy18k.audio_train/1.wav").touch()
    (problem,) = open_dataset(root / "FSDnoisy18k.meta").problems
    assert (problem.clip, problem.kind) == ("1.wav", "counts")
