"""FSDKaggle2018 as released on Zenodo and as distributed on Kaggle."""

from collections.abc import Callable
from pathlib import Path

from audiotag.data.layouts import open_dataset

from .conftest import FSDKAGGLE2018, FSDKAGGLE2018_ON_KAGGLE, Build, by_clip, files


def test_release_has_subsets_recordings_and_licences(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(FSDKAGGLE2018))
    assert dataset.labels == ("Hi-hat", "Oboe", "Saxophone")
    assert by_clip(dataset, "subset", "labels", "split", "group", "licence", "source") == {
        "00044347.wav": ("noisy", ("Hi-hat",), "train", "28739", "Attribution", "https://freesound.org/s/28739/"),
        "001ca53d.wav": (
            *("curated", ("Saxophone",), "train", "358827", "Creative Commons 0"),
            "https://freesound.org/s/358827/",
        ),
        "00326aa9.wav": ("test", ("Oboe",), "test", "355125", "Attribution", "https://freesound.org/s/355125/"),
    }
    assert (dataset.problems, dataset.missing) == ((), ())


def test_competition_has_no_labels_of_test_clips_and_says_so(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(FSDKAGGLE2018_ON_KAGGLE))
    assert by_clip(dataset, "subset", "labels") == {
        "00044347.wav": ("noisy", ("Hi-hat",)),
        "001ca53d.wav": ("curated", ("Saxophone",)),
    }
    (sentence,) = dataset.missing
    assert sentence.endswith("test_post_competition_scoring_clips.csv is not there: the test clips are left out.")


def test_padding_of_the_test_clips_is_left_out(example: Callable[[Build], Path]) -> None:
    root = example(FSDKAGGLE2018_ON_KAGGLE)
    (root / "test_post_competition.csv").write_text(
        "fname,label,usage,freesound_id,license\n00326aa9.wav,Oboe,Private,355125,Attribution\n"
        "0038a046.wav,None,Ignored,None,None\n"
    )
    dataset = open_dataset(root)
    assert dataset.subset("test")["labels"].tolist() == [("Oboe",)]
    assert dataset.readings[1].ignored == ("Rows of usage Ignored, which have no labels: 1.",)
    assert (dataset.problems, dataset.missing) == ((), ())


def test_folders_may_have_short_names(example: Callable[[Build], Path]) -> None:
    build = files(
        {
            "meta/train_post_competition.csv": "fname,label,manually_verified,freesound_id\na.wav,Oboe,1,1\n",
            "meta/test_post_competition_scoring_clips.csv": "fname,label,usage\nb.wav,Oboe,Public\n",
        },
        *("audio_train/a.wav", "audio_test/b.wav"),
    )
    dataset = open_dataset(example(build))
    assert (dataset.layout_key, dataset.subsets) == ("fsdkaggle2018", ("curated", "test"))
    assert (dataset.problems, dataset.missing) == ((), ())


def test_clip_that_is_not_there_is_a_problem(example: Callable[[Build], Path]) -> None:
    root = example(FSDKAGGLE2018)
    (root / "FSDKaggle2018.audio_train/00044347.wav").unlink()
    dataset = open_dataset(root)
    assert [(problem.clip, problem.kind) for problem in dataset.problems] == [("00044347.wav", "missing")]
    assert len(dataset.clips) == 2
