"""Names and notes of runs: kept in the run's folder beside what is there, and damaged ones are set aside."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.state import take_sentences
from audiotag.training.run_notes import FILE, RunNote, display_name, display_names, read_note, write_note
from audiotag.training.runs import Run


def test_name_and_note_are_read_back_and_nothing_else_in_the_folder_changes(
    run: Run, contents: Callable[[Path], dict]
) -> None:
    before = contents(run.folder)
    note = RunNote("first *try*", "größere Fenster, 犬")
    write_note(run, note)
    assert read_note(run) == note
    assert display_name(run) == "first *try*"
    assert contents(run.folder).keys() - before.keys() == {FILE}
    write_note(run, RunNote())
    assert contents(run.folder) == before
    assert display_name(run) == run.name


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"title": 3, "note": ""}', b"\xff\x00"])
def test_damaged_note_is_set_aside_with_a_sentence_and_the_run_is_called_by_its_folder(
    run: Run, content: bytes
) -> None:
    (run.folder / FILE).write_bytes(content)
    take_sentences()
    assert read_note(run) == RunNote()
    assert (run.folder / f"{FILE}.damaged").read_bytes() == content
    (sentence,) = take_sentences()
    assert f"run {run.name} has no name of its own and no note" in sentence


def test_line_breaks_become_spaces_and_long_texts_are_refused() -> None:
    assert RunNote("a\tb\n", " c\r\nd").note == "c d"
    with pytest.raises(AudiotagError, match="at most 100 characters, got 101"):
        RunNote("a" * 101)


def test_note_of_a_run_that_was_deleted_is_refused_and_makes_no_folder(run: Run) -> None:
    moved = run.folder.rename(run.folder.with_name("elsewhere"))
    with pytest.raises(AudiotagError, match="does not exist any more"):
        write_note(run, RunNote("a"))
    assert not run.folder.exists()
    assert moved.exists()


def test_runs_of_one_name_are_told_apart_by_their_folders(run: Run) -> None:
    other = Run(run.folder.with_name("other"))
    other.folder.mkdir()
    (other.folder / "settings.json").write_text("{}")
    assert display_names([run, other]) == {run.name: run.name, "other": "other"}
    for each in (run, other):
        write_note(each, RunNote("same"))
    assert display_names([run, other]) == {run.name: f"same · {run.name}", "other": "same · other"}
