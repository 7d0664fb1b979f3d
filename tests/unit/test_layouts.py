"""Datasets are recognised; each thing wrong with a table is a sentence that names it, and the other clips go on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data.layouts import Dataset, open_dataset, read_table, split_labels
from audiotag.errors import AudiotagError

CONDEMNED = {"f76181c4", "77b925c2", "6a1f682a", "c7db12aa", "7752cc8a", "1d44b0bd"}  # RECIPES.md


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """``folder({"table.csv": text}, *clips)``: a dataset's folder; its clips are empty files, for none is opened."""

    def make(tables: dict[str, str], *clips: str) -> Path:
        root = tmp_path / "sounds"
        for clip in clips:
            (root / clip).parent.mkdir(parents=True, exist_ok=True)
            (root / clip).touch()
        root.mkdir(exist_ok=True)
        for name, text in tables.items():
            (root / name).write_text(text, encoding="utf-8")
        return root

    return make


@pytest.fixture
def competition(folder: Callable[..., Path]) -> Callable[..., Path]:
    """``competition(rows)``: a competition folder whose curated table also has these rows, ``Bark`` and ``Meow``."""

    def make(rows: str = "", *clips: str) -> Path:
        return folder(
            {
                "train_curated.csv": f'fname,labels\nc1.wav,Bark\nc2.wav,"Bark,Meow"\n{rows}',
                "train_noisy.csv": "fname,labels\nn1.wav,Meow\n",
                "test_truth.csv": "fname,labels\nt1.wav,Meow\n",
                "sample_submission.csv": "fname,Bark,Meow\nt1.wav,0,0\n",
            },
            *("train_curated/c1.wav", "train_curated/c2.wav", "train_noisy/n1.wav", "test/t1.wav"),
            *(f"train_curated/{clip}" for clip in clips),
        )

    return make


def clip_names(dataset: Dataset) -> list[str]:
    return dataset.clips["clip"].tolist()


def test_the_competitions_folder_is_recognised(competition: Callable[..., Path]) -> None:
    root = competition()
    dataset = open_dataset(root)
    assert (dataset.name, dataset.root, dataset.layout) == ("sounds", root, "Freesound Audio Tagging 2019")
    assert dataset.labels == ("Bark", "Meow")
    assert dataset.subsets == ("curated", "noisy", "test")
    assert clip_names(dataset) == ["c1.wav", "c2.wav", "n1.wav", "t1.wav"]
    assert dataset.subset("curated")["labels"].tolist() == [("Bark",), ("Bark", "Meow")]
    assert dataset.subset("test")["path"].tolist() == [root / "test/t1.wav"]
    assert dataset.own_folds == ()
    assert dataset.problems == ()


def test_a_subset_without_a_table_or_with_an_empty_one_is_absent(folder: Callable[..., Path]) -> None:
    root = folder(
        {"train_curated.csv": "fname,labels\na.wav,Bark\n", "train_noisy.csv": "fname,labels\n"}, "train_curated/a.wav"
    )
    dataset = open_dataset(root)
    assert dataset.subsets == ("curated",)
    assert dataset.labels == ("Bark",)
    assert dataset.subset("noisy").empty


def test_a_table_beside_its_sounds_is_recognised_with_folds_and_groups(folder: Callable[..., Path]) -> None:
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


def test_folds_count_only_where_every_clip_has_one(folder: Callable[..., Path]) -> None:
    table = "file,category,fold\na.ogg,Rain,1\nb.ogg,Rain,\n"
    assert open_dataset(folder({"half.csv": table}, "a.ogg", "b.ogg")).own_folds == ()


def test_folds_that_a_spreadsheet_made_decimal_are_folds(folder: Callable[..., Path]) -> None:
    table = "file,category,fold\na.ogg,Rain,1.0\nb.ogg,Rain,2.0\n"
    assert open_dataset(folder({"t.csv": table}, "a.ogg", "b.ogg")).own_folds == (1, 2)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("gone.wav,Bark\n", "gone.wav is listed in train_curated.csv but is not in"),
        ("c1.wav,Meow\n", "c1.wav is listed twice in train_curated.csv (again in line 4); its first row counts."),
        ("c3.wav,\n", "c3.wav has no label in train_curated.csv, line 4; it is left out."),
        ('c3.wav," , "\n', "c3.wav has no label in train_curated.csv, line 4; it is left out."),
        (
            'c3.wav,"Bark,Moew"\n',
            "the label Moew, which is not among this dataset's 2; did you mean Meow? It is left out.",
        ),
        (
            "c3.wav,Xylophone\n",
            "c3.wav has the label Xylophone, which is not among this dataset's 2; is it spelt as in",
        ),
        ("sub/c3.wav,Bark\n", "train_curated.csv, line 4: sub/c3.wav must be a bare file name inside train_curated/"),
        ("../test/t1.wav,Bark\n", "train_curated.csv, line 4: ../test/t1.wav must be a bare file name"),
        ("/etc/passwd,Bark\n", "train_curated.csv, line 4: /etc/passwd must be a bare file name"),
        ("..,Bark\n", ".. is listed in train_curated.csv but is not in"),
        (",Bark\n", "train_curated.csv, line 4 names no file; it is left out."),
    ],
)
def test_a_bad_row_is_a_sentence_and_the_others_go_on(competition: Callable[..., Path], row: str, reason: str) -> None:
    dataset = open_dataset(competition(row, "c3.wav"))
    assert len(dataset.problems) == 1
    assert reason in dataset.problems[0].reason
    assert clip_names(dataset) == ["c1.wav", "c2.wav", "n1.wav", "t1.wav"]
    assert dataset.subset("curated")["labels"].tolist()[0] == ("Bark",)


