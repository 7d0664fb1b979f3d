"""A folder is listed with the sounds below each of its folders, within bounds, whatever its links and permissions."""

import os
from pathlib import Path

import pytest

from audiotag.data import browsing
from audiotag.data.browsing import SoundCount, count_sounds, list_folder
from audiotag.errors import AudiotagError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sounds in a tree, one of them hidden, with a table and a text."""
    for file in (
        "dogs/a.wav",
        "dogs/more/b.FLAC",
        "dogs/notes.txt",
        "empty/x.txt",
        ".git/c.wav",
        "top.wav",
        "clips.csv",
    ):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
    return tmp_path


def test_folders_tables_and_sounds_are_listed_without_hidden_ones(folder: Path) -> None:
    found = list_folder(folder)
    assert [(each.path.name, each.count.sounds) for each in found.folders] == [("dogs", 2), ("empty", 0)]
    assert [(table.path.name, table.size_bytes) for table in found.tables] == [("clips.csv", 10)]
    assert (found.sounds, found.all_sounds, found.hidden, found.is_complete) == (1, 3, 1, True)
    assert [each.path.name for each in list_folder(folder, show_hidden=True).folders] == [".git", "dogs", "empty"]


def test_links_are_counted_once_and_circles_end(folder: Path) -> None:
    (folder / "dogs" / "round").symlink_to(folder, target_is_directory=True)
    (folder / "itself").symlink_to(folder / "itself")
    (folder / "gone").symlink_to(folder / "nowhere")
    assert count_sounds(folder / "dogs").sounds == 3  # top.wav is behind the link; dogs itself is not counted again
    assert [each.path.name for each in list_folder(folder).folders] == ["dogs", "empty"]
    with pytest.raises(AudiotagError, match="links lead in a circle"):
        list_folder(folder / "itself")


def test_counting_ends_at_a_bound_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not count_sounds(folder, most=2).is_complete
    monkeypatch.setattr(browsing, "MAX_COUNTED", 4)
    found = list_folder(folder)
    assert found.folders[-1].count == SoundCount(0, 0, is_complete=False)  # nothing was left for the last folder
    assert not found.is_complete


def test_folder_that_cannot_be_listed_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def refusing(path: str | Path) -> object:
        if Path(path).name == "dogs":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert list_folder(folder).folders[0].count == SoundCount(0, problem="permission denied")
    with pytest.raises(AudiotagError, match="dogs cannot be opened: permission denied"):
        list_folder(folder / "dogs")
    with pytest.raises(AudiotagError, match="does not exist any more"):
        list_folder(folder / "gone")
    with pytest.raises(AudiotagError, match="is not a folder"):
        list_folder(folder / "top.wav")
