"""The release on Zenodo is recognised, with or without its sounds, and has the published figures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.data.tables import read_table, split_labels
from audiotag.errors import AudiotagError

from ..conftest import ZENODO_CLIPS, clip_names

FLAGGED = {"f76181c4", "77b925c2", "6a1f682a", "c7db12aa", "7752cc8a", "1d44b0bd"}  # by the notes that come with it


def test_release_is_recognised_by_its_folder_and_by_its_folder_of_tables(zenodo: Callable[..., Path]) -> None:
    root = zenodo(*ZENODO_CLIPS, "test/t1.wav", "test/t2.wav")
    for opened in (root, root / "FSDKaggle2019.meta"):
        dataset = open_dataset(opened)
        assert (dataset.name, dataset.root) == ("FSDKaggle2019", opened)
        assert dataset.layout == "FSDKaggle2019, as released on Zenodo"
        assert dataset.labels == ("Bark", "Meow")
        assert dataset.subsets == ("curated", "noisy", "test")
        assert clip_names(dataset) == ["c1.wav", "n1.wav", "n2.wav", "t1.wav", "t2.wav"]
        assert all(path.is_file() for path in dataset.clips["path"])
        assert dataset.clips["labels"].tolist()[0] == ("Bark", "Meow")
        assert dataset.clips["licence"].tolist() == ["CC0", "CC BY 2.0", "CC BY 2.0", "CC0", "CC0"]
        flickr = "http://www.flickr.com/videos/1/"
        assert dataset.clips["group"].tolist() == ["11", flickr, flickr, "13", "13"]
        assert dataset.clips["source"].tolist() == [
            "https://freesound.org/s/11/",
            *[flickr] * 2,
            *["https://freesound.org/s/13/"] * 2,
        ]
        assert (dataset.problems, dataset.missing) == ((), ())


def test_flagged_clips_are_left_out_with_a_reason_and_can_be_used(zenodo: Callable[..., Path]) -> None:
    root = zenodo(*ZENODO_CLIPS, "test/t1.wav", "test/t2.wav")
    without, restored = open_dataset(root), open_dataset(root, keep_flagged=True)
    assert without.subset("curated")["clip"].tolist() == ["c1.wav"]
    assert restored.subset("curated")["clip"].tolist() == ["c1.wav", "1d44b0bd.wav"]
    assert without.flagged == restored.flagged
    assert [(problem.clip, problem.kind) for problem in without.flagged] == [("1d44b0bd.wav", "flagged")]
    assert without.flagged[0].reason == "1d44b0bd.wav is marked as wrong by the dataset's authors: no signal."


def test_flagged_clip_that_was_deleted_is_a_problem_only_when_it_is_used(zenodo: Callable[..., Path]) -> None:
    root = zenodo("train_curated/c1.wav", *ZENODO_CLIPS[2:], "test/t1.wav", "test/t2.wav")
    assert open_dataset(root).problems == ()
    assert [problem.clip for problem in open_dataset(root, keep_flagged=True).problems] == ["1d44b0bd.wav"]


def test_flagged_clip_that_is_there_counts_as_being_in_the_table(zenodo: Callable[..., Path]) -> None:
    root = zenodo("train_curated/c1.wav", "train_curated/1d44b0bd.wav", "train_curated/x.wav")
    for keep in (False, True):
        (problem,) = open_dataset(root, keep_flagged=keep).problems
        assert problem.reason == (
            "FSDKaggle2019.audio_train_curated/ holds 3 sounds, train_curated_post_competition.csv names 2: "
            "x.wav is not in the table."
        )


def test_missing_tables_of_the_release_are_named(zenodo: Callable[..., Path]) -> None:
    root = zenodo(*ZENODO_CLIPS)
    (root / "FSDKaggle2019.meta/test_post_competition.csv").unlink()
    dataset = open_dataset(root)
    assert dataset.subsets == ("curated", "noisy")
    (sentence,) = dataset.missing
    assert sentence.startswith("test_post_competition.csv is not in ")
    for table in (root / "FSDKaggle2019.meta").glob("*"):
        table.unlink()
    with pytest.raises(AudiotagError, match=r"no usable clip\. train_curated_post_competition\.csv is not in"):
        open_dataset(root)


def test_sounds_of_the_release_without_its_tables_are_not_read_as_classes(folder: Callable[..., Path]) -> None:
    root = folder({}, "FSDKaggle2019.audio_train_curated/a.wav")
    with pytest.raises(AudiotagError, match=r"train_curated_post_competition\.csv is not in .*FSDKaggle2019\.meta"):
        open_dataset(root)


def test_misspelt_label_of_the_release_points_to_its_vocabulary(zenodo: Callable[..., Path]) -> None:
    root = zenodo(*ZENODO_CLIPS, "test/t1.wav")
    (root / "FSDKaggle2019.meta/test_post_competition.csv").write_text("fname,labels\nt1.wav,Xylophone\n")
    (problem,) = open_dataset(root).problems
    assert "is it spelt as in vocabulary.csv?" in problem.reason


def test_vocabulary_that_is_not_text_is_reported(zenodo: Callable[..., Path]) -> None:
    root = zenodo(*ZENODO_CLIPS)
    (root / "FSDKaggle2019.meta/vocabulary.csv").write_bytes(b"0,\xff\xfe\n")
    with pytest.raises(AudiotagError, match="not among this dataset's 1"):
        open_dataset(root)


def test_release_without_its_sounds_opens_with_its_published_figures(real_release: dict[bool, Dataset]) -> None:
    dataset = real_release[False]
    curated, noisy, test = (dataset.subset(name) for name in ("curated", "noisy", "test"))
    assert [len(part) for part in (curated, noisy, test)] == [4964, 19_815, 4481]
    assert [part["labels"].nunique() for part in (curated, noisy)] == [213, 1168]
    assert len(dataset.labels) == 80
    single = noisy["labels"][noisy["labels"].map(len) == 1].value_counts()
    assert (single.index[0], single.iloc[0]) == (("Waves_and_surf",), 291)
    assert noisy["labels"].value_counts().iloc[0] == 291
    means = [part["labels"].map(len).mean() for part in (curated, noisy, test)]
    assert np.round(means, 1).tolist() == [1.2, 1.2, 1.4]
    assert dataset.clips[["group", "licence", "source"]].notna().all(axis=None)
    assert dataset.clips["source"].str.match(r"https://freesound\.org/s/\d+/$|http://www\.flickr\.com/videos/").all()
    assert dataset.problems == ()
    assert len(dataset.missing) == 3
    assert all(isinstance(path, Path) for path in dataset.clips["path"])


def test_six_flagged_clips_are_named_and_can_be_used(real_release: dict[bool, Dataset]) -> None:
    for keep, clips in ((False, 4964), (True, 4970)):
        dataset = real_release[keep]
        assert len(dataset.subset("curated")) == clips
        assert {problem.clip.removesuffix(".wav") for problem in dataset.flagged} == FLAGGED
        assert all("is marked as wrong by the dataset's authors" in problem.reason for problem in dataset.flagged)
        assert set(dataset.clips["clip"].str.removesuffix(".wav")) & FLAGGED == (FLAGGED if keep else set())


def test_tables_have_the_counts_that_the_authors_give(shared: Path) -> None:
    meta = shared / "data/fsdkaggle2019/FSDKaggle2019.meta"
    tables: dict[str, pd.DataFrame] = {
        name: read_table(meta / f"{name}_post_competition.csv") for name in ("train_curated", "train_noisy", "test")
    }
    assert {name: len(table) for name, table in tables.items()} == {
        "train_curated": 4970,
        "train_noisy": 19_815,
        "test": 4481,
    }
    assert tables["test"]["usage"].value_counts().to_dict() == {"Private": 3361, "Public": 1120}
    labels = {name: table["labels"].map(split_labels) for name, table in tables.items()}
    for rows in labels.values():
        assert len(set(rows.explode())) == 80
        assert all(rows)
    curated = tables["train_curated"]
    kept = ~curated["fname"].str.removesuffix(".wav").isin(FLAGGED)
    assert int(kept.sum()) == 4964
    assert labels["train_curated"][kept].nunique() == 213
    assert labels["train_noisy"].nunique() == 1168
    assert np.mean([len(row) for row in labels["train_noisy"]]) == pytest.approx(1.21, abs=0.01)