def test_a_table_without_the_file_or_the_label_column_is_refused_by_name(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "sound,label\na.wav,Bark\n"}, "a.wav")
    with pytest.raises(AudiotagError, match=r"^t\.csv needs a column named fname or .*, it has sound, label"):
        open_dataset(root)
    (root / "t.csv").write_text("fname,what\na.wav,Bark\n")
    with pytest.raises(AudiotagError, match=r"^t\.csv needs a column named labels or .*, it has fname, what"):
        open_dataset(root)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"\xff\xfe\x00\x01" * 500, bytes(range(256)) * 20, b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(5000)],
)
def test_what_is_no_table_is_refused_by_name_and_in_few_words(folder: Callable[..., Path], content: bytes) -> None:
    root = folder({})
    (root / "t.csv").write_bytes(content)
    with pytest.raises(AudiotagError, match=r"^t\.csv (cannot be read as a CSV file|needs a column)") as error:
        open_dataset(root)
    assert len(str(error.value)) < 400
    assert str(error.value).isprintable()


def test_labels_without_quotes_are_explained_not_taken_for_other_columns(folder: Callable[..., Path]) -> None:
    root = folder({"t.csv": "fname,labels\na.wav,Bark,Meow\nb.wav,Bark,Meow\n"}, "a.wav", "b.wav")
    with pytest.raises(AudiotagError, match=r"^t\.csv .* more cells than its header.*quotes"):
        open_dataset(root)
    (root / "t.csv").write_text("fname,labels\na.wav,Bark\nb.wav,Bark,Meow\n")
    with pytest.raises(AudiotagError, match=r"^t\.csv cannot be read as a CSV file.* line 3"):
        open_dataset(root)


def test_a_table_of_no_usable_clip_says_why(folder: Callable[..., Path]) -> None:
    with pytest.raises(AudiotagError, match=r"has no usable clip\. a\.wav is listed in t\.csv but is not in"):
        open_dataset(folder({"t.csv": "fname,label\na.wav,Bark\n"}))


def test_a_table_with_only_a_header_has_no_usable_clip(folder: Callable[..., Path]) -> None:
    with pytest.raises(AudiotagError, match=r"sounds/t\.csv has no usable clip\.$"):
        open_dataset(folder({"t.csv": "fname,label\n"}))


def test_a_folder_that_is_no_dataset_says_what_was_looked_for(folder: Callable[..., Path]) -> None:
    root = folder({}, "a.wav")
    with pytest.raises(AudiotagError, match=r"sounds is no dataset: looked for train_curated\.csv .* found neither"):
        open_dataset(root)
    for name in ("a.csv", "b.csv"):
        (root / name).write_text("fname,label\na.wav,Bark\n")
    with pytest.raises(AudiotagError, match="found 2 CSV files; name the one to open"):
        open_dataset(root)
    assert clip_names(open_dataset(root / "b.csv")) == ["a.wav"]


def test_a_path_that_does_not_exist_and_a_sound_are_refused_by_name(folder: Callable[..., Path]) -> None:
    root = folder({}, "a.wav")
    for path in (root / "missing", root / "missing.csv", root / "a.wav"):
        with pytest.raises(AudiotagError) as error:
            open_dataset(path)
        assert str(path) in str(error.value)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(folder: Callable[..., Path]) -> None:
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


def test_the_tables_of_fsdkaggle2019_hold_what_its_authors_say(shared: Path) -> None:
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
    kept = ~curated["fname"].str.removesuffix(".wav").isin(CONDEMNED)
    assert int(kept.sum()) == 4964
    assert labels["train_curated"][kept].nunique() == 213
    assert labels["train_noisy"].nunique() == 1168
    assert np.mean([len(row) for row in labels["train_noisy"]]) == pytest.approx(1.21, abs=0.01)
