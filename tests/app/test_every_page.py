"""Every page opens, and every failure gives a message instead of a traceback."""

from pathlib import Path

import pytest

from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import RunSettings, create_run
from audiotag.workspace import Workspace

from .conftest import clip_table, open_by_path, open_page, table_dataset, texts

PAGES = ("app.py", "pages/dataset.py", "pages/spectrogram.py", "pages/train.py", "pages/review.py", "pages/tag.py")


@pytest.mark.parametrize("page", PAGES)
def test_page_opens_on_a_dataset_and_an_ensemble(home: Workspace, page: str) -> None:
    at = open_page(page)
    assert not at.exception
    assert not at.error
    assert len(at.title) == 1
    links = [link.proto.label for link in at.sidebar.get("page_link")]
    assert links == ["Home", "Dataset", "Spectrogram", "Train", "Tag", "Review", "Score"]


@pytest.mark.parametrize("page", PAGES)
def test_page_of_an_empty_workspace_says_what_to_do(empty: Workspace, page: str) -> None:
    at = open_page(page)
    assert not at.exception
    assert len(at.title) == 1
    wanted = "There is no ensemble yet" if page == "pages/tag.py" else "There is no dataset yet"
    assert any(text.startswith(wanted) for text in texts(at.info))
    assert len(at.title) == 1


@pytest.mark.parametrize("page", PAGES[:-1])
def test_folder_that_is_not_a_dataset_any_more_gives_a_message(home: Workspace, tmp_path: Path, page: str) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep"])
    home.remember_dataset(folder)
    for file in folder.iterdir():
        file.unlink()
    at = open_page(page)
    assert not at.exception
    assert any(f"{folder} is not a dataset" in text for text in texts(at.error))
    assert len(at.title) == 1


@pytest.mark.parametrize("page", PAGES)
def test_dataset_without_one_readable_clip_raises_no_exception(home: Workspace, tmp_path: Path, page: str) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep"])
    (folder / "a.wav").write_text("no sound")
    home.remember_dataset(folder)
    assert not open_page(page).exception


@pytest.mark.parametrize("page", ["app.py", "pages/train.py", "pages/tag.py"])
def test_damaged_ensemble_raises_no_exception(home: Workspace, page: str) -> None:
    (home.ensembles / "tiny" / "card.json").write_text("{")
    at = open_page(page)
    assert not at.exception
    if page in ("app.py", "pages/tag.py"):
        assert any("tiny/card.json is damaged" in text for text in texts(at.error))


@pytest.mark.parametrize("page", ["app.py", "pages/train.py"])
def test_run_that_cannot_be_read_raises_no_exception(home: Workspace, sounds: Path, page: str) -> None:
    run = create_run(home, RunSettings(str(sounds), load_recipe("quick")))
    (run.folder / "settings.json").write_text("{")
    assert not open_page(page).exception


def test_dataset_opened_by_its_path_is_the_one_shown(empty: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep", "b.wav,Beep"])
    at = open_by_path(open_page("pages/dataset.py"), str(folder))
    assert not at.exception
    assert empty.dataset_folders() == [folder]
    assert any("**curated** 2 clips" in text for text in texts(at.markdown))


def test_path_that_is_not_a_dataset_gives_a_message(home: Workspace, tmp_path: Path) -> None:
    at = open_by_path(open_page("pages/dataset.py"), str(tmp_path / "gone"))
    assert not at.exception
    assert any(f"{tmp_path / 'gone'} does not exist" in text for text in texts(at.error))


def test_two_datasets_of_the_same_name_have_different_labels_and_stay_chosen(home: Workspace, tmp_path: Path) -> None:
    folders = [table_dataset(tmp_path / place / "audio", [f"{place}.wav,Beep"]) for place in ("here", "there")]
    for folder in folders:
        home.remember_dataset(folder)
    at = open_page("pages/dataset.py", tab="Clips")
    picker = at.selectbox(key="dataset")
    assert len(set(picker.options)) == len(picker.options) == 3
    assert {f"audio · {folder.parent}" for folder in folders} <= set(picker.options)
    assert clip_table(at) == ["there.wav"]
    at = at.selectbox(key="dataset").set_value(folders[0]).run()
    assert clip_table(at) == ["here.wav"]
    at = at.text_input(key="text").set_value("wav").run()
    assert clip_table(at) == ["here.wav"]
