"""New labels are written as the table writes its own, or the export is a plain table."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import open_dataset

from .exports import correct, export_of, labels_of, reopen, rewritten


@pytest.mark.parametrize(
    ("cells", "after"),
    [
        (['"Dog,Rain"', "Cat", '"Cat,Rain"'], '"Dog,Cat"'),
        (['"Dog, Rain"', "Cat", "Rain"], '"Dog, Cat"'),
        (["Dog;Rain", "Cat", "Cat;Rain"], "Dog;Cat"),
        (["Dog; Rain", "Cat", "Cat; Rain"], "Dog; Cat"),
        (["Dog|Rain", "Cat", "Cat|Rain"], "Dog|Cat"),
        (["Dog Rain", "Cat", "Dog", "Rain"], "Dog Cat"),
        (['"[""Dog"", ""Rain""]"', '"[""Cat""]"', "[]"], '"[""Dog"", ""Cat""]"'),
        (["\"['Dog', 'Rain']\"", "['Cat']", "\"['Cat', 'Dog']\""], "\"['Dog', 'Cat']\""),
        (["Dog", "Cat", "Rain"], '"Dog,Cat"'),
        (['"Dog\nRain"', "Cat", "Rain"], '"Dog\nCat"'),
    ],
)
def test_labels_are_separated_as_the_table_separates_them(dataset_at: Callable, cells: list[str], after: str) -> None:
    def table(cells: list[str]) -> str:
        return "fname,labels\n" + "".join(f"{name}.wav,{cell}\n" for name, cell in zip("abcd", cells, strict=False))

    root = dataset_at(table(cells), sounds="a b c d")
    assert rewritten(root, a="Dog|Cat").decode() == table([after, *cells[1:]])


def test_a_label_with_a_comma_beside_others_is_a_list(dataset_at: Callable, tmp_path: Path) -> None:
    table = 'fname,label\na.wav,"Inside, small room"\nb.wav,"Outside, urban"\nc.wav,Silence\n'
    root = dataset_at(table)
    assert open_dataset(root).labels == ("Inside, small room", "Outside, urban", "Silence")
    assert rewritten(root, c="Outside, urban").decode() == table.replace("Silence", '"Outside, urban"')
    both = rewritten(root, c="Silence|Outside, urban").decode()
    assert both == table.replace("Silence", '"[""Silence"", ""Outside, urban""]"')
    assert open_dataset(root).labels == ("Inside, small room", "Outside, urban", "Silence")


@pytest.mark.parametrize(
    ("yes", "no"), [("1", "0"), ("1.0", "0.0"), ("True", "False"), ("yes", "no"), ("x", ""), ("TRUE", "FALSE")]
)
def test_columns_of_0_and_1_keep_their_style(dataset_at: Callable, yes: str, no: str) -> None:
    table = (
        "fname,split,is_dog,is_cat,is_rain\na.wav,train,{y},{n},{n}\nb.wav,train,{n},{y},{n}\nc.wav,test,{n},{n},{y}\n"
    )
    root = dataset_at(table.format(y=yes, n=no))
    expected = table.replace("train,{y},{n},{n}", "train,{n},{y},{y}").format(y=yes, n=no)
    assert rewritten(root, a="cat|rain").decode() == expected


def test_probabilities_that_say_the_same_stay(dataset_at: Callable) -> None:
    root = dataset_at("fname,dog,cat,rain\na.wav,0.9,0.2,0.7\nb.wav,0.1,0.8,0.3\n")
    expected = "fname,dog,cat,rain\na.wav,0.9,1,0\nb.wav,0.1,0.8,0.3\n"
    assert rewritten(root, a="dog|cat").decode() == expected


def test_several_columns_of_labels_are_filled_one_after_the_other(dataset_at: Callable, tmp_path: Path) -> None:
    table = "fname,label1,label2\na.wav,Dog,Rain\nb.wav,Cat,\nc.wav,Rain,Cat\n"
    root = dataset_at(table)
    assert rewritten(root, a="Rain", b="Cat|Dog").decode() == (
        "fname,label1,label2\na.wav,Rain,\nb.wav,Cat,Dog\nc.wav,Rain,Cat\n"
    )
    export = export_of(root, correct(open_dataset(root), a="Rain|Dog|Cat"))
    assert "it has 2 columns of labels, and a clip has now 3 labels" in export.notes[0]


def test_a_label_without_a_column_is_written_into_a_plain_table(dataset_at: Callable, tmp_path: Path) -> None:
    root = dataset_at("fname,dog,cat\na.wav,1,0\nb.wav,0,1\n")
    export = export_of(root, correct(open_dataset(root), a="dog|frog"))
    assert not export.is_own_format
    assert "because t.csv cannot be written with them: it has no column for frog. To use it" in export.notes[0]
    assert export.files == {"corrected-labels.csv": b'fname,labels\na.wav,"dog,frog"\nb.wav,cat\n'}
    assert export.file_name == "corrected-labels.csv"


def test_a_clip_without_labels_is_said(dataset_at: Callable, tmp_path: Path) -> None:
    root = dataset_at("fname,label\na.wav,Dog\nb.wav,Cat\n")
    export = export_of(root, correct(open_dataset(root), a=""))
    assert export.files == {"t.csv": b"fname,label\na.wav,\nb.wav,Cat\n"}
    assert export.notes == ("1 clip has no label left; audiotag leaves such clips out when it opens the table.",)
    assert labels_of(reopen(export, root, tmp_path)) == {("curated", "b.wav"): {"Cat"}}


def test_rows_of_one_clip_change_together_or_not_at_all(dataset_at: Callable, tmp_path: Path) -> None:
    root = dataset_at("fname,label\na.wav,Dog\nb.wav,Cat\na.wav,Dog\n")
    assert rewritten(root, a="Cat") == b"fname,label\na.wav,Cat\nb.wav,Cat\na.wav,Cat\n"
    (root / "t.csv").write_text("fname,onset,offset,label\na.wav,0,1,Dog\na.wav,1,2,Rain\nb.wav,0,1,Cat\n")
    export = export_of(root, correct(open_dataset(root), a="Cat|Rain"))
    assert "a.wav is in several rows with different labels" in export.notes[0]
    assert labels_of(reopen(export, root, tmp_path))["curated", "a.wav"] == {"Cat", "Rain"}
