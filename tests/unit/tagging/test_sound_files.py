"""Sounds are found in folders, in the order of their paths, and what cannot be one is named."""

import os
from pathlib import Path

import pytest

from audiotag.tagging.bulk import tag_files
from audiotag.tagging.sound_files import sound_files
from audiotag.tagging.tagger import Tagger

from .conftest import touch


def clip_names(*paths: Path) -> list[str]:
    return [file.clip for file in sound_files(paths)]


def test_folder_is_read_in_the_order_of_its_paths_without_hidden_files(tmp_path: Path) -> None:
    names = ("b.wav", "a/z.FLAC", "a/b/c.mp3", "a.wav", "ab/c.ogg", "Z.m4a")
    touch(tmp_path, *names, ".hidden.wav", ".cache/a.wav", "a/._z.wav", "notes.txt", "tags.csv", "a/wav")
    assert clip_names(tmp_path) == sorted(names, key=lambda name: Path(name).parts)
    assert clip_names(tmp_path / "a" / ".." / "a") == ["b/c.mp3", "z.FLAC"]


def test_names_are_relative_to_the_common_folder(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.wav", "two/a.wav", "two/deep/a.wav")
    assert clip_names(tmp_path / "one", tmp_path / "two") == ["one/a.wav", "two/a.wav", "two/deep/a.wav"]
    assert clip_names(tmp_path / "one/a.wav", tmp_path / "two/a.wav") == ["one/a.wav", "two/a.wav"]
    assert clip_names(tmp_path / "two/deep/a.wav") == ["a.wav"]


def test_links_to_folders_are_not_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.wav", "out/b.wav")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/other").symlink_to(tmp_path / "out")
    (tmp_path / "in/b.wav").symlink_to(tmp_path / "out/b.wav")
    assert clip_names(tmp_path / "in") == ["a.wav", "b.wav"]
    assert clip_names(tmp_path / "in/other") == ["b.wav"]  # a link that is named by hand is followed


def test_files_and_folders_named_like_sounds_are_reported(tmp_path: Path, tagger: Tagger) -> None:
    touch(tmp_path, "folder.wav/notes.txt", "session.wav/a.wav")
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "self.wav").symlink_to(tmp_path / "self.wav")
    (tmp_path / "to-folder.wav").symlink_to(tmp_path / "session.wav")
    reasons = {result.file.clip: result.problem for result in tag_files(tagger, sound_files([tmp_path]))}
    assert reasons.pop("folder.wav") == (
        "folder.wav is a folder without sounds whose name ends like a sound file's; rename or remove it."
    )
    assert reasons.pop("session.wav/a.wav") == "session.wav/a.wav is empty (0 bytes); copy or record it again."
    assert set(reasons) == {"gone.wav", "self.wav", "to-folder.wav"}
    assert reasons["gone.wav"].startswith("gone.wav is a link to ")
    assert reasons["to-folder.wav"] == "to-folder.wav is a folder, not a sound; open it as a dataset, or leave it out."
    assert all("does not exist" in reasons[clip] for clip in ("gone.wav", "self.wav"))


def test_folder_that_cannot_be_read_is_reported_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a/a.wav", "b/b.wav", "c/c.wav")
    scandir = os.scandir

    def guarded(folder: Path) -> object:
        if Path(folder).name == "b":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    found = {each.clip: each.problem for each in sound_files([tmp_path])}
    assert found == {"a/a.wav": "", "b": "b: the folder cannot be read: Permission denied.", "c/c.wav": ""}
