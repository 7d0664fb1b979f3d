"""The dataset and the ensemble are in the address, and the last dataset that was chosen is remembered."""

from pathlib import Path

import pytest

from audiotag.ui.address import dataset_key
from audiotag.workspace import Workspace

from .conftest import clip_table, open_by_path, open_page, table_dataset, texts


@pytest.fixture
def mine(home: Workspace, tmp_path: Path) -> Path:
    """A dataset that was opened before another one."""
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep", "b.wav,Beep"])
    home.remember_dataset(folder)
    home.remember_dataset(table_dataset(tmp_path / "other", ["c.wav,Beep"]))
    return folder


def test_address_chooses_the_dataset_and_its_filter(mine: Path) -> None:
    at = open_page("pages/dataset.py", dataset=dataset_key(mine), tab="Clips", text="b.wav")
    assert clip_table(at) == ["b.wav"]
    assert at.query_params["dataset"] == dataset_key(mine)


def test_address_follows_the_choice_and_the_next_session_begins_with_it(mine: Path, home: Workspace) -> None:
    at = open_page("pages/dataset.py", tab="Clips")
    assert clip_table(at) == ["c.wav"]
    at = at.selectbox(key="dataset").set_value(mine).run()
    assert clip_table(at) == ["a.wav", "b.wav"]
    assert at.query_params["dataset"] == dataset_key(mine)
    assert clip_table(open_page("pages/dataset.py", tab="Clips")) == ["a.wav", "b.wav"]
    assert home.dataset_folders()[0] == mine


@pytest.mark.parametrize(
    ("page", "key"),
    [("app.py", "theirs-0123456789ab"), ("pages/train.py", "../mine"), ("pages/spectrogram.py", "theirs-0123456789ab")],
)
def test_address_never_opens_what_the_workspace_does_not_know(mine: Path, page: str, key: str) -> None:
    at = open_page(page, dataset=key)
    assert not at.exception
    assert any("does not know" in text for text in texts(at.warning))


def test_path_in_the_address_is_not_opened(mine: Path, home: Workspace, tmp_path: Path) -> None:
    stranger = table_dataset(tmp_path / "stranger", ["z.wav,Beep"])
    before = home.dataset_folders()
    at = open_page("pages/dataset.py", dataset=str(stranger), tab="Clips")
    assert not at.exception
    assert any("does not know" in text for text in texts(at.warning))
    assert home.dataset_folders() == before


def test_link_to_an_unknown_ensemble_says_so(home: Workspace) -> None:
    at = open_page("pages/tag.py", ensemble="theirs")
    assert not at.exception
    assert any("does not have" in text for text in texts(at.warning))
    at = at.selectbox(key="ensemble").set_value("tiny").run()
    assert not at.warning


def test_path_may_be_quoted_or_an_address_of_a_file(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "my sounds", ["a.wav,Beep"])
    for text in (f"'{folder}' ", f'"{folder}"', folder.as_uri(), str(folder).replace(" ", "\\ ")):
        at = open_by_path(open_page("pages/dataset.py"), text)
        assert not at.error
        assert home.dataset_folders()[0] == folder
        home.remember_dataset(home.dataset_folders()[1])


def test_path_that_cannot_be_opened_is_said_beside_the_field_and_kept(home: Workspace, tmp_path: Path) -> None:
    for text, said in (
        ("", "Give the path"),
        (str(tmp_path / "gone"), "does not exist"),
        ("http://x.org/a", "network"),
    ):
        at = open_by_path(open_page("pages/dataset.py"), text)
        assert not at.exception
        assert any(said in error for error in texts(at.error))
        assert at.text_input(key="dataset-path").value == text
