"""The stamp of a dataset changes with its tables and with the files in its folders, and only then."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.stamp import dataset_stamp

TABLE = "fname,label\na.wav,Rain\n"
LONG_AGO_NS = 10**18  # so that every change gives a later time, however coarse the clock of the file system is


def make_old(root: Path) -> None:
    for path in (root, *root.rglob("*")):
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))


@pytest.fixture
def dataset(folder: Callable[..., Path]) -> Path:
    """A folder that has parts of all layouts."""
    files = {
        name: TABLE
        for name in ("t.csv", "meta/esc50.csv", "FSDKaggle2019.meta/vocabulary.csv", "train_curated.csv", "b.PARQUET")
    }
    root = folder(files, "a.wav", "audio/a.wav", "Dog/a.wav", "train_curated/a.wav", "FSDKaggle2019.audio_test/a.wav")
    make_old(root)
    return root


def add(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()


def edit(path: Path) -> None:
    path.write_text(TABLE + "b.wav,Rain\n")


ADDED = ("b.wav", "audio/b.wav", "Dog/b.wav", "Cat/b.wav", "u.csv", "meta/u.csv", "FSDKaggle2019.audio_test/b.wav")
REMOVED = ("a.wav", "Dog/a.wav", "t.csv", "meta/esc50.csv", "FSDKaggle2019.meta/vocabulary.csv")
EDITED = ("t.csv", "b.PARQUET", "train_curated.csv", "meta/esc50.csv", "FSDKaggle2019.meta/vocabulary.csv")


@pytest.mark.parametrize(
    ("change", "name"),
    [*((add, name) for name in ADDED), *((Path.unlink, name) for name in REMOVED), *((edit, name) for name in EDITED)],
)
@pytest.mark.parametrize("opened", ["", "t.csv", "meta/esc50.csv", "FSDKaggle2019.meta"])
def test_stamp_changes_with_every_file_that_is_added_removed_or_edited(
    dataset: Path, opened: str, change: Callable[[Path], None], name: str
) -> None:
    before = dataset_stamp(dataset / opened)
    assert before
    assert dataset_stamp(dataset / opened) == before
    change(dataset / name)
    assert dataset_stamp(dataset / opened) != before


def test_stamp_does_not_change_with_other_files_and_can_be_written_as_json(dataset: Path) -> None:
    (dataset / "notes.pdf").touch()
    make_old(dataset)
    before = dataset_stamp(dataset)
    (dataset / "notes.pdf").write_text("changed")
    (dataset.parent / "beside.csv").touch()
    assert dataset_stamp(dataset) == before
    assert json.loads(json.dumps(before)) == [list(pair) for pair in before]
    assert list(before) == sorted(before)


def test_stamp_changes_with_deeper_folders_and_their_tables(folder: Callable[..., Path]) -> None:
    tables = {name: TABLE for name in ("train/metadata.csv", "metadata/train/weak.tsv", "project.json")}
    root = folder(tables, "train/dog/a.wav", "test/dog/session1/a.wav", "metadata/train/a.txt")
    make_old(root)
    for name in ("train/dog/b.wav", "train/cat/a.wav", "test/dog/session1/b.wav"):
        before = dataset_stamp(root)
        add(root / name)
        assert dataset_stamp(root) != before, name
    for name in tables:
        before = dataset_stamp(root)
        edit(root / name)
        assert dataset_stamp(root) != before, name


def test_links_in_a_circle_end(folder: Callable[..., Path]) -> None:
    root = folder({}, "dog/a.wav")
    (root / "dog/again").symlink_to(root)
    (root / "dog/itself").symlink_to(root / "dog/itself")
    assert len(dataset_stamp(root)) < 10


def test_a_folder_is_listed_once_until_it_changes(folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder({"t.csv": TABLE}, "dog/a.wav")
    make_old(root)
    before = dataset_stamp(root)
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    assert dataset_stamp(root) == before
    assert listed == []
    add(root / "dog/b.wav")
    for _ in range(2):  # what has just changed may change again in the same tick of the clock
        dataset_stamp(root)
    assert listed == 2 * [str(root / "dog")]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_whose_target_comes_later_is_followed_then(folder: Callable[..., Path], tmp_path: Path) -> None:
    root = folder({}, "a.wav")
    (root / "disk").symlink_to(tmp_path / "later")
    os.utime(root, ns=(LONG_AGO_NS, LONG_AGO_NS))
    before = dataset_stamp(root)
    (tmp_path / "later").mkdir()
    assert dataset_stamp(root) != before


def test_dataset_that_is_not_there_has_an_empty_stamp(tmp_path: Path) -> None:
    assert dataset_stamp(tmp_path / "gone") == ()


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_link_to_nowhere_does_no_harm(dataset: Path) -> None:
    (dataset / "u.csv").symlink_to(dataset / "nowhere")
    assert dataset_stamp(dataset)
