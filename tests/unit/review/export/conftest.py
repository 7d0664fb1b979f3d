"""A fixture of the tests of exports."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def dataset_at(tmp_path: Path) -> Callable[..., Path]:
    """``dataset_at(content, name)``: a folder with the empty sounds a, b and c, and a table; gives the folder."""

    def make(content: str | bytes, name: str = "t.csv", sounds: str = "a b c") -> Path:
        folder = tmp_path / "set"
        folder.mkdir()
        for sound in sounds.split():
            (folder / f"{sound}.wav").touch()
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return make
