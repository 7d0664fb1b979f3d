"""The dataset and the ensemble are in the address, and the last dataset that was chosen is remembered."""

import shutil
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
    for text in (f"'{folder}' ", folder.as_uri()):
        at = open_by_path(open_page("app.py"), text)
        assert not at.error
        assert home.dataset_folders()[0] == folder
        home.remember_dataset(home.dataset_folders()[1])


def test_path_that_cannot_be_opened_is_said_beside_the_field_and_kept(home: Workspace, tmp_path: Path) -> None:
    for text, said in (
        ("", "Give the path"),
        (str(tmp_path / "gone"), "does not exist"),
        ("http://x.org/a", "is not encrypted"),
    ):
        at = open_by_path(open_page("app.py"), text)
        assert not at.exception
        assert any(said in error for error in texts(at.error))
        assert at.text_input(key="dataset-path").value == text


def test_choices_survive_pages_that_do_not_show_the_picker(mine: Path, home: Workspace, tiny_ensemble: Path) -> None:
    shutil.copytree(tiny_ensemble, home.ensembles / "other")
    at = open_page("pages/tag.py")
    at.selectbox(key="dataset").set_value(mine)
    at = at.selectbox(key="ensemble").set_value("tiny").run()
    at = at.switch_page("pages/train.py").run()
    assert "ensemble" not in [picker.key for picker in at.sidebar.selectbox]
    assert at.selectbox(key="dataset").value == mine
    at = at.switch_page("pages/tag.py").run()
    assert (at.selectbox(key="ensemble").value, at.selectbox(key="dataset").value) == ("tiny", mine)


def test_sidebar_shows_the_pickers_that_matter_on_the_page(home: Workspace) -> None:
    def pickers(page: str) -> list[str]:
        return [str(picker.key) for picker in open_page(page).sidebar.selectbox]

    assert pickers("app.py") == ["dataset", "ensemble"]
    assert pickers("pages/review.py") == ["dataset"]
    assert pickers("pages/tag.py") == ["ensemble"]  # there is only one dataset


def test_dialog_says_what_it_found_before_anything_is_opened(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "pets", ["a.wav,dog", "b.wav,dog", "c.wav,cat"])
    at = open_page("app.py")
    at = at.button(key="open-dataset").click().run()
    at = at.text_input(key="dataset-path").set_value(str(tmp_path)).run()
    at = next(button for button in at.button if button.label.startswith("pets · 3 sounds")).click().run()
    assert at.text_input(key="dataset-path").value == str(folder)
    assert {"**3 clips, 2 labels**", "Labels: cat, dog"} <= set(texts(at.markdown))
    assert folder not in home.dataset_folders()
    at = at.button(key="open-path").click().run()
    assert home.dataset_folders()[0] == folder
    assert "open-path" not in [button.key for button in at.button]  # the dialog is closed
