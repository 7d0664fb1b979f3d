"""Selection tables and label tracks give their labels, whatever program saved them, and no pipe is waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audiotag.data.layouts import open_dataset
from audiotag.data.layouts.annotated import files_in
from audiotag.data.layouts.base import OpenOptions

HEADER = ("Selection", "Begin Time (s)", "End Time (s)", "Begin File")


def labels(folder: Path, column: str | None = None) -> dict[str, tuple[str, ...]]:
    dataset = open_dataset(folder, options=OpenOptions(label_column=column))
    return {row.clip: row.labels for row in dataset.clips.itertuples()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()
    return tmp_path


def selections(*annotations: str, separator: str = "\t", column: str = "Annotation") -> str:
    """A table with one selection of each of the two sounds."""
    rows = [(*HEADER, column)]
    rows += [
        (str(at), "0.5", "1.5", name, text)
        for at, (name, text) in enumerate(zip(("a.wav", "b.wav"), annotations, strict=True))
    ]
    return "".join(separator.join(row) + "\n" for row in rows)


@pytest.mark.parametrize("column", [None, "Espèce"])
@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_the_column_of_labels_is_found_in_every_encoding(folder: Path, encoding: str, column: str | None) -> None:
    (folder / "t.txt").write_bytes(selections("Mésange", "Pie", column="Espèce").encode(encoding))
    assert labels(folder, column) == {"a.wav": ("Mésange",), "b.wav": ("Pie",)}


@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
def test_cells_are_separated_by_what_separates_the_column_names(folder: Path, separator: str) -> None:
    (folder / "t.txt").write_text(selections(f'"Tit{separator} great"', "Crow", separator=separator))
    shown = "Tit\t great" if separator == "\t" else f"Tit{separator} great"
    assert labels(folder) == {"a.wav": (shown,), "b.wav": ("Crow",)}


def test_an_annotation_of_two_lines_is_one_label(folder: Path) -> None:
    (folder / "t.txt").write_text(selections('"Great\n  tit"', "Crow"))
    assert labels(folder) == {"a.wav": ("Great tit",), "b.wav": ("Crow",)}


@pytest.mark.parametrize("text", ['"loud', '"loud" tit', 'tit "loud'])
def test_a_quotation_mark_of_raven_takes_in_no_other_row(folder: Path, text: str) -> None:
    (folder / "t.txt").write_text(selections(text, "Crow"))
    assert labels(folder) == {"a.wav": (text,), "b.wav": ("Crow",)}
    short = "9\t1.0\t2.0\tb.wav\n"  # an editor took its last tab
    (folder / "t.txt").write_text(selections(text, "Crow") + short)
    assert labels(folder) == {"a.wav": (text,), "b.wav": ("Crow",)}


@pytest.mark.parametrize(
    ("text", "label"),
    [("whistle 0.25", "whistle"), ("whistle 1.00", "whistle"), ("whistle 1.25", "whistle 1.25"), ("take 10.50",) * 2],
)
def test_only_what_may_be_a_score_is_taken_from_a_label_of_a_track(folder: Path, text: str, label: str) -> None:
    (folder / "a.txt").write_text(f"0.0\t1.0\t{text}\n")
    assert labels(folder) == {"a.wav": (label,)}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_pipes_and_links_to_nothing_are_no_files_of_annotations(folder: Path) -> None:
    (folder / "t.txt").write_text(selections("Tit", "Crow"))
    (folder / "gone.txt").symlink_to(folder / "nothing")
    (folder / "link.txt").symlink_to(folder / "t.txt")
    os.mkfifo(folder / "c.txt")
    assert [file.name for file in files_in(folder, (".txt",))] == ["link.txt", "t.txt"]
    assert labels(folder) == {"a.wav": ("Tit",), "b.wav": ("Crow",)}
