"""A table is recognised by its path or its folder; its separator and columns are detected, or named."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from audiotag.data.layouts import OpenOptions, open_dataset
from audiotag.errors import AudiotagError

from ..conftest import clip_names


def test_table_beside_its_sounds_is_recognised_with_folds_and_groups(folder: Callable[..., Path]) -> None:
    table = "fname,label,fold,source_id\na.ogg,Rain,1,77\nb.ogg,Rain,2,78\nc.ogg,Dog bark,2,78\n"
    root = folder({"esc.csv": table}, "audio/a.ogg", "audio/b.ogg", "audio/c.ogg")
    for opened in (root, root / "esc.csv"):
        dataset = open_dataset(opened)
        assert dataset.root == opened
        assert dataset.name == "esc"
        assert dataset.labels == ("Dog bark", "Rain")
        assert dataset.own_folds == (1, 2)
        assert dataset.clips["fold"].tolist() == [1, 2, 2]
        assert dataset.clips["group"].tolist() == ["77", "78", "78"]
        assert dataset.clips["path"].tolist() == [root / "audio" / name for name in ("a.ogg", "b.ogg", "c.ogg")]


def test_folder_that_a_table_shares_may_hold_other_sounds(folder: Callable[..., Path]) -> None:
    table = "fname,label\na.wav,Rain\n"
    beside = folder({"t.csv": table}, "a.wav", "b.wav")
    assert open_dataset(beside).problems == ()
    own = folder({"t.csv": table}, "audio/a.wav", "audio/b.wav")
    assert [problem.kind for problem in open_dataset(own).problems] == ["counts"]
    assert [problem.kind for problem in open_dataset(own / "t.csv").problems] == ["counts"]
    (own / "u.csv").write_text(table)
    assert open_dataset(own / "t.csv").problems == ()


def test_table_without_the_file_or_the_label_column_is_refused_by_name(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "what,label\nx,Bark\n"}, "a.wav")
    with pytest.raises(AudiotagError, match=r"^t\.csv needs a column named fname or .*, it has what, label"):
        open_dataset(root)
    (root / "t.csv").write_text("fname,day,hour\na.wav,1,2\n")
    with pytest.raises(AudiotagError, match=r"^t\.csv needs a column named labels or .*, it has fname, day, hour"):
        open_dataset(root)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"\xff\xfe\x00\x01" * 500, bytes(range(256)) * 20, b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(5000)],
)
def test_file_that_is_not_a_table_is_refused_by_name_and_in_few_words(
    folder: Callable[..., Path], content: bytes
) -> None:
    root = folder({})
    (root / "t.csv").write_bytes(content)
    with pytest.raises(AudiotagError, match=r"^t\.csv (cannot be read as a CSV file|needs a column)") as error:
        open_dataset(root)
    assert len(str(error.value)) < 400
    assert str(error.value).isprintable()


def test_labels_without_quotes_are_explained_and_not_read_as_other_columns(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "fname,labels\na.wav,Bark,Meow\nb.wav,Bark,Meow\n"}, "a.wav", "b.wav")
    with pytest.raises(AudiotagError, match=r"^t\.csv .* more cells than its header.*quotes"):
        open_dataset(root)
    (root / "t.csv").write_text("fname,labels\na.wav,Bark\nb.wav,Bark,Meow\n")
    with pytest.raises(AudiotagError, match=r"^t\.csv has rows with more cells than its header, like line 3"):
        open_dataset(root)


def test_one_of_several_tables_must_be_named(folder: Callable[..., Path]) -> None:
    table = "fname,label\na.wav,Bark\n"
    root = folder({"a.csv": table, "b.csv": table}, "a.wav")
    with pytest.raises(AudiotagError, match="has 2 tables; name the one to open"):
        open_dataset(root)
    assert clip_names(open_dataset(root / "b.csv")) == ["a.wav"]


def test_byte_order_mark_and_windows_line_ends_do_no_harm(folder: Callable[..., Path]) -> None:
    root = folder({}, "a.wav")
    (root / "t.csv").write_bytes("\ufefffname,label\r\na.wav,Glöckchen\r\n".encode())
    assert open_dataset(root).labels == ("Glöckchen",)


def test_the_text_na_is_a_name_like_any_other(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "fname,label\nNA,null\nb.wav,None\n"}, "NA", "b.wav")
    dataset = open_dataset(root)
    assert clip_names(dataset) == ["NA", "b.wav"]
    assert dataset.labels == ("None", "null")


def test_esc10_opens_with_its_five_folds(shared: Path) -> None:
    dataset = open_dataset(shared / "data/esc10")
    assert len(dataset.clips) == 400
    assert len(dataset.labels) == 10
    assert dataset.own_folds == (1, 2, 3, 4, 5)
    assert dataset.clips.groupby("fold").size().tolist() == [80] * 5
    assert dataset.clips["group"].notna().all()
    assert dataset.problems == ()


ESC50 = (
    "filename,fold,target,category,esc10,src_file,take\n"
    "1-100032-A-0.wav,1,0,dog,True,100032,A\n"
    "1-110389-A-0.wav,2,0,dog,True,110389,A\n"
    "2-110389-B-9.wav,2,9,rain,False,110389,B\n"
)


def test_esc50_is_recognised_by_its_folder_and_by_its_table(folder: Callable[..., Path]) -> None:
    names = [line.partition(",")[0] for line in ESC50.splitlines()[1:]]
    root = folder({"meta/esc50.csv": ESC50, "README.md": "ESC-50"}, *(f"audio/{name}" for name in names))
    for opened in (root, root / "meta/esc50.csv"):
        dataset = open_dataset(opened)
        assert (dataset.name, dataset.root) == ("esc50", opened)
        assert dataset.labels == ("dog", "rain")
        assert dataset.own_folds == (1, 2)
        assert dataset.clips["group"].tolist() == ["100032", "110389", "110389"]
        assert dataset.clips["path"].tolist() == [root / "audio" / name for name in names]
        assert (dataset.problems, dataset.missing) == ((), ())


@pytest.mark.parametrize("separator", [";", "\t", "|"], ids=["semicolon", "tab", "bar"])
def test_table_with_another_separator_is_a_dataset(folder: Callable[..., Path], separator: str) -> None:
    table = f"fname{separator}labels\na.wav{separator}Bark,Meow\nb.wav{separator}Bark\n"
    dataset = open_dataset(folder({"t.csv": table}, "a.wav", "b.wav"))
    assert dataset.clips["labels"].tolist() == [("Bark", "Meow"), ("Bark",)]


def test_labels_in_a_cell_may_be_separated_by_semicolons(folder: Callable[..., Path]) -> None:
    dataset = open_dataset(folder({"t.csv": "fname,labels\na.wav,Bark; Meow\nb.wav,Meow;\n"}, "a.wav", "b.wav"))
    assert dataset.clips["labels"].tolist() == [("Bark", "Meow"), ("Meow",)]


def test_separator_and_columns_can_be_named(folder: Callable[..., Path]) -> None:
    table = "take,day,place,microphone|sound|heard\n1,2,3,4|a.wav|Rain\n1,2,3,4|b.wav|Wind\n"
    root = folder({"t.csv": table}, "a.wav", "b.wav")
    with pytest.raises(AudiotagError, match=r"needs a column named sound, it has take, day, place"):
        open_dataset(root, OpenOptions(separator=",", file_column="sound", label_column="heard"))
    dataset = open_dataset(root, OpenOptions(separator="|", file_column="sound", label_column="heard"))
    assert clip_names(dataset) == ["a.wav", "b.wav"]
    assert dataset.labels == ("Rain", "Wind")


def test_wrong_column_or_separator_is_answered_with_the_columns_that_there_are(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "fname,label\na.wav,Rain\n"}, "a.wav")
    for options in (OpenOptions(file_column="sound"), OpenOptions(label_column="sound")):
        with pytest.raises(AudiotagError, match=r"^t\.csv needs a column named sound, it has fname, label; name one"):
            open_dataset(root, options)
    with pytest.raises(AudiotagError, match=r"^t\.csv needs a column named fname or .*, it has fname,label;"):
        open_dataset(root, OpenOptions(separator=";"))


@pytest.mark.parametrize("as_index", [False, True], ids=["column", "index"])
def test_parquet_table_is_a_dataset_with_folds_and_groups(folder: Callable[..., Path], as_index: bool) -> None:
    root = folder({}, "audio/a.wav", "audio/b.wav", "audio/c.wav")
    table = pd.DataFrame(
        {
            "file": ["a.wav", "b.wav", "c.wav"],
            "label": ["Rain", "Dog,Rain", "Dog"],
            "fold": [1, 2, 2],
            "freesound_id": [77, 78, None],
            "license": ["CC0", None, "CC-BY"],
        }
    )
    (table.set_index("file") if as_index else table).to_parquet(root / "t.parquet")
    for opened in (root, root / "t.parquet"):
        dataset = open_dataset(opened)
        assert clip_names(dataset) == ["a.wav", "b.wav", "c.wav"]
        assert dataset.own_folds == (1, 2)
        clips = dataset.clips.astype(object).where(dataset.clips.notna(), None)
        assert clips["group"].tolist() == ["77", "78", None]
        assert clips["source"].tolist() == ["https://freesound.org/s/77/", "https://freesound.org/s/78/", None]
        assert clips["licence"].tolist() == ["CC0", None, "CC-BY"]


def test_filtered_parquet_table_has_its_rows_in_their_place(folder: Callable[..., Path]) -> None:
    root = folder({}, "a.wav", "b.wav", "c.wav")
    table = pd.DataFrame({"fname": ["x.wav", "a.wav", "c.wav", "b.wav"], "label": ["X", "A", "C", "B"]})
    table[1:].to_parquet(root / "t.parquet")
    dataset = open_dataset(root)
    assert clip_names(dataset) == ["a.wav", "c.wav", "b.wav"]
    assert dataset.clips["labels"].tolist() == [("A",), ("C",), ("B",)]
