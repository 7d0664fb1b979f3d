"""Columns that say the same as the labels follow them, and other columns do not."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

from audiotag.data.layouts import open_dataset

from ...data.layouts.conftest import EXAMPLES as TABLES
from .exports import correct, export_of, rewritten


def test_the_target_of_esc50_follows_its_category(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    root = TABLES["esc50"][0](tmp_path / "release")
    dataset = open_dataset(root)
    export = export_of(root, correct(dataset, **{"1-100032-A-0": "crow", "2-110389-B-9": "dog"}))
    rows = list(csv.reader(io.StringIO(export.files["meta/esc50.csv"].decode())))
    assert rows[1:] == [
        ["1-100032-A-0.wav", "1", "9", "crow", "True", "100032", "A"],
        ["1-110389-A-0.wav", "2", "0", "dog", "True", "110389", "A"],
        ["2-110389-B-9.wav", "2", "0", "dog", "False", "110389", "B"],
    ]
    both = export_of(root, correct(dataset, **{"1-100032-A-0": "crow|dog"}))
    assert not both.is_own_format
    assert "meta/esc50.csv has one label per clip, and 1-100032-A-0.wav has several now. To use it" in both.notes[0]


def test_codes_of_labels_follow_them_and_a_new_label_has_none(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    root = TABLES["fsd50k"][0](tmp_path / "release")
    export = export_of(root, correct(open_dataset(root), **{"64760": "Guitar|Dog", "16399": "Frog"}))
    rows = list(csv.reader(io.StringIO(export.files["FSD50K.ground_truth/dev.csv"].decode())))
    assert rows[1:] == [
        ["64760", "Guitar,Dog", "/m/0342h,/m/0bt9lr", "train"],
        ["16399", "Frog", "", "val"],
        ["345111", "Bark,Dog", "/m/05tny_,/m/0bt9lr", "train"],
    ]
    assert export.notes == (
        "FSD50K.ground_truth/dev.csv: The column mids has no value for Frog; its cells stay empty there.",
    )


def test_who_recorded_a_label_does_not_change_with_it(dataset_at: Callable) -> None:
    table = "fname,label,take,by\n" + "".join(
        f"{name}.wav,{label},{take},{by}\n"
        for name, label, take, by in zip("abcdef", ["Dog", "Cat"] * 3, "121212", ["Ann", "Bob"] * 3, strict=True)
    )
    root = dataset_at(table, sounds="a b c d e f")
    found = rewritten(root, a="Cat").decode().splitlines()
    assert found[1] == "a.wav,Cat,2,Ann"  # the numbers are those of the labels, as far as the table tells
    assert found[2:] == table.splitlines()[2:]
