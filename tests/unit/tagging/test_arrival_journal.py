"""The journal of a watched folder keeps one result per clip, whatever ends the process that writes it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.tagging.arrival_journal import ArrivalJournal
from audiotag.tagging.journal import journal_path
from audiotag.tagging.sound_files import SoundFile

from .conftest import touch

FINGERPRINT = {"ensemble": "a", "thresholds": [0.5]}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "tags.csv"


@pytest.fixture
def file_of(tmp_path: Path) -> Callable[..., tuple[SoundFile, os.stat_result]]:
    """``file_of(name, content)``: write a file; it and what the system says about it."""

    def make(name: str, content: bytes = b"") -> tuple[SoundFile, os.stat_result]:
        path = touch(tmp_path / "sounds", name) / name
        path.write_bytes(content)
        return SoundFile(path, name), path.stat()

    return make


def opened(out: Path, fingerprint: dict | None = None) -> ArrivalJournal:
    return ArrivalJournal(out, fingerprint or FINGERPRINT, print)


def row(clip: str, value: int = 1) -> dict:
    return {"clip": clip, "value": value}


def test_results_stay_and_each_file_is_done_until_it_changes(out: Path, file_of: Callable) -> None:
    a, b = file_of("a.wav", b"1"), file_of("b.wav", b"22")
    with opened(out) as journal:
        for file, stat in (a, b):
            assert not journal.is_done(file, stat)
            journal.add_arrival(file, stat, row(file.clip))
    with opened(out) as journal:
        assert journal.is_resumed
        assert (len(journal), journal.good, journal.bad) == (2, 2, 0)
        assert [one["clip"] for one in journal.rows()] == ["a.wav", "b.wav"]
        assert journal.is_done(*a)
        changed = file_of("a.wav", b"longer")
        assert not journal.is_done(*changed)
        assert journal.has(changed[0])
        journal.add_arrival(*changed, row("a.wav", 2))
        assert journal.is_done(*changed)
    with opened(out) as journal:
        assert list(journal.rows()) == [row("a.wav", 2), row("b.wav")]


def test_bad_file_is_done_until_its_content_or_its_permissions_change(out: Path, file_of: Callable) -> None:
    file, stat = file_of("a.wav", b"1")
    with opened(out) as journal:
        journal.add_arrival(file, stat, {"clip": "a.wav", "path": "", "problem": "no sound"})
        assert (journal.good, journal.bad) == (0, 1)
    with opened(out) as journal:
        assert journal.bad == 1
        assert journal.is_done(file, stat)
        other = os.stat_result((*stat[:9], stat.st_ctime + 1), {"st_mtime_ns": stat.st_mtime_ns, "st_ctime_ns": 1})
        assert not journal.is_done(file, other)
        journal.add_arrival(*file_of("a.wav", b"good"), row("a.wav"))
        assert (journal.good, journal.bad) == (1, 0)


@pytest.mark.parametrize("torn", [b'{"clip": "b.wav", "st', b"{}\n", b"\xff\xfe 00000000\n"])
def test_line_that_is_torn_or_altered_is_tagged_again(out: Path, file_of: Callable, torn: bytes) -> None:
    a, b = file_of("a.wav"), file_of("b.wav")
    with opened(out) as journal:
        journal.add_arrival(*a, row("a.wav"))
    with journal_path(out, "watch").open("ab") as file:
        file.write(torn)
    with opened(out) as journal:
        assert (journal.is_done(*a), journal.is_done(*b)) == (True, False)
        journal.add_arrival(*b, row("b.wav"))
    with opened(out) as journal:
        assert list(journal.rows()) == [row("a.wav"), row("b.wav")]


def test_journal_is_never_begun_anew_by_itself(out: Path, file_of: Callable) -> None:
    with opened(out) as journal:
        journal.add_arrival(*file_of("a.wav"), row("a.wav"))
    path, whole = journal_path(out, "watch"), journal_path(out, "watch").read_bytes()
    with pytest.raises(AudiotagError, match=r"was begun with other settings \(ensemble and thresholds\)"):
        opened(out, {"ensemble": "b", "thresholds": [0.1]}).__enter__()
    assert path.read_bytes() == whole
    path.write_bytes(b"x" + whole)
    with pytest.raises(AudiotagError, match=r"is damaged, so what tags\.csv holds cannot be continued"):
        opened(out).__enter__()
    assert path.read_bytes() == b"x" + whole
    path.write_bytes(whole)
    with opened(out) as journal, pytest.raises(AudiotagError, match=r"another audiotag is writing tags\.csv"):
        opened(out).__enter__()
    assert list(journal.rows()) == [row("a.wav")]


def test_journal_of_which_only_half_the_first_line_was_written_is_begun_again(out: Path) -> None:
    journal_path(out, "watch").write_bytes(b'{"ensemb')
    with opened(out) as journal:
        assert not journal.is_resumed
        assert len(journal) == 0
