"""Files that arrive in a folder are found once they are complete, and nothing else is."""

import os
import sys
from pathlib import Path

import pytest

from audiotag.tagging import arrivals as arrivals_module
from audiotag.tagging.arrivals import Arrivals, is_same
from audiotag.tagging.sound_files import SoundFile

from .conftest import touch

SETTLE_S = 2.0


class Clock:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A folder that is watched by a clock of the test, with what is done and what was said."""

    def __init__(self, folder: Path, settle_s: float = SETTLE_S) -> None:
        self.folder, self.clock = folder, Clock()
        self.done: dict[str, os.stat_result] = {}
        self.said: list[str] = []
        self.arrivals = Arrivals(folder, settle_s, self.is_done, self.said.append, self.clock)

    def is_done(self, file: SoundFile, stat: os.stat_result) -> bool:
        return file.clip in self.done and is_same(self.done[file.clip], stat)

    def after(self, seconds: float) -> list[str]:
        """The clips that are complete so many seconds later."""
        self.clock.now += seconds
        self.arrivals.look()
        found = list(self.arrivals.take(99))
        self.done |= {arrival.file.clip: arrival.stat for arrival in found}
        return [arrival.file.clip for arrival in found]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    (tmp_path / "sounds").mkdir()
    return Watched(tmp_path / "sounds")


def test_file_is_taken_when_it_has_stayed_the_same_for_the_time_to_settle(watched: Watched) -> None:
    touch(watched.folder, "a.wav")
    assert watched.after(0) == []
    assert watched.after(1.9) == []
    assert watched.after(0.2) == ["a.wav"]
    assert watched.after(99) == []


def test_file_that_grows_is_not_taken_before_it_has_stopped(watched: Watched) -> None:
    path = watched.folder / "slow.wav"
    for _ in range(9):
        with path.open("ab") as file:
            file.write(b"more")
        assert watched.after(1.5) == []
    assert watched.after(2) == ["slow.wav"]


def test_file_that_grows_between_looking_and_taking_waits_again(watched: Watched) -> None:
    touch(watched.folder, "a.wav", "b.wav")
    watched.after(0)
    watched.clock.now += SETTLE_S
    watched.arrivals.look()
    (watched.folder / "a.wav").write_bytes(b"grown")
    assert [arrival.file.clip for arrival in watched.arrivals.take(9)] == ["b.wav"]
    assert watched.after(1) == []
    assert watched.after(1) == ["a.wav"]


def test_file_that_changed_while_it_was_read_waits_again_and_one_that_is_gone_does_not(watched: Watched) -> None:
    touch(watched.folder, "a.wav", "b.wav", "c.wav")
    watched.after(0)
    watched.clock.now += SETTLE_S
    a, b, c = watched.arrivals.take(9)
    (watched.folder / "a.wav").write_bytes(b"grown")
    (watched.folder / "b.wav").unlink()
    assert [watched.arrivals.is_unchanged(arrival) for arrival in (a, b, c)] == [False, False, True]
    assert list(watched.arrivals.waiting()) == ["a.wav"]


def test_renamed_and_replaced_files_are_found_wherever_they_are(watched: Watched, tmp_path: Path) -> None:
    touch(watched.folder, "deep/er/a.wav", "b.wav")
    assert watched.after(0) + watched.after(2) == ["b.wav", os.path.join("deep", "er", "a.wav")]
    (tmp_path / "new.wav").write_bytes(b"new")
    os.replace(tmp_path / "new.wav", watched.folder / "deep/er/a.wav")  # other content under the same name
    (watched.folder / "b.wav").write_bytes(b"written over in place")
    os.rename(touch(tmp_path, "moved/c.wav") / "moved", watched.folder / "moved")
    names = ["b.wav", os.path.join("deep", "er", "a.wav"), os.path.join("moved", "c.wav")]
    assert watched.after(1) == []
    assert sorted(watched.after(2)) == names


def test_hidden_and_temporary_files_are_passed_over_until_they_have_another_name(watched: Watched) -> None:
    names = (".a.wav", "~b.wav", "c.part.wav", "d.TMP.ogg", "e.wav.crdownload", "f.txt", ".hidden/g.wav")
    touch(watched.folder, *names)
    assert watched.after(0) + watched.after(9) == []
    os.rename(watched.folder / "c.part.wav", watched.folder / "part.wav")
    os.rename(watched.folder / "e.wav.crdownload", watched.folder / "e.wav")
    assert watched.after(0) == []
    assert watched.after(2) == ["e.wav", "part.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and named pipes")
def test_links_to_folders_and_what_is_not_a_file_are_passed_over(watched: Watched, tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/a.wav")
    (watched.folder / "loop").symlink_to(watched.folder)
    (watched.folder / "link.wav").symlink_to(tmp_path / "elsewhere" / "a.wav")
    (watched.folder / "broken.wav").symlink_to(tmp_path / "nothing.wav")
    os.mkfifo(watched.folder / "pipe.wav")
    (watched.folder / "folder.wav").mkdir()
    assert watched.after(0) + watched.after(2) == ["link.wav"]


def test_folder_without_changes_is_not_listed_again_before_the_next_complete_round(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(watched.folder, "one/a.wav", "two/b.wav")
    assert len(watched.after(0) + watched.after(2)) == 2
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(
        arrivals_module.os, "scandir", lambda path: (listed.append(os.path.basename(path)), scandir(path))[1]
    )
    monkeypatch.setattr(watched.arrivals, "_next_complete", watched.clock.now + 1000)
    assert watched.after(9) == []
    assert listed == []
    touch(watched.folder, "two/c.wav")
    watched.after(1)
    assert listed == ["two"]
    assert watched.after(2) == [os.path.join("two", "c.wav")]
    listed.clear()
    (watched.folder / "one/a.wav").write_bytes(b"written over in place")  # changes no folder
    assert watched.after(99) == []
    watched.after(1000)
    assert sorted(listed) == ["one", "sounds", "two"]
    assert watched.after(2) == [os.path.join("one", "a.wav")]


def test_more_files_than_are_remembered_are_found_round_by_round(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals_module, "MAX_WAITING", 3)
    names = [os.path.join(str(number % 2), f"{number}.wav") for number in range(8)]
    touch(watched.folder, *names)
    found = []
    for _ in range(9):
        assert len(watched.arrivals) <= 3
        found += watched.after(2)
    assert sorted(found) == sorted(names)


def test_round_that_is_broken_off_in_the_last_folder_is_not_complete(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals_module, "MAX_WAITING", 3)
    touch(watched.folder, *(f"{number}.wav" for number in range(4)))
    found = []
    for are_all_seen in (False, False, True):  # the first and the second round find three and none
        found += watched.after(2)
        assert watched.arrivals.has_seen_all == are_all_seen
    assert sorted(found + watched.after(2)) == ["0.wav", "1.wav", "2.wav", "3.wav"]


def test_files_that_the_system_refuses_are_said_once_and_found_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(watched.folder, "locked/a.wav", "locked/b.wav", "c.wav")
    stat = os.stat

    def refuse(path: str, *arguments: object, **options: object) -> os.stat_result:
        if os.path.basename(os.path.dirname(path)) == "locked":
            raise PermissionError(13, "Permission denied")
        return stat(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(arrivals_module.os, "stat", refuse)
        assert watched.after(0) + watched.after(2) == ["c.wav"]
        assert watched.said == [
            f"{watched.folder / 'locked' / 'a.wav'} cannot be read: Permission denied (2 files of this folder "
            "cannot be read). It is tried again."
        ]
        assert (watched.arrivals.unreadable, watched.arrivals.is_readable) == (1, True)
    assert watched.after(2) == []
    assert sorted(watched.after(2)) == [os.path.join("locked", name) for name in ("a.wav", "b.wav")]
    assert watched.arrivals.unreadable == 0


def test_folder_that_disappears_is_said_once_and_found_again(watched: Watched, tmp_path: Path) -> None:
    touch(watched.folder, "a.wav")
    watched.after(0)
    os.rename(watched.folder, tmp_path / "unplugged")
    assert watched.after(2) + watched.after(2) == []
    assert len(watched.said) == 1
    assert watched.said[0].startswith(f"{watched.folder} cannot be read: ")
    assert not watched.arrivals.is_readable
    os.rename(tmp_path / "unplugged", watched.folder)
    assert watched.after(2) + watched.after(2) == ["a.wav"]
    assert watched.said[1:] == [f"{watched.folder} can be read again."]
    assert watched.arrivals.is_readable


def test_names_that_are_no_text_are_found(watched: Watched) -> None:
    if sys.platform != "linux":
        pytest.skip("file names are text here")
    path = os.fsencode(watched.folder) + b"/caf\xe9.wav"
    os.close(os.open(path, os.O_CREAT))
    assert watched.after(0) + watched.after(2) == ["caf\udce9.wav"]
