"""Scan shows how a dataset was read, and its options change that."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.workspace import Workspace

from ..conftest import CommandResult


@pytest.fixture
def comma_table(tmp_path: Path, tone: Callable, write_wav: Callable) -> Path:
    """Three clips, whose labels may be read in two ways, with splits, and a column without use."""
    rows = ('a.wav,"Horn, honking",train,1\n', "b.wav,Rain,test,2\n", 'c.wav,"Horn, honking",train,3\n')
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips/t.csv").write_text("fname,label,split,level\n" + "".join(rows))
    for name in "abc":
        write_wav(tmp_path / f"clips/{name}.wav", tone(500, 0.2))
    return tmp_path / "clips"


def test_scan_shows_how_the_table_was_read(run: Callable[..., CommandResult], comma_table: Path) -> None:
    lines = run("scan", comma_table).out.splitlines()
    at = lines.index("t.csv was read like this:")
    assert lines[at + 1 : at + 9] == [
        "  file: fname",
        "  labels: label (one label per row; commas are part of labels)",
        "  split: split",
        "  Columns that are not used: level.",
        "The first clips:",
        "  a.wav: Horn, honking (subset curated, split train)",
        "  b.wav: Rain (subset test, split test)",
        "  c.wav: Horn, honking (subset curated, split train)",
    ]


def test_scan_changes_the_reading_by_its_options(run: Callable[..., CommandResult], comma_table: Path) -> None:
    values = run("scan", comma_table, "--label-separator", "comma", "--split-column", "-", "--json").json()
    assert values["labels"] == ["Horn", "Rain", "honking"]
    (reading,) = values["readings"]
    assert reading == reading | {
        "source": "t.csv",
        "columns": ["fname", "label", "split", "level"],
        "roles": {"file": ["fname"], "labels": ["label"]},
        "label_format": "labels separated by commas",
        "ignored": ["Columns that are not used: split, level."],
    }
    first = {"clip": "a.wav", "labels": ["Horn", "honking"], "subset": "curated", "split": None}
    assert values["first_clips"][0] == first | {"fold": None, "group": None}
    values = run("scan", comma_table, "--fold-column", "level", "--group-column", "split", "--json").json()
    assert [(clip["fold"], clip["group"]) for clip in values["first_clips"]] == [
        (1, "train"),
        (2, "test"),
        (3, "train"),
    ]
    assert Workspace().dataset_options(comma_table)["fold_column"] == "level"


def test_scan_without_the_options_of_the_last_time_says_so(
    run: Callable[..., CommandResult], comma_table: Path
) -> None:
    assert "last time" not in run("scan", comma_table, "--label-separator", "comma").err
    lost = run("scan", comma_table)
    assert f"audiotag scan {comma_table} --label-separator comma" in lost.err
    assert "last time" not in run("scan", comma_table).err


def test_scan_says_what_each_level_of_folders_means(
    run: Callable[..., CommandResult], tmp_path: Path, tone: Callable, write_wav: Callable
) -> None:
    for name in ("train/dog", "train/cat", "test/dog"):
        (tmp_path / "clips" / name).mkdir(parents=True)
        write_wav(tmp_path / "clips" / name / "a.wav", tone(500, 0.2))
    lines = run("scan", tmp_path / "clips").out.splitlines()
    at = lines.index("The folders were read like this:")
    assert lines[at + 1 : at + 3] == [
        "  labels: folder 2 (one label: the name of a folder), like dog, cat",
        "  split: folder 1, like test, train",
    ]
    assert "  test/dog/a.wav: dog (subset test, split test)" in lines
    lines = run("scan", tmp_path / "clips", "--folders", "group/label").out.splitlines()
    assert "  group: folder 1, like test, train" in lines
