"""A selection is found again by its id, for its dataset alone; old ones go; no address reads another file."""

import os
from pathlib import Path

import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.data.selections import MAX_SELECTIONS, read_selection, save_selection, selection_path
from audiotag.state import take_sentences
from audiotag.workspace import Workspace

CLIPS = [("curated", "b.wav"), ("noisy", "ä \udcff.wav"), ("curated", "a.wav")]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return made_dataset(tmp_path / "sounds")


def made_dataset(folder: Path) -> Dataset:
    folder.mkdir()
    (folder / "clips.csv").write_text("fname,label\na.wav,Bark\nb.wav,Hiss\n")
    (folder / "a.wav").write_bytes(b"")
    return open_dataset(folder)


def test_the_same_clips_have_the_same_id_in_any_order(dataset: Dataset, workspace: Workspace) -> None:
    found = save_selection(dataset, CLIPS, workspace)
    assert read_selection(dataset, found, workspace) == frozenset(CLIPS)
    assert save_selection(dataset, CLIPS[::-1], workspace) == found
    assert save_selection(dataset, CLIPS[:2], workspace) != found


def test_a_selection_is_of_one_dataset(dataset: Dataset, workspace: Workspace, tmp_path: Path) -> None:
    found = save_selection(dataset, CLIPS, workspace)
    assert read_selection(made_dataset(tmp_path / "others"), found, workspace) is None


@pytest.mark.parametrize("text", ["", "x", "../../../datasets", "0" * 11, "0" * 12, "ABCDEFABCDEF", "0" * 12 + "\n"])
def test_text_that_is_no_id_selects_nothing(dataset: Dataset, workspace: Workspace, text: str) -> None:
    save_selection(dataset, CLIPS, workspace)
    assert read_selection(dataset, text, workspace) is None


def test_the_oldest_selections_are_removed(dataset: Dataset, workspace: Workspace) -> None:
    ids = [save_selection(dataset, [("curated", f"{number}.wav")], workspace) for number in range(MAX_SELECTIONS)]
    for age, each in enumerate(reversed(ids)):
        os.utime(selection_path(dataset, each, workspace), (1e9 - age, 1e9 - age))
    assert save_selection(dataset, [("curated", "0.wav")], workspace) == ids[0]  # which is now the newest
    save_selection(dataset, CLIPS, workspace)
    left = [each for each in ids if read_selection(dataset, each, workspace) is not None]
    assert left == [ids[0], *ids[2:]]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'[["a"]]', b'[["a","b","c"]]', b"\xff", b"null"])
def test_a_damaged_selection_costs_a_sentence(dataset: Dataset, workspace: Workspace, content: bytes) -> None:
    found = save_selection(dataset, CLIPS, workspace)
    selection_path(dataset, found, workspace).write_bytes(content)
    take_sentences()
    assert read_selection(dataset, found, workspace) is None
    assert any("select the clips again" in sentence for sentence in take_sentences())
