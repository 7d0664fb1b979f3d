"""A written export, opened again, has exactly the corrected labels, and the dataset itself is not touched."""

import csv
import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiotag.data.corrections import Correction
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.review.export.exporting import export_labels
from audiotag.workspace import Workspace

from ...data.layouts.conftest import EXAMPLES as TABLES
from ...data.layouts.examples_folders import EXAMPLES as FOLDERS
from .exports import correct, expected, export_of, labels_of, random_corrections, reopen, rewritten

# Layouts whose tables are written in their own format; the labels of the others are in names of files and folders, in
# label tracks, or in several rows per clip.
OWN_FORMAT = {
    "fsdkaggle2019-kaggle", "fsdkaggle2019-zenodo", "fsd50k", "fsdnoisy18k", "fsdkaggle2018", "dcase-scenes",
    "kitchen20", "esc50", "birdclef", "split-tables", "table", "urbansound8k",
}  # fmt: skip


TABLE_CASES = [(key, build) for key, builds in TABLES.items() for build in builds]


@pytest.mark.parametrize(("key", "build"), TABLE_CASES, ids=[f"{key}-{at}" for at, (key, _) in enumerate(TABLE_CASES)])
@pytest.mark.parametrize(("seed", "most"), [(0, 1), (1, 3)])
def test_every_layout_with_tables(
    key: str, build: Callable, seed: int, most: int, tmp_path: Path, contents: Callable
) -> None:
    (tmp_path / "release").mkdir()
    root = build(tmp_path / "release")
    before = contents(tmp_path / "release")
    dataset = open_dataset(root)
    if not dataset.labels:
        with pytest.raises(AudiotagError, match="has no labels to export; review some clips first"):
            export_of(root, [])
        return
    corrections = random_corrections(dataset, random.Random(seed), most)
    export = export_of(root, corrections)
    assert contents(tmp_path / "release") == before
    again = labels_of(reopen(export, root, tmp_path))
    if export.is_own_format:
        assert again == expected(dataset, corrections)
    else:
        assert sorted(map(sorted, again.values())) == sorted(map(sorted, expected(dataset, corrections).values()))
        assert len(export.notes) == 1, export.notes
    if corrections and most == 1:
        assert export.is_own_format == bool(dataset.table_rows), export.notes
        assert key in OWN_FORMAT or not dataset.table_rows


@pytest.mark.parametrize("name", FOLDERS)
def test_every_layout_without_tables(name: str, tmp_path: Path, contents: Callable) -> None:
    (tmp_path / "release").mkdir()
    root = FOLDERS[name].build(tmp_path / "release")
    before = contents(tmp_path / "release")
    dataset = open_dataset(root)
    if not dataset.labels:
        return
    corrections = random_corrections(dataset, random.Random(0), 2)
    export = export_of(root, corrections)
    assert contents(tmp_path / "release") == before
    wanted = expected(dataset, corrections)
    if export.is_own_format:
        assert {key: own for key, own in labels_of(reopen(export, root, tmp_path)).items() if own} == wanted
    else:
        assert len(export.notes) == 1, export.notes
        if all(path.is_relative_to(tmp_path / "release") for path in dataset.clips["path"]):
            again = labels_of(reopen(export, root, tmp_path)).values()
        else:
            assert "The sounds are not files in the dataset's folder" in export.notes[0]
            rows = list(csv.DictReader(io.StringIO(export.files["corrected-labels.csv"].decode())))
            again = [row["labels"].split(",") for row in rows]
        assert sorted(map(sorted, again)) == sorted(map(sorted, wanted.values()))


def test_hostile_names_and_labels_come_back(dataset_at: Callable, tmp_path: Path) -> None:
    root = dataset_at("fname,label\n", sounds="")
    names = ["=1+1.wav", "a b\u202e.wav", "<b>x.wav", "[l](http:x).wav"]
    for name in names:
        (root / name).touch()
    with (root / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("fname", "label"), *((name, "Dog") for name in names)])
    after = ["@SUM(1)", "</script>", "a;b, c|d", "*x* `y`"]
    corrections = [Correction("curated", name, ("Dog",), (label,)) for name, label in zip(names, after, strict=True)]
    export = export_of(root, corrections)
    wanted = {("curated", name): frozenset([label]) for name, label in zip(names, after, strict=True)}
    assert labels_of(reopen(export, root, tmp_path)) == wanted
    for_spreadsheet = export_labels(open_dataset(root), [], Workspace(), for_spreadsheet=True)
    assert for_spreadsheet.is_own_format


