"""A dataset is opened again as it was opened before: by page, command and worker alike."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import OpenOptions
from audiotag.data.saved_options import open_and_remember, open_remembered
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace, read_json, write_json

from .conftest import ZENODO_CLIPS


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A table whose columns cannot be detected automatically."""
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "a.wav").touch()
    (folder / "odd.csv").write_text("what;day;hour\na.wav;Bark;x\nb.wav;Rain;y\n")
    return folder


def test_options_are_saved_and_used_again(odd: Path) -> None:
    workspace = Workspace()
    with pytest.raises(AudiotagError, match="needs a column named"):
        open_remembered(odd, workspace)
    open_and_remember(odd, OpenOptions(file_column="what", label_column="day"), workspace)
    assert workspace.dataset_folders()[0] == odd
    assert open_remembered(odd, workspace).clips["labels"].tolist() == [("Bark",)]
    workspace.remember_dataset(odd)  # opened again without options
    assert open_remembered(odd, workspace).labels == ("Bark",)


def test_chosen_layout_is_saved_and_used_again(odd: Path) -> None:
    workspace = Workspace()
    open_and_remember(odd, OpenOptions(layout="folder-of-sounds"), workspace)
    assert open_remembered(odd, workspace).layout_key == "folder-of-sounds"


def test_dataset_that_cannot_be_opened_is_not_remembered(odd: Path) -> None:
    workspace = Workspace()
    with pytest.raises(AudiotagError, match="needs a column named nothing"):
        open_and_remember(odd, OpenOptions(file_column="nothing"), workspace)
    assert workspace.dataset_folders() == []


def test_flagged_clips_are_used_by_all_who_open_the_dataset(zenodo: Callable[..., Path]) -> None:
    workspace, root = Workspace(), zenodo(*ZENODO_CLIPS)
    assert len(open_and_remember(root, OpenOptions(), workspace).subset("curated")) == 1
    workspace.remember_dataset(root, workspace.dataset_options(root) | {"keep_flagged": True})
    assert len(open_remembered(root, workspace).subset("curated")) == 2


def test_options_as_audiotag_0_1_saved_them_are_used(zenodo: Callable[..., Path]) -> None:
    workspace, root = Workspace(), zenodo(*ZENODO_CLIPS)
    options = {"separator": None, "file_column": None, "label_column": None, "keep_condemned": True}
    write_json(workspace.root / "datasets.json", [{"path": str(root), "options": options}])
    assert len(open_remembered(root, workspace).subset("curated")) == 2
    assert read_json(workspace.root / "datasets.json")[0]["options"] == options
