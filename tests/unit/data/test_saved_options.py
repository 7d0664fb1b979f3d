"""A dataset is opened again as it was opened before: by page, command and worker alike."""

from pathlib import Path

import pytest

from audiotag.data.saved_options import open_and_remember, open_remembered
from audiotag.data.tables import TableOptions
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A table whose columns cannot be found out."""
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "a.wav").touch()
    (folder / "odd.csv").write_text("sound;what\na.wav;Bark\n")
    return folder


def test_what_was_said_of_a_table_is_remembered(odd: Path) -> None:
    workspace = Workspace()
    with pytest.raises(AudiotagError, match="needs a column named"):
        open_remembered(odd, workspace)
    open_and_remember(odd, TableOptions(file_column="sound", label_column="what"), False, workspace)
    assert workspace.dataset_folders()[0] == odd
    assert open_remembered(odd, workspace).clips["labels"].tolist() == [("Bark",)]
    workspace.remember_dataset(odd)  # opened again without a word about its columns
    assert open_remembered(odd, workspace).labels == ("Bark",)


def test_what_cannot_be_opened_is_not_remembered(odd: Path) -> None:
    workspace = Workspace()
    with pytest.raises(AudiotagError, match="needs a column named nothing"):
        open_and_remember(odd, TableOptions(file_column="nothing"), False, workspace)
    assert workspace.dataset_folders() == []


def test_condemned_clips_are_put_back_for_all_who_open(shared: Path) -> None:
    workspace, root = Workspace(), shared / "data" / "fsdkaggle2019"
    assert len(open_and_remember(root, TableOptions(), False, workspace).subset("curated")) == 4964
    workspace.remember_dataset(root, workspace.dataset_options(root) | {"keep_condemned": True})
    assert len(open_remembered(root, workspace).subset("curated")) == 4970
