"""An upload is a file for as long as somebody has it, and no longer."""

import gc
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from audiotag.ui.tag import stored_uploads
from audiotag.ui.tag.stored_uploads import StoredUpload


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stored_uploads._folder.cache_clear()
    yield
    stored_uploads._folder.cache_clear()


def test_file_of_an_upload_is_private_and_goes_with_its_last_reference() -> None:
    upload = StoredUpload(b"a sound")
    path = upload.path
    assert path.read_bytes() == b"a sound"
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    del upload
    gc.collect()
    assert not path.exists()


def test_what_a_killed_process_left_is_deleted_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f"{stored_uploads.PREFIX}{ended.pid}-x"
    used = tmp_path / f"{stored_uploads.PREFIX}{os.getppid()}-x"
    other = tmp_path / f"{stored_uploads.PREFIX}x"
    for folder in (left, used, other):
        folder.mkdir()
    StoredUpload(b"")
    assert [folder.exists() for folder in (left, used, other)] == [False, True, True]
