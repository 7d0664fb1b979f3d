"""The journal keeps every verdict on disk, undoes any number of them, and reads what a kill left of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from audiotag.data.verdicts import JournalReader, Verdict, VerdictJournal
from audiotag.workspace import Workspace


@pytest.fixture
def journal(tmp_path: Path) -> VerdictJournal:
    return VerdictJournal.of(tmp_path / "sounds", Workspace(tmp_path / "home"))


def verdict(clip: str = "a.wav", label: str = "Bark", answer: str = "wrong", reviewer: str = "ann") -> Verdict:
    before = ("Bark", "Hum")
    after = {"wrong": tuple(each for each in before if each != label), "add": (*before, label)}.get(answer, before)
    return Verdict("curated", clip, label, answer, before, after, reviewer)  # type: ignore[arg-type]


def clips_of(journal: VerdictJournal) -> list[str]:
    return [each.clip for each in journal.verdicts()]


def test_verdicts_come_back_as_they_were_given(journal: VerdictJournal) -> None:
    texts = 'größe\n"x"\u2028.wav'
    given = replace(verdict(), clip=texts, content="0f" * 16, note="two dogs\nat 1 s")
    (written,) = journal.append([given])
    assert written.time > 0
    assert written.action
    assert journal.verdicts() == [written]
    assert replace(written, time=0.0, action="") == given
    assert len(journal.path.read_bytes().splitlines()) == 1  # a line break in a text is no line of the journal


def test_nothing_is_written_until_there_is_a_verdict(journal: VerdictJournal) -> None:
    assert journal.verdicts() == []
    assert journal.undo("ann") == []
    assert not journal.path.exists()


def test_journal_grows_and_is_never_rewritten(journal: VerdictJournal) -> None:
    seen = b""
    for step in (lambda: journal.append([verdict("a.wav")]), lambda: journal.append([verdict("b.wav")]),
                 lambda: journal.undo("ann"), lambda: journal.append([verdict("c.wav")])):  # fmt: skip
        step()
        content = journal.path.read_bytes()
        assert content.startswith(seen)
        assert len(content) > len(seen)
        seen = content


def test_undo_takes_back_one_action_after_the_other_until_none_is_left(journal: VerdictJournal) -> None:
    for clip in ("a.wav", "b.wav"):
        journal.append([verdict(clip)])
    journal.append([verdict("c.wav"), verdict("d.wav")])  # given together
    assert [each.clip for each in journal.undo("ann")] == ["c.wav", "d.wav"]
    assert clips_of(journal) == ["a.wav", "b.wav"]
    journal.append([verdict("e.wav")])
    undone = [[each.clip for each in journal.undo("ann")] for _ in range(5)]
    assert undone == [["e.wav"], ["b.wav"], ["a.wav"], [], []]
    assert journal.verdicts() == []


def test_undo_leaves_the_verdicts_of_others(journal: VerdictJournal) -> None:
    journal.append([verdict("a.wav", reviewer="ann")])
    journal.append([verdict("b.wav", reviewer="ben")])
    assert [each.clip for each in journal.undo("ann")] == ["a.wav"]
    assert journal.undo("ann") == []
    assert clips_of(journal) == ["b.wav"]


def test_line_that_a_kill_cut_off_costs_itself_alone(journal: VerdictJournal) -> None:
    journal.append([verdict("a.wav")])
    whole = journal.path.read_bytes()
    journal.append([verdict("b.wav")])
    cut = journal.path.read_bytes()
    for length in range(len(whole), len(cut) - 1):
        journal.path.write_bytes(cut[:length])
        assert clips_of(journal) == ["a.wav"]
    journal.path.write_bytes(cut[:-20])
    journal.append([verdict("c.wav")])
    assert clips_of(journal) == ["a.wav", "c.wav"]
    assert whole in journal.path.read_bytes()


def test_last_line_without_its_line_break_counts(journal: VerdictJournal) -> None:
    journal.append([verdict("a.wav"), verdict("b.wav")])
    journal.path.write_bytes(journal.path.read_bytes().rstrip(b"\n"))
    assert clips_of(journal) == ["a.wav", "b.wav"]
    journal.append([verdict("c.wav")])
    assert clips_of(journal) == ["a.wav", "b.wav", "c.wav"]


@pytest.mark.parametrize(
    "line",
    [b"no JSON", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"time": 1, "reviewer": "ann"}'],
    ids=["no JSON", "a list", "no fields", "no UTF-8", "deep", "few fields"],
)
def test_damaged_line_in_the_middle_is_left_out(journal: VerdictJournal, line: bytes) -> None:
    journal.append([verdict("a.wav")])
    first = journal.path.read_bytes()
    journal.append([verdict("b.wav")])
    second = journal.path.read_bytes()[len(first) :]
    journal.path.write_bytes(first + line + b"\n" + second)
    assert clips_of(journal) == ["a.wav", "b.wav"]
    journal.undo("ann")
    assert clips_of(journal) == ["a.wav"]


def test_answer_of_another_version_is_left_out(journal: VerdictJournal) -> None:
    journal.append([verdict("a.wav")])
    values = json.loads(journal.path.read_text()) | {"answer": "sing it", "action": "other"}
    with journal.path.open("a") as file:
        file.write(json.dumps(values) + "\n")
    assert clips_of(journal) == ["a.wav"]


def test_datasets_have_journals_of_their_own(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    journals = [VerdictJournal.of(tmp_path / place / "sounds", workspace) for place in ("one", "two")]
    journals[0].append([verdict()])
    assert [len(journal.verdicts()) for journal in journals] == [1, 0]
    assert not any((tmp_path / place).exists() for place in ("one", "two"))  # nothing is written beside the sounds


def test_verdict_decides_the_labels_that_it_changes() -> None:
    assert verdict(answer="wrong").decisions == {"Bark": False}
    assert verdict(answer="right").decisions == {"Bark": True}
    assert verdict(label="Meow", answer="add").decisions == {"Meow": True}
    assert verdict(label="Meow", answer="right").decisions == {"Meow": False}  # it is not missing
    assert verdict(answer="unsure").decisions == verdict(answer="skip").decisions == {}
    other = replace(verdict(answer="wrong"), answer="other", after=("Hum", "Meow"))
    assert other.decisions == {"Bark": False, "Meow": True}
    imported = replace(verdict(), label="", answer="other", after=("Hum", "Meow"))
    assert imported.decisions == {"Bark": False, "Hum": True, "Meow": True}


def test_a_reader_takes_up_what_is_appended_and_undone(journal: VerdictJournal) -> None:
    reader = JournalReader(journal)
    assert reader.verdicts() == []
    journal.append([verdict("a.wav"), verdict("b.wav")])
    assert reader.verdicts() == journal.verdicts()
    journal.append([verdict("c.wav")])
    assert [each.clip for each in reader.verdicts()] == ["a.wav", "b.wav", "c.wav"]
    journal.undo("ann")
    assert reader.verdicts() == journal.verdicts()
    assert [each.clip for each in reader.verdicts()] == ["a.wav", "b.wav"]


def test_a_reader_reads_a_line_that_was_cut_off_when_it_is_whole(journal: VerdictJournal) -> None:
    journal.append([verdict("a.wav"), verdict("b.wav")])
    whole = journal.path.read_bytes()
    reader = JournalReader(journal)
    clips = []
    for end in (len(whole) - 20, len(whole) - 1, len(whole)):
        journal.path.write_bytes(whole[:end])
        clips.append([each.clip for each in reader.verdicts()])
    assert clips == [["a.wav"], ["a.wav", "b.wav"], ["a.wav", "b.wav"]]


def test_a_reader_notices_that_another_journal_has_taken_the_place(journal: VerdictJournal) -> None:
    journal.append([verdict("a.wav"), verdict("b.wav")])
    reader = JournalReader(journal)
    assert len(reader.verdicts()) == 2
    other = VerdictJournal(journal.path.with_name("other.jsonl"))
    other.append([verdict("x.wav"), verdict("y.wav"), verdict("z.wav")])
    other.path.replace(journal.path)
    assert [each.clip for each in reader.verdicts()] == ["x.wav", "y.wav", "z.wav"]
    journal.path.unlink()
    assert reader.verdicts() == []
