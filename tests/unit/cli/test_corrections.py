"""``audiotag corrections``: summary, export, diff, JSON, import and undo, and the dataset's files stay as they are."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    root.mkdir()
    for name in ("a", "b", "c"):
        (root / f"{name}.wav").touch()
    (root / "t.csv").write_text("fname,label\na.wav,Dog\nb.wav,Cat\nc.wav,Rain\n")
    return root


@pytest.fixture
def reviewed(root: Path) -> VerdictJournal:
    """Ann and Bob disagree about a, agree about b."""
    journal = VerdictJournal.of(root, Workspace())
    for reviewer, clip, label, after in (
        ("Ann", "a.wav", "Dog", "Cat"),
        ("Bob", "a.wav", "Dog", "Dog"),
        ("Ann", "b.wav", "Cat", "Dog"),
        ("Bob", "b.wav", "Cat", "Dog"),
    ):
        answer = "right" if label == after else "other"
        journal.append([Verdict("curated", clip, label, answer, (label,), (after,), reviewer, note=f"{clip}!")])
    return journal


def test_summary_of_nothing(run: Callable, root: Path) -> None:
    done = run("corrections", root)
    assert done.status == 0
    assert done.out.splitlines() == ["t: 0 verdicts", "The labels of 0 clips are corrected."]


def test_summary_with_agreement(run: Callable, root: Path, reviewed: VerdictJournal) -> None:
    done = run("corrections", root, "--agreement")
    assert done.status == 0
    assert done.out.splitlines() == [
        "t: 4 verdicts (2 by Ann, 2 by Bob)",
        "The labels of 2 clips are corrected.",
        "Ann and Bob agree on 2 of 3 labels (67 %); Cohen’s κ is 0.40, of too few labels to rely on.",
        "Reviewers disagree about 1 label; where they do, the label stays as in the tables.",
        "  curated a.wav: Bob hears Dog, Ann does not (Ann: a.wav!; Bob: a.wav!)",
    ]


def test_files_are_written_and_the_dataset_is_not(
    run: Callable, root: Path, reviewed: VerdictJournal, tmp_path: Path, contents: Callable
) -> None:
    before = contents(root)
    out, diff, everything = tmp_path / "new.csv", tmp_path / "d.csv", tmp_path / "d.json"
    done = run("corrections", root, "--export", out, "--diff", diff, "--json", everything)
    assert done.status == 0, done.err
    assert out.read_text() == 'fname,label\na.wav,"Dog,Cat"\nb.wav,Dog\nc.wav,Rain\n'
    rows = list(csv.DictReader(io.StringIO(diff.read_text())))
    assert [(row["clip"], row["removed"], row["added"], row["reviewers"]) for row in rows] == [
        ("a.wav", "", "Cat", "Ann,Bob"),
        ("b.wav", "Cat", "Dog", "Ann,Bob"),
    ]
    assert len(json.loads(everything.read_text())["verdicts"]) == 4
    assert contents(root) == before
    for option, name in (("--export", "t.csv"), ("--diff", "t.csv")):
        refused = run("corrections", root, option, root / name)
        assert refused.status == 2
        assert "is a file of the dataset, which is never changed; choose another name" in refused.err
    assert contents(root) == before


def test_a_plain_table_is_written_with_its_reason(run: Callable, tmp_path: Path) -> None:
    for name in ("Dog/a.wav", "=Cat/b.wav"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        (tmp_path / "set" / name).touch()
    done = run("corrections", tmp_path / "set", "--export", tmp_path / "o.csv")
    assert done.status == 1
    assert "because the labels of this dataset are not in a table with one row per clip" in done.err
    assert (tmp_path / "o.csv").read_text() == "fname,labels\n=Cat/b.wav,=Cat\nDog/a.wav,Dog\n"
    run("corrections", tmp_path / "set", "--export", tmp_path / "o.csv", "--spreadsheet")
    assert (tmp_path / "o.csv").read_text("utf-8-sig") == "fname,labels\n'=Cat/b.wav,'=Cat\nDog/a.wav,Dog\n"


def test_import_and_undo(run: Callable, root: Path, tmp_path: Path) -> None:
    table = tmp_path / "ann.csv"
    table.write_text("fname,label\na.wav,Cat\nb.wav,Dog\nz.wav,Dog\n")
    tried = run("corrections", root, "--import", table, "--dry-run")
    assert tried.status == 1
    assert tried.out.splitlines()[0] == "curated a.wav: Dog -> Cat"
    assert "0 verdicts" in tried.out
    done = run("corrections", root, "--import", table, "--reviewer", "Ann B.")
    assert done.status == 1
    assert "1 clip is not in t, and left out: z.wav." in done.err
    assert "Imported: 2 clips get other labels, in the name of Ann B." in done.err
    assert done.out.splitlines() == ["t: 2 verdicts (2 by Ann B.)", "The labels of 2 clips are corrected."]
    undone = run("corrections", root, "--undo", "Ann B.")
    assert "2 verdicts of Ann B. undone." in undone.err
    assert "The labels of 0 clips are corrected." in undone.out
    again = run("corrections", root, "--undo", "Ann B.")
    assert again.status == 2
    assert "there is no verdict of Ann B. to undo; nobody has given one." in again.err


def test_confirmed_and_new_labels(run: Callable, root: Path, tmp_path: Path) -> None:
    table = tmp_path / "ann.csv"
    table.write_text("fname,label\na.wav,Dog\nb.wav,Frog\n")
    done = run("corrections", root, "--import", table, "--confirm", "--new-labels")
    assert done.status == 0
    assert "1 clip gets other labels, 1 verdict changes no label, in the name of ann." in done.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--reviewer", "Ann"], "--reviewer is for --import; add --import FILE, or leave it out."),
        (["--new-labels"], "--new-labels is for --import"),
        (["--spreadsheet"], "--spreadsheet is for a CSV file"),
        (["--import", "x.csv", "--undo", "Ann"], "--import and --undo contradict each other"),
        (["--diff", "x.txt"], "--diff must end in .csv, got x.txt."),
        (["--json", "x.csv"], "--json must end in .json, got x.csv."),
        (["--import", "missing.csv"], "missing.csv"),
    ],
)
def test_options_that_make_no_sense_are_refused(run: Callable, root: Path, arguments: list[str], problem: str) -> None:
    done = run("corrections", root, *arguments)
    assert done.status == 2
    assert problem in done.err


def test_hostile_text_does_not_reach_the_terminal(run: Callable, root: Path) -> None:
    journal = VerdictJournal.of(root, Workspace())
    for reviewer, after in (("\x1b[2J", ()), ("Bob\u202e", ("Dog",))):
        answer = "right" if after else "wrong"
        journal.append([Verdict("curated", "a.wav", "Dog", answer, ("Dog",), after, reviewer, note="\x9b1m")])
    done = run("corrections", root, "--agreement")
    assert done.status == 0
    assert not set(done.out + done.err) & {"\x1b", "\x9b", "\u202e"}
