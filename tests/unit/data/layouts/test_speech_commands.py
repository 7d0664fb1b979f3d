"""Speech Commands: words by folder, splits by the lists, speakers by the names, and no class of background noise."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import open_dataset

from .conftest import SPEECH_COMMANDS, SPEECH_COMMANDS_CLIPS, SPEECH_COMMANDS_ON_KAGGLE, Build, by_clip, files

CLIPS = {
    "bed/00176480_nohash_0.wav": ("curated", ("bed",), "train", None, "00176480"),
    "bed/00176480_nohash_1.wav": ("curated", ("bed",), "train", None, "00176480"),
    "bed/004ae714_nohash_0.wav": ("curated", ("bed",), "validation", 1, "004ae714"),
    "yes/00176480_nohash_0.wav": ("curated", ("yes",), "train", None, "00176480"),
    "yes/0137b3f4_nohash_0.wav": ("test", ("yes",), "test", None, "0137b3f4"),
}


@pytest.mark.parametrize("build", [SPEECH_COMMANDS, SPEECH_COMMANDS_ON_KAGGLE], ids=["archive", "kaggle"])
def test_words_splits_and_speakers(example: Callable[[Build], Path], build: Build) -> None:
    dataset = open_dataset(example(build))
    assert dataset.labels == ("bed", "yes")
    assert by_clip(dataset, "subset", "labels", "split", "fold", "group") == CLIPS
    assert set(dataset.clips["licence"]) == {"CC BY 4.0"}
    noise = "_background_noise_ holds 1 noises to mix in, which are not clips of a word."
    assert dataset.readings[0].ignored[0] == noise
    assert (dataset.problems, dataset.missing) == ((), ())


@pytest.mark.parametrize("part", ["train", "train/audio"])
def test_part_of_the_competition_is_the_same(example: Callable[[Build], Path], part: str) -> None:
    dataset = open_dataset(example(SPEECH_COMMANDS_ON_KAGGLE) / part)
    assert by_clip(dataset, "subset", "labels", "split", "fold", "group") == CLIPS


def test_missing_lists_are_said(example: Callable[[Build], Path]) -> None:
    root = example(SPEECH_COMMANDS)
    (root / "validation_list.txt").unlink()
    dataset = open_dataset(root)
    assert dataset.missing == ("validation_list.txt is not there: which clips are for validation is not known.",)
    assert by_clip(dataset, "split")["bed/004ae714_nohash_0.wav"] == ("train",)
    assert len(dataset.subset("test")) == 1


def test_names_suffice_without_any_list(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(files({}, *SPEECH_COMMANDS_CLIPS)))
    assert (dataset.layout_key, dataset.labels) == ("speech-commands", ("bed", "yes"))
    assert len(dataset.missing) == 2


def test_listed_clip_that_is_not_there_is_a_problem(example: Callable[[Build], Path]) -> None:
    root = example(SPEECH_COMMANDS)
    (root / "testing_list.txt").write_text("yes/0137b3f4_nohash_0.wav\r\n./no/0137b3f4_nohash_0.wav\r\n")
    dataset = open_dataset(root)
    assert [(problem.clip, problem.kind) for problem in dataset.problems] == [("no/0137b3f4_nohash_0.wav", "missing")]
    assert len(dataset.subset("test")) == 1
