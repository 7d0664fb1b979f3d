"""Files of the workspace are written whole or not at all, and no reader sees one that is half-written."""

import os
import stat
import sys
from pathlib import Path

import pytest

from audiotag.workspace import open_atomic, read_json, write_bytes, write_json


class _Crash(Exception):
    pass


@pytest.mark.parametrize("at", ["fsync", "replace"])
def test_write_that_fails_half_way_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    path = tmp_path / "file.json"
    write_bytes(path, b"old")

    def fails(*_: object) -> None:
        raise _Crash

    with monkeypatch.context() as patched:
        patched.setattr(os, at, fails)
        with pytest.raises(_Crash):
            write_bytes(path, b"new, and longer")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.json"]
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


def test_reader_sees_the_old_content_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "file.pt"
    with open_atomic(path) as file:
        file.write(b"half")
        assert not path.exists()
    with open_atomic(path) as file:
        file.write(b"half of ")
        assert path.read_bytes() == b"half"
        file.write(b"another")
    assert path.read_bytes() == b"half of another"
    assert os.listdir(path.parent) == ["file.pt"]


def test_writing_aside_that_raises_leaves_the_old_content_and_no_litter(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file.pt", b"old")

    def fail_half_way() -> None:
        with open_atomic(tmp_path / "file.pt") as file:
            file.write(b"half")
            raise _Crash

    with pytest.raises(_Crash):
        fail_half_way()
    assert (tmp_path / "file.pt").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.pt"]


def test_value_that_is_not_json_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"kept": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"no": object()})
    assert read_json(tmp_path / "a.json") == {"kept": 1}
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_written_files_get_the_permissions_of_any_other_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    write_bytes(tmp_path / "written", b"content")
    assert stat.S_IMODE((tmp_path / "written").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
