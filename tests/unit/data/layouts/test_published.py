"""What the layouts of published datasets share: releases are found from their parts, and folders are listed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import LAYOUTS, open_dataset
from audiotag.data.layouts.published import PublishedLayout, header_of, read_split_lists, some_sounds, sounds_in
from audiotag.data.layouts.reading import Findings
from audiotag.errors import AudiotagError

from .conftest import Build, files


def test_sounds_are_listed_down_to_a_depth_without_hidden_ones(example: Callable[[Build], Path]) -> None:
    root = example(files({}, "b.wav", "a/1.wav", "a/x/2.wav", ".git/3.wav", "__MACOSX/4.wav", "a/._1.wav", "a/t.csv"))
    findings = Findings()
    assert sounds_in(root, 0, findings) == ["b.wav"]
    assert sounds_in(root, 1, findings) == ["a/1.wav", "b.wav"]
    assert sounds_in(root, 2, findings) == ["a/1.wav", "a/x/2.wav", "b.wav"]
    assert sorted(some_sounds(root, 1)) == ["a/1.wav", "b.wav"]
    assert sounds_in(root / "missing", 1, findings) == sounds_in(root / "b.wav", 1, findings) == []
    assert findings.missing == []


def test_folder_that_cannot_be_listed_is_named_and_the_others_are_listed(
    example: Callable[[Build], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = example(files({}, "a/1.wav", "b/2.wav"))
    scandir = os.scandir

    def deny(path: Path) -> object:
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)
    findings = Findings()
    assert sounds_in(root, 1, findings) == ["b/2.wav"]
    assert findings.missing == ["a/ cannot be listed: Permission denied; the sounds in it are left out."]


def test_header_of_a_table_has_its_columns_whatever_separates_them(tmp_path: Path) -> None:
    for separator in ",;\t|":
        (tmp_path / "t.csv").write_text(
            f'\ufeff"filename"{separator} scene_label\na.wav{separator}bus\n', encoding="utf-8"
        )
        assert {"filename", "scene_label"} <= header_of(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_bytes(b"filename,scene_label\ra.wav,bus\r")
    assert header_of(tmp_path / "t.csv") >= {"filename", "scene_label"}
    assert header_of(tmp_path) == header_of(tmp_path / "missing.csv") == set()


def test_lists_may_have_windows_paths_and_empty_lines(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfyes\\1.wav\r\n\r\n./no/2.wav \r\n")
    findings = Findings()
    splits = read_split_lists({"test": tmp_path / "list.txt"}, {"yes/1.wav", "no/2.wav"}, findings)
    assert splits == {"yes/1.wav": "test", "no/2.wav": "test"}
    assert findings == Findings()


@pytest.mark.parametrize("key", [key for key, layout in LAYOUTS.items() if issubclass(layout, PublishedLayout)])
def test_folder_that_is_no_release_is_refused_with_what_it_lacks(tmp_path: Path, key: str) -> None:
    with pytest.raises(AudiotagError) as error:
        open_dataset(tmp_path, layout=key)
    assert str(error.value) == f"{tmp_path} has no {LAYOUTS.get(key).mark}; choose another layout."
