"""Folders label the clips in them at any depth; what cannot be interpreted is named, not guessed at."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.audio.opening import SUFFIXES
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError

from ..conftest import clip_names


def test_each_folder_is_a_label_and_a_part_of_the_clip_names(folder: Callable[..., Path]) -> None:
    root = folder({}, "Dog bark/a.wav", "Dog bark/b.FLAC", "Rain/a.wav", "Rain/notes.txt", "Rain/._a.wav")
    dataset = open_dataset(root)
    assert (dataset.name, dataset.layout) == ("sounds", "one folder per class")
    assert dataset.labels == ("Dog bark", "Rain")
    assert clip_names(dataset) == ["Dog bark/a.wav", "Dog bark/b.FLAC", "Rain/a.wav"]
    assert dataset.clips["labels"].tolist() == [("Dog bark",), ("Dog bark",), ("Rain",)]
    assert dataset.clips["path"].tolist() == [root / name for name in clip_names(dataset)]
    assert dataset.clips[["fold", "group", "licence", "source"]].isna().all(axis=None)
    assert (dataset.subsets, dataset.own_folds) == (("curated",), ())
    assert (dataset.problems, dataset.missing) == ((), ())


def test_majority_of_sounds_decides_between_classes_and_a_bare_folder(
    folder: Callable[..., Path],
) -> None:
    root = folder({}, "Dog/a.wav", "Dog/b.wav", "stray.wav")
    dataset = open_dataset(root)
    assert clip_names(dataset) == ["Dog/a.wav", "Dog/b.wav"]
    assert [problem.reason for problem in dataset.problems] == [
        "stray.wav is not in the folder of a class; it is left out."
    ]
    dataset = open_dataset(folder({}, "c.wav", "d.wav"))
    assert clip_names(dataset) == ["Dog/a.wav", "Dog/b.wav", "c.wav", "d.wav", "stray.wav"]
    assert dataset.labels == ()
    assert dataset.problems == ()
    assert "Dog/a.wav, are not used as labels" in dataset.readings[0].ignored[0]


def test_option_says_what_each_level_of_folders_means(folder: Callable[..., Path]) -> None:
    root = folder({"list.csv": "file,label\n1.wav,x\n"}, "A/dog/x/1.wav", "B/dog/y/1.wav", "B/cat/2.wav", "3.wav")
    by_group = open_dataset(root, folders="group/label")
    assert by_group.clips[["clip", "group"]].to_numpy().tolist() == [
        ["A/dog/x/1.wav", "A"],
        ["B/cat/2.wav", "B"],
        ["B/dog/y/1.wav", "B"],
    ]
    assert by_group.labels == ("cat", "dog")
    assert [problem.clip for problem in by_group.problems] == ["3.wav"]
    assert by_group.readings[0].roles == {"labels": ("folder 2",), "group": ("folder 1",)}
    assert open_dataset(root, folders="label").labels == ("A", "B")
    assert open_dataset(root, folders="label/-/label").labels == ("A/x", "B", "B/y")
    by_fold = open_dataset(root, folders="fold/label")
    assert by_fold.own_folds == (1, 2)
    by_split = open_dataset(root, folders="split/label")
    assert by_split.clips["split"].isna().all()
    assert "A is not the name of a split" in by_split.readings[0].ignored[0]
    without = open_dataset(root, folders="group")
    assert (without.labels, len(without.clips)) == ((), 4)


def test_option_overrules_what_names_say(folder: Callable[..., Path]) -> None:
    root = folder({}, "Actor_01/a.wav", "Actor_02/a.wav", "train/a.wav")
    assert open_dataset(root, folders="label").labels == ("Actor_01", "Actor_02", "train")
    splits = open_dataset(folder({}, "test/dog/a.wav", "train/dog/a.wav"), folders="split/labels")
    assert splits.clips.loc[splits.clips["clip"] == "test/dog/a.wav", "subset"].item() == "test"


@pytest.mark.parametrize("folders", ["split/lable", "split//label", "labels,split"])
def test_option_with_another_word_is_refused_with_the_words_that_there_are(
    folder: Callable[..., Path], folders: str
) -> None:
    root = folder({}, "dog/a.wav")
    with pytest.raises(AudiotagError, match="folders must be label, split, fold, group, - with slashes between them"):
        open_dataset(root, layout="folder-per-class", folders=folders)


def test_folder_that_cannot_be_read_is_named_and_the_rest_is_used(
    folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folder({}, "dog/a.wav", "cat/a.wav", "secret/a.wav")
    listed = os.scandir

    def refuse(path: object) -> object:
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refuse)
    dataset = open_dataset(root)
    assert dataset.labels == ("cat", "dog")
    assert [(problem.clip, problem.kind) for problem in dataset.problems] == [("secret", "missing")]
    assert dataset.problems[0].reason == ("secret cannot be listed: Permission denied; the sounds in it are left out.")
    with pytest.raises(AudiotagError, match=r"secret.* cannot be (listed|read): Permission denied"):
        open_dataset(root / "secret")


def test_links_in_a_circle_end_and_links_to_folders_are_followed(folder: Callable[..., Path], tmp_path: Path) -> None:
    root = folder({}, "dog/a.wav")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/b.wav").touch()
    (root / "cat").symlink_to(tmp_path / "elsewhere")
    (root / "dog/again").symlink_to(root)
    (root / "dog/itself").symlink_to(root / "dog/itself")
    (root / "dog/gone").symlink_to(root / "nothing")
    dataset = open_dataset(root)
    assert clip_names(dataset) == ["cat/b.wav", "dog/a.wav"]
    assert dataset.labels == ("cat", "dog")


def test_levels_are_shown_with_examples_and_what_was_left_out(folder: Callable[..., Path]) -> None:
    reading = open_dataset(folder({}, "train/dog/a.wav", "test/cat/a.wav", ".git/a.wav")).readings[0]
    assert reading.source == "folders"
    assert reading.columns == ("folder 1", "folder 2")
    assert reading.roles == {"labels": ("folder 2",), "split": ("folder 1",)}
    assert reading.examples == {"folder 1": ("test", "train"), "folder 2": ("cat", "dog")}
    assert reading.ignored == ("Hidden and system folders are not read: .git.",)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_of_a_sound_counts(folder: Callable[..., Path], suffix: str) -> None:
    assert clip_names(open_dataset(folder({}, f"dog/a{suffix}", f"cat/A{suffix.upper()}"))) == [
        f"cat/A{suffix.upper()}",
        f"dog/a{suffix}",
    ]


@pytest.mark.parametrize(
    ("case", "labels", "splits", "clips"),
    [
        ("hf_split_class", ("cat", "dog"), {"train", "test"}, 4),
        ("hidden_folders", ("cat", "dog"), set(), 4),
        pytest.param(
            *("aiff_library", ("cat", "dog"), set(), 4),
            marks=pytest.mark.skipif(".caf" not in SUFFIXES, reason="such files are not found yet"),
        ),
    ],
)
def test_inputs_that_were_read_wrongly(
    shared: Path, case: str, labels: tuple[str, ...], splits: set[str], clips: int
) -> None:
    dataset = open_dataset(shared / "cases/layouts" / case)
    assert dataset.labels == labels
    assert set(dataset.clips["split"].dropna()) == splits
    assert len(dataset.clips) == clips
    assert dataset.problems == ()


def test_a_table_that_names_the_sounds_wins_over_class_folders(folder: Callable[..., Path]) -> None:
    root = folder(
        {"features.csv": "name,mfcc\nx,1\ny,2\n", "labels.csv": "file,label\ndog/a.wav,bark\ncat/a.wav,meow\n"},
        *("dog/a.wav", "cat/a.wav"),
    )
    dataset = open_dataset(root)
    assert (dataset.layout_key, dataset.labels) == ("table", ("bark", "meow"))


def test_class_folders_win_over_tables_that_number_their_rows(folder: Callable[..., Path]) -> None:
    root = folder({"features.csv": ",a,b\n0,3,4\n1,3,4\n"}, "dog/0.wav", "cat/1.wav")
    assert open_dataset(root).layout_key == "folder-per-class"
