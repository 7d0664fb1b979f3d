"""The Dataset page shows how a dataset was read, and reads it again with what is picked."""

from dataclasses import asdict
from pathlib import Path

import pytest

from audiotag.data.layouts import OpenOptions
from audiotag.workspace import Workspace

from .conftest import open_by_path, open_page, table_dataset, texts

LINES = ["a.wav,dog|cat,x,train", "b.wav,cat,y,train", "c.wav,dog,x,test"]


@pytest.fixture
def opened(home: Workspace, tmp_path: Path) -> Path:
    folder = table_dataset(tmp_path / "mine", LINES, "fname,labels,kind,part")
    home.remember_dataset(folder)
    return folder


def pickers(at: object, name: str) -> object:
    """The select box of one part of the reading."""
    return next(box for box in at.selectbox if str(box.key).endswith(f"-{name}"))


def test_reading_names_the_columns_and_what_the_first_clips_get(opened: Path) -> None:
    at = open_page("pages/dataset.py")
    assert not at.exception
    assert any("**clips.csv** · file: fname · labels: labels" in text for text in texts(at.markdown))
    (first,) = at.table
    assert list(first.value["labels"]) == ["dog, cat", "cat", "dog"]


def test_picked_columns_are_used_and_can_be_taken_back(opened: Path, home: Workspace) -> None:
    at = open_page("pages/dataset.py")
    pickers(at, "label_column").set_value("kind")
    pickers(at, "split_column").set_value("part")
    at = next(button for button in at.button if button.label == "Apply").click().run()
    assert not at.exception
    assert not at.error
    options = OpenOptions.from_dict(home.dataset_options(opened))
    assert (options.label_column, options.split_column) == ("kind", "part")
    assert set(at.multiselect(key="labels").options) == {"x", "y"}
    assert pickers(at, "label_column").value == "kind"
    at = next(button for button in at.button if button.label == "Detect automatically").click().run()
    assert OpenOptions.from_dict(home.dataset_options(opened)) == OpenOptions()
    assert set(at.multiselect(key="labels").options) == {"cat", "dog"}


def test_a_dataset_that_is_opened_again_is_read_as_before(opened: Path, home: Workspace) -> None:
    def open_again() -> OpenOptions:
        at = open_by_path(open_page("pages/dataset.py"), str(opened))
        assert not at.error
        return OpenOptions.from_dict(home.dataset_options(opened))

    picked = OpenOptions(label_column="kind")
    home.remember_dataset(opened, asdict(picked))
    assert open_again() == picked
    (opened / "clips.csv").write_text("fname,labels\na.wav,dog\nb.wav,cat\n")
    assert open_again() == OpenOptions()


def test_layout_that_does_not_fit_gives_the_reason_and_changes_nothing(opened: Path, home: Workspace) -> None:
    at = open_page("pages/dataset.py")
    pickers(at, "layout").set_value("folder-per-class")
    at = next(button for button in at.button if button.label == "Apply").click().run()
    assert not at.exception
    assert at.error
    assert OpenOptions.from_dict(home.dataset_options(opened)) == OpenOptions()
