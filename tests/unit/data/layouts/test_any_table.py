"""Columns of any table find their roles by their names or their cells, and whatever is not used is said."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import OpenOptions, open_dataset
from audiotag.errors import AudiotagError

SIX = tuple(f"{number}.wav" for number in range(6))
Opened = Callable[..., Dataset]


@pytest.fixture
def opened(folder: Callable[..., Path]) -> Opened:
    """``opened(header, cells, *sounds, **options)``: a table of six clips; ``cells`` come after the file names."""

    def make(header: str, cells: list[str], *sounds: str, **options: Any) -> Dataset:
        rows = "".join(f"{name},{cell}\n" for name, cell in zip(SIX, cells, strict=True))
        return open_dataset(folder({"t.csv": f"{header}\n{rows}"}, *(sounds or SIX)), OpenOptions(**options))

    return make


def values(dataset: Dataset, column: str) -> list[Any]:
    return [
        None if value is None or value != value else value
        for value in dataset.clips[column].astype(object).where(dataset.clips[column].notna(), None)
    ]


def cells(*texts: str) -> list[str]:
    """Six cells: the texts in turn."""
    return [texts[at % len(texts)] for at in range(6)]


def notes(dataset: Dataset) -> str:
    return " ".join(dataset.readings[0].ignored)


@pytest.mark.parametrize(
    "header",
    [
        "fname,label", "File Name,LABELS", "audio_path,species", "slice_file_name,class", "itemid,primary_label",
        "Id,Category", "recording,event_label", "WAV,Tag", "clip,target_name", "filepath,class_name", "sound,label",
    ],
)  # fmt: skip
def test_names_of_columns_are_known_in_any_spelling(opened: Opened, header: str) -> None:
    dataset = opened(header, cells("dog", "cat"))
    assert dataset.labels == ("cat", "dog")
    file, label = header.split(",")
    assert dataset.readings[0].roles == {"file": (file,), "labels": (label,)}
    assert dataset.readings[0].ignored == ()


def test_cells_decide_where_names_say_nothing(opened: Opened) -> None:
    dataset = opened("what,day,kind", [f"{at},{kind}" for at, kind in enumerate(cells("dog", "cat"))])
    assert dataset.readings[0].roles == {"file": ("what",), "labels": ("kind",)}
    assert "No column is named as labels are; kind has the fewest different texts" in notes(dataset)
    assert "Columns that are not used: day." in notes(dataset)


def test_file_column_is_the_one_whose_sounds_are_there(folder: Callable[..., Path]) -> None:
    table = "path,audio,label\nx/1.npy,a.wav,dog\nx/2.npy,b.wav,cat\n"
    dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav"))
    assert dataset.readings[0].roles["file"] == ("audio",)


def test_row_numbers_are_not_read_but_an_index_of_names_is(folder: Callable[..., Path]) -> None:
    for table in (",fname,label\n0,a.wav,dog\n1,b.wav,cat\n", "Unnamed: 0,fname,label\n0,a.wav,dog\n1,b.wav,cat\n"):
        dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav"))
        assert (dataset.labels, dataset.readings[0].ignored) == (("cat", "dog"), ())
    dataset = open_dataset(folder({"t.csv": ",label\na.wav,dog\nb.wav,cat\n"}, "a.wav", "b.wav"))
    assert dataset.clips["clip"].tolist() == ["a.wav", "b.wav"]


def test_first_row_that_is_a_clip_is_not_taken_for_a_header(folder: Callable[..., Path]) -> None:
    for table in ("a.wav,dog\nb.wav,cat\n", "a,dog\nb,cat\n", "dog,a.wav\ncat,b.wav\n"):
        dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav"))
        assert dataset.clips["labels"].tolist() == [("dog",), ("cat",)]
        assert "no header" in notes(dataset)


@pytest.mark.parametrize("names", ["target,category", "classID,class", "label,description"])
def test_words_are_preferred_to_their_numbers(opened: Opened, names: str) -> None:
    dataset = opened(f"file,{names}", cells("0,dog", "1,cat"))
    assert dataset.labels == ("cat", "dog")
    assert "has numbers" in notes(dataset)


def test_numbers_are_labels_where_there_are_no_words(opened: Opened) -> None:
    assert opened("file,target", cells("0", "1")).labels == ("0", "1")


@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("1.0", "0.0"), ("True", "False")])
def test_columns_of_0_and_1_are_labels(opened: Opened, yes: str, no: str) -> None:
    dataset = opened("file,split,dog,cat,rain,length", cells(f"train,{yes},{no},{yes},3.5", f"test,{no},{yes},{no},2"))
    assert values(dataset, "labels")[:2] == [("dog", "rain"), ("cat",)]
    assert values(dataset, "split")[:2] == ["train", "test"]
    assert dataset.readings[0].label_format == "columns of 0 and 1"
    assert dataset.readings[0].roles["labels"] == ("dog", "cat", "rain")


def test_columns_of_probabilities_are_labels_from_a_half(opened: Opened) -> None:
    dataset = opened("file,dog,cat,rain", cells("0.9,0.5,0.1", "0.1,0.2,0.7"))
    assert values(dataset, "labels")[:2] == [("dog", "cat"), ("rain",)]
    assert "at least 0.5" in dataset.readings[0].label_format


def test_columns_of_0_and_1_can_be_chosen_beside_a_label_column(opened: Opened) -> None:
    header, rows = "file,label,dog,cat", cells("x,1,0", "y,0,1")
    assert opened(header, rows).labels == ("x", "y")
    assert opened(header, rows, label_column="-").labels == ("cat", "dog")
    assert opened(header, rows, label_column="dog, cat").labels == ("cat", "dog")
    with pytest.raises(AudiotagError, match="several label columns must hold 0 and 1, the column label does not"):
        opened(header, rows, label_column="dog,label")


@pytest.mark.parametrize(
    ("header", "texts", "splits"),
    [
        ("split", ("train", "val", "test"), ("train", "validation", "test")),
        ("Set", ("Training", "Validation", "Testing"), ("train", "validation", "test")),
        ("subset", ("dev", "eval", "dev"), ("train", "test", "train")),
        ("partition", ("train", "dev", "test"), ("train", "validation", "test")),
        ("split", ("train", "eval", "holdout"), ("train", "validation", "test")),
        ("data_split", ("train_set", "valid set", "test-set"), ("train", "validation", "test")),
        ("usage", ("train", "Public", "Private"), ("train", "test", "test")),
        ("is_valid", ("0", "1", "0"), ("train", "validation", "train")),
        ("is_test", ("True", "False", "False"), ("test", "train", "train")),
        ("fold", ("train", "val", "test"), ("train", "validation", "test")),
    ],
)
def test_splits_are_read_in_every_spelling(
    opened: Opened, header: str, texts: tuple[str, ...], splits: tuple[str, ...]
) -> None:
    dataset = opened(f"file,label,{header}", [f"dog,{cell}" for cell in cells(*texts)])
    assert values(dataset, "split") == [*splits, *splits]
    assert values(dataset, "subset") == ["test" if split == "test" else "curated" for split in (*splits, *splits)]
    assert values(dataset, "fold") == [1 if split == "validation" else None for split in (*splits, *splits)]
    assert dataset.readings[0].roles["split"] == (header,)


@pytest.mark.parametrize(
    ("header", "texts", "note"),
    [
        ("fold", ("1", "2", "3"), ""),
        ("Fold", ("fold1", "fold2", "fold3"), ""),
        ("kfold", ("Fold 1", "Fold 2", "Fold 3"), ""),
        ("cv_fold", ("1", "2", "3"), ""),
        ("fold", ("fold_01", "fold_02", "fold_03"), ""),
        ("Fold 1", ("1.0", "2.0", "3.0"), ""),
        ("FOLD", ("A", "B", "C"), "in alphabetical order"),
        ("split", ("1", "2", "3"), ""),
    ],
)
def test_folds_are_read_in_every_spelling(opened: Opened, header: str, texts: tuple[str, ...], note: str) -> None:
    dataset = opened(f"file,label,{header}", [f"dog,{cell}" for cell in cells(*texts)])
    assert values(dataset, "fold") == [1, 2, 3, 1, 2, 3]
    assert dataset.own_folds == (1, 2, 3)
    assert (note in notes(dataset)) if note else (notes(dataset) == "")


def test_folds_keep_the_numbers_of_the_table(opened: Opened) -> None:
    dataset = opened("file,label,fold", [f"dog,{cell}" for cell in cells("fold0", "fold1", "fold2")])
    assert values(dataset, "fold") == [0, 1, 2, 0, 1, 2]
    assert dataset.own_folds == (0, 1, 2)


def test_folds_beside_a_test_are_both_read(opened: Opened) -> None:
    dataset = opened("file,label,fold", [f"dog,{cell}" for cell in cells("1", "2", "test")])
    assert values(dataset, "fold") == [1, 2, None, 1, 2, None]
    assert values(dataset, "subset") == ["curated", "curated", "test"] * 2
    assert dataset.own_folds == (1, 2)


@pytest.mark.parametrize(
    ("header", "texts", "sentence"),
    [
        ("fold", ("mon", "tue"), 'The column fold is not used: its cells, like "mon", "tue", are neither folds nor'),
        ("split", ("x1y", "z"), "The column split is not used"),
        ("fold", ("1",), "The column fold is not used: it has the same fold in every row."),
        ("fold", ("1", "2", "x"), "2 rows have no fold in the column fold: folds are drawn anew."),
        ("split", ("train", "test", "unused"), 'split: "unused" is neither a fold nor train, validation or test'),
        ("session", ("s",), "The column session is not used for groups: it has the same cell in every row."),
        ("colour", ("red", "blue"), "Columns that are not used: colour."),
    ],
)
def test_whatever_is_not_used_is_said(opened: Opened, header: str, texts: tuple[str, ...], sentence: str) -> None:
    dataset = opened(f"file,label,{header}", [f"dog,{cell}" for cell in cells(*texts)])
    assert sentence in notes(dataset)
    assert dataset.own_folds == ()


def test_columns_can_be_named_or_left_out(opened: Opened) -> None:
    header, rows = "file,label,fold,day,split,speaker", cells("dog,1,mon,train,s", "cat,2,tue,train,t")
    assert opened(header, rows).own_folds == (1, 2)
    dataset = opened(header, rows, fold_column="-", split_column="-", group_column="-")
    assert [*values(dataset, "fold"), *values(dataset, "split"), *values(dataset, "group")] == [None] * 18
    dataset = opened(header, rows, fold_column="Day", group_column="fold")
    assert (values(dataset, "fold")[:2], values(dataset, "group")[:2]) == ([1, 2], ["1", "2"])
    with pytest.raises(
        AudiotagError, match='the splits in the column day must be train, validation and test, got "mon"'
    ):
        opened(header, rows, split_column="day")
    for option in ("split_column", "fold_column", "group_column"):
        with pytest.raises(AudiotagError, match=r"t\.csv needs a column named gone, it has file, label, fold"):
            opened(header, rows, **{option: "gone"})


@pytest.mark.parametrize("header", ["source_id", "freesound_id", "fsID", "usr_id", "Speaker", "recordist", "session"])
def test_groups_are_found_by_the_names_of_their_column(opened: Opened, header: str) -> None:
    dataset = opened(f"file,label,{header}", [f"dog,{cell}" for cell in ("1", "1", "2", "2", "3", "")])
    assert values(dataset, "group") == ["1", "1", "2", "2", "3", None]


def test_column_of_labels_is_no_group_too(opened: Opened) -> None:
    for header, options in (("file,speaker", {}), ("file,speaker,label", {"label_column": "speaker"})):
        rows = cells("ann,x", "bob,y") if options else cells("ann", "bob")
        dataset = opened(header, rows, **options)
        assert (dataset.labels, values(dataset, "group")) == (("ann", "bob"), [None] * 6)


def test_events_of_a_clip_are_its_labels(folder: Callable[..., Path]) -> None:
    table = "filename,onset,offset,event_label\na.wav,0,1,dog\na.wav,1,2,cat\na.wav,2,3,dog\nb.wav,,,\nc.wav,0,1,cat\n"
    dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav", "c.wav"))
    assert dataset.clips["labels"].tolist() == [("dog", "cat"), ("cat",)]
    assert [problem.reason for problem in dataset.problems] == ["b.wav has no label in t.csv, line 5; it is left out."]
    assert "a clip has the labels of all its events" in notes(dataset)


def test_rows_of_a_clip_with_other_labels_are_said(folder: Callable[..., Path]) -> None:
    for rows, is_said in (("a.wav,dog\na.wav,cat\n", True), ("a.wav,dog\na.wav,dog\n", False)):
        dataset = open_dataset(folder({"t.csv": f"file,label\n{rows}b.wav,cat\n"}, "a.wav", "b.wav"))
        assert ("in several rows with other labels" in notes(dataset)) == is_said
        assert (len(dataset.clips), dataset.problems) == (2, ())


def test_clip_in_two_splits_is_left_out_and_said(folder: Callable[..., Path]) -> None:
    table = "file,label,split\na.wav,dog,train\nb.wav,dog,train\na.wav,dog,test\nc.wav,cat,test\nc.wav,cat,test\n"
    dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav", "c.wav"))
    assert dataset.clips["clip"].tolist() == ["b.wav", "c.wav"]
    (problem,) = dataset.problems
    assert problem.reason == "a.wav has two splits in t.csv, train and test; it is left out."


def test_column_that_differs_within_most_clips_is_no_fold(folder: Callable[..., Path]) -> None:
    table = "file,label,fold\n" + "".join(f"{at // 2}.wav,dog,{at % 2 + 1}\n" for at in range(6))
    dataset = open_dataset(folder({"t.csv": table}, "0.wav", "1.wav", "2.wav"))
    assert (len(dataset.clips), dataset.own_folds) == (3, ())
    assert "The folds in t.csv differ within clips, like 1 and 2 for 0.wav; they are not used." in str(dataset.problems)


PREFIXES = ("./", "audio/", "audio\\", "../audio/", "/home/ann/esc/audio/", "C:\\esc\\audio\\", "file:///x/audio/")
SUFFIXES = (".wav", "", ".WAV", ".flac", ".wav  ")


@pytest.mark.parametrize(
    ("prefix", "suffix"), [*((prefix, ".wav") for prefix in PREFIXES), *(("", suffix) for suffix in SUFFIXES)]
)
@pytest.mark.parametrize("place", ["", "audio/"])
def test_paths_of_every_kind_find_their_sounds(
    folder: Callable[..., Path], prefix: str, suffix: str, place: str
) -> None:
    table = f"file,label\n{prefix}a{suffix},dog\n{prefix}b{suffix},cat\n"
    root = folder({"t.csv": table}, f"{place}a.wav", f"{place}b.wav")
    dataset = open_dataset(root)
    assert dataset.clips["path"].tolist() == [root / f"{place}a.wav", root / f"{place}b.wav"]
    assert dataset.clips["clip"].tolist() == ["a.wav", "b.wav"]
    assert (dataset.problems, dataset.missing) == ((), ())


def test_folder_named_after_the_table_has_its_sounds(folder: Callable[..., Path]) -> None:
    root = folder({"train.csv": "Id,Category\n0,c0\n1,c1\n"}, "train/0.wav", "train/1.wav", "test/0.wav", "test/1.wav")
    dataset = open_dataset(root)
    assert dataset.clips["path"].tolist() == [root / "train/0.wav", root / "train/1.wav"]


def test_other_columns_say_which_folder_is_meant(folder: Callable[..., Path]) -> None:
    for table, places in (
        ("file,label\n1.wav,dog\n1.wav,cat\n", ("dog/1.wav", "cat/1.wav")),
        ("file,fold,label\n1.wav,1,dog\n1.wav,2,cat\n", ("fold1/1.wav", "fold2/1.wav")),
    ):
        root = folder({"t.csv": table}, *places)
        dataset = open_dataset(root)
        assert dataset.clips["path"].tolist() == [root / place for place in places]
        assert len(dataset.readings[0].roles["file"]) == 2
        for place in places:
            (root / place).unlink()


def test_name_that_fits_several_sounds_is_not_guessed(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "file,label\n1.wav,dog\n2.wav,cat\n"}, "x/1.wav", "y/1.wav", "x/2.wav")
    dataset = open_dataset(root)
    assert dataset.clips["clip"].tolist() == ["x/2.wav"]
    assert "1.wav is listed in t.csv but may be x/1.wav or y/1.wav in " in dataset.problems[0].reason


def test_reading_names_the_table_by_its_path_in_the_dataset(folder: Callable[..., Path]) -> None:
    root = folder({"meta/t.csv": "file,label,fold\na.wav,dog,1\nb.wav,cat,2\n"}, "audio/a.wav", "audio/b.wav")
    for path in (root, root / "meta/t.csv"):
        (reading,) = open_dataset(path).readings
        assert (reading.source, reading.columns) == ("meta/t.csv", ("file", "label", "fold"))
        assert reading.roles == {"file": ("file",), "labels": ("label",), "fold": ("fold",)}


CASES: dict[str, tuple[list[Any], dict[str, list[Any]]]] = {
    "label_json": ([("dog", "cat"), ("cat",), ("dog",), ("cat", "dog")], {}),
    "label_pipe": ([("dog", "cat"), ("cat",), ("dog",), ("cat", "dog")], {}),
    "label_quoted_comma": ([("Vehicle horn, car horn, honking",), ("Rain",)] * 2, {}),
    "strong_labels": ([("dog", "cat"), ("cat",), ("dog",), ("cat",)], {}),
    "rel_prefix": ([("dog",), ("cat",)] * 2, {}),
    "no_ext": ([("dog",), ("cat",)] * 2, {}),
    "trailing_spaces": ([("dog",), ("cat",)] * 2, {}),
    "fold_column_text": ([("dog",), ("cat",)] * 2, {"fold": [1, 1, 2, 2]}),
    "split_column": ([("dog",), ("cat",)] * 2, {"subset": ["curated"] * 2 + ["test"] * 2}),
}


@pytest.mark.parametrize("case", CASES)
def test_reported_tables_are_read_rightly(shared: Path, case: str) -> None:
    root = shared / "cases/tables" / case
    if not root.is_dir():
        pytest.skip(f"needs {root}")
    labels, columns = CASES[case]
    dataset = open_dataset(root)
    assert dataset.clips["clip"].tolist() == ["a.wav", "b.wav", "c.wav", "d.wav"]
    assert all(path.is_file() for path in dataset.clips["path"])
    assert values(dataset, "labels") == labels
    for column, wanted in columns.items():
        assert values(dataset, column) == wanted
    assert (dataset.problems, dataset.missing) == ((), ())


@pytest.mark.parametrize(("case", "labels"), [("onehot", ("cat", "dog")), ("kaggle_ids", ("c0", "c1"))])
def test_reported_layouts_are_tables_too(shared: Path, case: str, labels: tuple[str, ...]) -> None:
    root = shared / "cases/layouts" / case
    if not root.is_dir():
        pytest.skip(f"needs {root}")
    dataset = open_dataset(root, layout="table")
    assert dataset.labels == labels
    assert all(path.is_file() for path in dataset.clips["path"])
    assert (dataset.problems, dataset.missing) == ((), ())


def test_published_tables_are_read_as_before(shared: Path, real_release: dict[bool, Dataset]) -> None:
    fingerprints = [dataset.fingerprint[:16] for dataset in (open_dataset(shared / "data/esc10"), real_release[False])]
    assert fingerprints == ["073abf70151210cd", "18de02c371dd8d50"]
    kitchen = open_dataset(shared / "data/kitchen20", layout="table")
    assert (len(kitchen.labels), kitchen.own_folds, kitchen.problems) == (20, tuple(range(1, 10)), ())
    assert kitchen.readings[0].roles["group"] == ("usr_id",)


def test_only_table_that_names_sounds_is_opened_and_the_others_are_named(folder: Callable[..., Path]) -> None:
    table = "file,label\na.wav,dog\nb.wav,cat\n"
    others = {"classes.csv": "id,name\n0,dog\n1,cat\n", "notes.tsv": "day\tplace\nmon\there\n"}
    dataset = open_dataset(folder({"clips.csv": table} | others, "a.wav", "b.wav"))
    assert (dataset.name, dataset.labels) == ("clips", ("cat", "dog"))
    assert "Other tables here are not used: classes.csv, notes.tsv." in notes(dataset)


def test_csv_file_is_preferred_to_a_workbook_beside_it(folder: Callable[..., Path]) -> None:
    pytest.importorskip("openpyxl")
    table = pd.DataFrame({"file": ["a.wav", "b.wav"], "label": ["dog", "cat"]})
    root = folder({"meta/t.csv": table.to_csv(index=False), "meta/~$u.xlsx": "x"}, "audio/a.wav", "audio/b.wav")
    table.assign(label="seen").to_excel(root / "meta/u.xlsx", index=False)
    dataset = open_dataset(root, layout="table")
    assert (dataset.name, dataset.labels) == ("t", ("cat", "dog"))
    assert "Other tables here are not used: u.xlsx." in notes(dataset)


@pytest.mark.parametrize("place", ["metadata", "annotations", "Labels"])
def test_tables_may_be_in_a_folder_beside_the_sounds(folder: Callable[..., Path], place: str) -> None:
    root = folder({f"{place}/t.csv": "file,label\na.wav,dog\nb.wav,cat\n"}, "wav/a.wav", "wav/b.wav")
    for path in (root, root / place / "t.csv"):
        dataset = open_dataset(path, layout="table")
        assert dataset.clips["path"].tolist() == [root / "wav/a.wav", root / "wav/b.wav"]
        assert dataset.readings[0].source == f"{place}/t.csv"


def test_several_columns_of_labels_are_joined(opened: Opened) -> None:
    dataset = opened("file,label_1,label_2", cells("dog,cat", "rain,", ",dog"))
    assert values(dataset, "labels")[:3] == [("dog", "cat"), ("rain",), ("dog",)]
    dataset = opened("file,first,second", cells("dog,cat", "rain,dog"), label_column="first,second")
    assert values(dataset, "labels")[:2] == [("dog", "cat"), ("rain", "dog")]


def test_parquet_lists_keep_labels_with_commas(folder: Callable[..., Path]) -> None:
    root = folder({}, "a.wav", "b.wav")
    lists = [["Horn, honking", "dog"], ["dog"]]
    pd.DataFrame({"file": ["a.wav", "b.wav"], "labels": lists}).to_parquet(root / "t.parquet")
    assert open_dataset(root).clips["labels"].tolist() == [("Horn, honking", "dog"), ("dog",)]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file names that are not text")
def test_sound_whose_name_is_not_utf_8_is_found_by_its_text(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "file,label\ncafé.wav,dog\nb.wav,cat\n"}, "b.wav")
    path = Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.wav"))
    path.touch()
    dataset = open_dataset(root)
    assert dataset.clips["path"].tolist() == [path, root / "b.wav"]
    assert dataset.clips["clip"].tolist() == [r"caf\udce9.wav", "b.wav"]