def test_plain_tables_for_spreadsheets_are_disarmed(tmp_path: Path) -> None:
    for name in ("=Dog/a.wav", "Cat/b.wav"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        (tmp_path / "set" / name).touch()
    dataset = open_dataset(tmp_path / "set")
    assert b"\n=Dog/a.wav,=Dog" in export_labels(dataset, [], Workspace()).files["corrected-labels.csv"]
    disarmed = export_labels(dataset, [], Workspace(), for_spreadsheet=True).files["corrected-labels.csv"]
    assert b"\n'=Dog/a.wav,'=Dog" in disarmed


def test_several_tables_are_one_zip_or_a_folder_of_files(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    root = TABLES["fsdkaggle2019-kaggle"][0](tmp_path / "release")
    export = export_of(root, correct(open_dataset(root), c1="Bark"))
    assert export.file_name == "release-corrected.zip"
    wanted = {
        "train_curated.csv": b"fname,labels\nc1.wav,Bark\n",
        "train_noisy.csv": b"fname,labels\nn1.wav,Meow\n",
    }
    assert export.files == {"train_curated.csv": b'fname,labels\nc1.wav,"Bark"\n'} | {
        "train_noisy.csv": wanted["train_noisy.csv"]
    }
    with zipfile.ZipFile(io.BytesIO(export.to_bytes())) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == export.files
    written = export.write(tmp_path / "out")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in written) == [
        "out/train_curated.csv",
        "out/train_noisy.csv",
    ]
    (zipped,) = export.write(tmp_path / "out.zip")
    assert zipfile.is_zipfile(zipped)


def test_files_of_the_dataset_are_never_written(dataset_at: Callable, contents: Callable, tmp_path: Path) -> None:
    root = dataset_at("fname,label\na.wav,Dog\nb.wav,Cat\n")
    before = contents(root)
    export = export_of(root, correct(open_dataset(root), a="Cat"))
    (tmp_path / "link.csv").symlink_to(root / "t.csv")
    for out in (root / "t.csv", root / "a.wav", root, tmp_path / "link.csv", root / ".." / "set" / "t.csv"):
        with pytest.raises(
            AudiotagError, match="is a file of the dataset, which is never changed; choose another name"
        ):
            export.write(out)
    assert contents(root) == before
    assert export.write(tmp_path / "new.csv") == [tmp_path / "new.csv"]
    assert export.file_name == "corrected-t.csv"
    assert (tmp_path / "new.csv").read_text() == "fname,label\na.wav,Cat\nb.wav,Cat\n"


def test_options_by_which_a_dataset_is_read_count(dataset_at: Callable) -> None:
    root = dataset_at("fname,label,other\na.wav,x,Dog\nb.wav,y,Cat\n")
    options = {"label_column": "other"}
    assert rewritten(root, "t.csv", options, a="Cat").decode() == "fname,label,other\na.wav,x,Cat\nb.wav,y,Cat\n"


def test_the_table_given_by_its_path_and_a_table_in_meta(tmp_path: Path) -> None:
    for name in ("meta/t.csv", "audio/a.wav", "audio/b.wav"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).touch()
    (tmp_path / "set/meta/t.csv").write_text("fname,label\na.wav,Dog\nb.wav,Cat\n")
    for root in (tmp_path / "set/meta/t.csv", tmp_path / "set"):
        found = rewritten(root, "meta/t.csv", a="Cat")
        assert found == b"fname,label\na.wav,Cat\nb.wav,Cat\n"


def test_without_links_the_check_works_on_empty_files(dataset_at: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **named: Any) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    root = dataset_at("fname,label\nin/d.wav,Dog\nb.wav,Cat\n")
    (root / "in").mkdir()
    (root / "in" / "d.wav").write_bytes(b"RIFF")
    assert rewritten(root, d="Cat") == b"fname,label\nin/d.wav,Cat\nb.wav,Cat\n"


def test_folder_that_was_labelled_from_nothing_gets_its_first_table(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    for name in ("a.wav", "b.wav", "c.wav", "d.wav"):
        (root / name).touch()
    given = {"a.wav": ("Owl", "Rain, heavy"), "b.wav": ("Owl",), "d.wav": ()}
    corrections = [Correction("curated", clip, (), labels) for clip, labels in given.items()]
    export = export_labels(open_dataset(root), corrections, Workspace())
    assert list(export.files) == ["labels.csv"]
    assert export.is_first
    assert not export.is_own_format
    assert export.notes[0].startswith("The table has the labels of 2 clips of 4. To use it, put it into ")
    assert export.notes[1:] == ("No label fits 1 clip, which a table cannot say; the verdicts in the workspace do.",)
    export.write(root / "labels.csv")
    again = open_dataset(root)
    assert labels_of(again) == {("curated", clip): frozenset(own) for clip, own in given.items() if own}
    assert labels_of(open_dataset(root, keep_unlabelled=True))["curated", "c.wav"] == frozenset()
