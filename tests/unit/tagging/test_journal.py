"""A stopped run goes on where it stopped, whatever was torn, changed or renamed in between."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag import in_hand
from audiotag.errors import AudiotagError
from audiotag.tagging.export.rows import problem_row
from audiotag.tagging.journal import Journal, write_problems
from audiotag.tagging.sound_files import SoundFile, sound_files

from .conftest import touch


class Work:
    """Runs a journal without a network: the row of a clip says which run made it."""

    def __init__(self, out: Path, files: list[SoundFile], **fingerprint: object) -> None:
        self.out, self.files, self.fingerprint = out, files, fingerprint
        self.messages: list[str] = []

    def run(self, name: str, stop_after: int | None = None, bad: tuple[str, ...] = ()) -> tuple[list[str], int]:
        """Which runs made the rows of the file, and how many were resumed; no rows if it was stopped."""
        with Journal(self.out, self.fingerprint, self.messages.append) as journal:
            for done, file in enumerate(journal.todo(self.files)):
                if done == stop_after:
                    return [], journal.resumed
                if file.clip in bad:
                    journal.add(problem_row(file.clip, str(file.path), "is bad"))
                else:
                    journal.add({"clip": file.clip, "by": name})
            rows = [row.get("by", row.get("problem")) for row in journal.rows()]
            assert [row["clip"] for row in journal.rows()] == [file.clip for file in self.files]
            journal.remove()
        return rows, journal.resumed


@pytest.fixture
def work(tmp_path: Path) -> Callable[..., Work]:
    folder = touch(tmp_path / "in", *(f"{number}.wav" for number in range(6)))

    def make(**fingerprint: object) -> Work:
        return Work(tmp_path / "tags.csv", list(sound_files([folder])), **fingerprint)

    return make


def journal_of(work: Work) -> Path:
    return work.out.with_name(".tags.csv.partial.jsonl")


def test_stopped_run_goes_on_with_what_is_missing(work: Callable[..., Work]) -> None:
    job = work(ensemble=[1, 2])
    job.run("first", stop_after=2)
    job.run("second", stop_after=1)
    assert job.run("third") == (["first"] * 2 + ["second"] + ["third"] * 3, 3)
    assert job.messages == [
        "Resuming tags.csv: 2 clips are already tagged.",
        "Resuming tags.csv: 3 clips are already tagged.",
    ]
    assert list(job.out.parent.glob(".*")) == []
    assert job.run("fourth") == (["fourth"] * 6, 0)


def test_failed_clips_are_tried_again_and_keep_their_place(work: Callable[..., Work]) -> None:
    job = work()
    job.run("first", stop_after=4, bad=("1.wav", "2.wav"))
    rows, resumed = job.run("second", bad=("2.wav",))
    assert rows == ["first", "second", "is bad", "first", "second", "second"]
    assert resumed == 2


def test_changed_clip_is_done_again_and_missing_clip_is_not_written(work: Callable[..., Work]) -> None:
    job = work()
    job.run("first", stop_after=4)
    (job.out.parent / "in/0.wav").write_bytes(b"longer")
    os.utime(job.out.parent / "in/1.wav", (1, 1))
    job.files = [job.files[place] for place in (0, 1, 3, 5)]
    assert job.run("second") == (["second", "second", "first", "second"], 1)


def test_resumed_run_may_have_another_order_and_a_file_twice(work: Callable[..., Work]) -> None:
    job = work()
    job.run("first", stop_after=3)
    job.files = [*job.files[::-1], job.files[0]]
    assert job.run("second") == (["second"] * 3 + ["first"] * 4, 4)


def test_other_settings_start_anew_and_name_the_difference(work: Callable[..., Work]) -> None:
    work(ensemble=[1], thresholds=(0.5,)).run("first", stop_after=4)
    job = work(ensemble=[1], thresholds=(0.4,))
    assert job.run("second") == (["second"] * 6, 0)
    assert job.messages == [
        "tags.csv is unfinished, but cannot be resumed because this has changed: thresholds. "
        "Starting again from the beginning."
    ]


@pytest.mark.parametrize("torn", [1, 10, 1000])
def test_incomplete_last_line_is_dropped(work: Callable[..., Work], torn: int) -> None:
    job = work()
    job.run("first", stop_after=3)
    path = journal_of(job)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][: -min(torn, len(lines[-1]) - 1)])
    assert job.run("second") == (["first"] * 2 + ["second"] * 4, 2)


def test_damaged_line_is_skipped(work: Callable[..., Work]) -> None:
    job = work()
    job.run("first", stop_after=4)
    path = journal_of(job)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = bytes(len(lines[2]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    assert job.run("second") == (["first", "second", "first", "first", "second", "second"], 3)


@pytest.mark.parametrize("seed", range(12))
def test_altered_byte_is_noticed_and_costs_its_clips_alone(work: Callable[..., Work], seed: int) -> None:
    job, rng = work(), np.random.default_rng(seed)
    job.run("first", stop_after=4)
    path = journal_of(job)
    content = bytearray(path.read_bytes())
    at = int(rng.integers(content.index(b"\n") + 1, len(content)))
    content[at] ^= int(rng.integers(1, 256))
    path.write_bytes(content)
    rows, resumed = job.run("second")
    assert 2 <= resumed <= 3  # an altered end of a line costs two clips
    assert rows.count("first") == resumed
    assert rows.count("second") == 6 - resumed


def test_journal_that_is_altered_during_the_work_is_not_written_out(work: Callable[..., Work]) -> None:
    job = work()
    with Journal(job.out, {}, job.messages.append) as journal:
        for file in journal.todo(job.files):
            journal.add({"clip": file.clip, "by": "first"})
        path = journal_of(job)
        path.write_bytes(path.read_bytes().replace(b"3.wav", b"4.wav"))
        with pytest.raises(AudiotagError, match="was altered or its disk is damaged; run the same command again"):
            list(journal.rows())
    assert job.run("second") == (["first"] * 3 + ["second"] + ["first"] * 2, 5)


def test_journal_of_an_earlier_version_starts_anew_with_a_sentence(work: Callable[..., Work]) -> None:
    job = work(ensemble=[1])
    journal_of(job).write_bytes(b'{"ensemble": [1]}\n{"clip": "0.wav", "row": {}}\n')
    assert job.run("second") == (["second"] * 6, 0)
    assert job.messages == [
        "tags.csv is unfinished, but cannot be resumed because its journal is damaged, or was written by an earlier "
        "version of audiotag. Starting again from the beginning."
    ]


def test_files_in_hand_of_a_killed_run_are_suspects_until_the_file_is_written(work: Callable[..., Work]) -> None:
    job = work()
    notes = job.out.with_name(".tags.csv.partial.in-hand")
    job.run("first", stop_after=2)
    notes.write_bytes(b"+" + os.fsencode(job.files[2].path))  # as a process that died leaves it
    for name in ("second", "third"):
        with Journal(job.out, job.fingerprint, job.messages.append) as journal:
            assert in_hand.is_suspect(job.files[2].path)
            assert not in_hand.is_suspect(job.files[3].path)
            file = next(journal.todo(job.files))
            journal.add(problem_row(file.clip, str(file.path), name))
            if name == "second":
                os.link(notes, notes.with_name("left"))  # killed: the notes stay
        if name == "second":
            os.replace(notes.with_name("left"), notes)
    assert not notes.exists()
    assert not in_hand.is_suspect(job.files[2].path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]\n", b"\0\0\n", b'"text"\n'])
def test_journal_without_a_first_line_is_not_resumed(work: Callable[..., Work], content: bytes) -> None:
    job = work(ensemble=[1])
    journal_of(job).write_bytes(content)
    assert job.run("second") == (["second"] * 6, 0)


def test_one_that_begins_when_another_ends_is_the_only_one(
    work: Callable[..., Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = work()
    first, second, third = (Journal(job.out, {}, job.messages.append) for _ in range(3))
    release = first._lock.release

    def release_and_let_the_second_in() -> None:
        release()
        second.__enter__()

    with monkeypatch.context() as patched:
        patched.setattr(first._lock, "release", release_and_let_the_second_in)
        with first:
            pass
    with pytest.raises(AudiotagError, match="another audiotag is writing"):
        third.__enter__()
    second.__exit__(None, None, None)


def test_file_that_another_process_writes_is_refused(work: Callable[..., Work]) -> None:
    job = work()
    with (
        Journal(job.out, {}, job.messages.append),
        pytest.raises(AudiotagError, match=r"another audiotag is writing tags\.csv"),
    ):
        job.run("second")
    assert job.run("third") == (["third"] * 6, 0)


def test_names_that_are_not_utf_8_are_resumed_too(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/in/caf\xe9.wav"))
    try:
        touch(path.parent, path.name)
    except OSError:
        pytest.skip("the file system takes UTF-8 alone")
    job = Work(tmp_path / "tags.csv", [*sound_files([path.parent]), SoundFile(tmp_path / "gone.wav", "gone.wav")])
    job.run("first", stop_after=1)
    assert job.run("second") == (["first", "second"], 1)


def test_problems_have_their_own_table(tmp_path: Path) -> None:
    rows = [{"clip": "a.wav", "scores": {}, "tags": []}, problem_row("b.wav", "/in/b.wav", 'b.wav is "odd", or so')]
    write_problems(tmp_path / "p.csv", rows)
    assert (tmp_path / "p.csv").read_text().splitlines() == [
        "fname,path,problem",
        'b.wav,/in/b.wav,"b.wav is ""odd"", or so"',
    ]
