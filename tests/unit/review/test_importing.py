"""Corrections by others become verdicts of one reviewer, only where they say something new; the rest is named."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from audiotag.data.corrections import find_corrections
from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.data.verdicts import Verdict, VerdictJournal, clean_reviewer
from audiotag.errors import AudiotagError
from audiotag.review.agreement import find_disagreements
from audiotag.review.differences import differences_csv
from audiotag.review.export.exporting import export_labels
from audiotag.review.importing import ImportOptions, ImportPlan, plan_import, undo_import
from audiotag.review.interchange import corrections_json
from audiotag.review.reviewed import read_reviewed
from audiotag.workspace import Workspace


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Four curated clips, and two noisy ones of which one has the name of a curated one."""
    tables = {
        "train_curated": 'fname,labels\na.wav,Dog\nb.wav,"Dog,Rain"\nc.wav,Cat\nd.wav,Rain\n',
        "train_noisy": "fname,labels\na.wav,Cat\nn.wav,Dog\n",
    }
    root = tmp_path / "set"
    for name, table in tables.items():
        (root / name).mkdir(parents=True)
        (root / f"{name}.csv").write_text(table)
        for line in table.splitlines()[1:]:
            (root / name / line.split(",")[0]).touch()
    return open_dataset(root)


@pytest.fixture
def journal(dataset: Dataset) -> VerdictJournal:
    return VerdictJournal.of(dataset.root, Workspace())


@pytest.fixture
def plan(dataset: Dataset, journal: VerdictJournal, tmp_path: Path) -> Callable[..., ImportPlan]:
    """``plan(content, name, reviewer=…)``: what the import of a file would do."""

    def make(content: str | bytes, name: str = "ann.csv", **options: object) -> ImportPlan:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return plan_import(path, dataset, journal.verdicts(), ImportOptions(**options))  # type: ignore[arg-type]

    return make


def labels_now(dataset: Dataset) -> dict[str, set[str]]:
    """Labels of each clip, by subset and name, as they are corrected."""
    found = {f"{row.subset}/{row.clip}": set(row.labels) for row in dataset.clips.itertuples()}
    for one in read_reviewed(dataset, Workspace()).corrections:
        found[f"{one.subset}/{one.clip}"] = set(one.after)
    return found


def test_only_clips_with_other_labels_become_verdicts(
    dataset: Dataset, journal: VerdictJournal, plan: Callable[..., ImportPlan], contents: Callable
) -> None:
    before, was = contents(dataset.root), labels_now(dataset)
    found = plan('fname,labels\ntrain_curated/a.wav,Cat\nb.wav,"Rain,Dog"\nd,"Rain,Cat"\n')
    assert [(one.clip, one.label, one.answer, one.before, one.after) for one in found.verdicts] == [
        ("a.wav", "", "other", ("Dog",), ("Cat",)),
        ("d.wav", "", "other", ("Rain",), ("Rain", "Cat")),
    ]
    assert found.notes == ("1 clip has the same labels already.",)
    assert found.sentence == "2 clips get other labels, in the name of ann."
    assert found.table()["to"].tolist() == ["Cat", "Rain, Cat"]
    assert journal.verdicts() == []
    found.apply(journal)
    assert labels_now(dataset) == was | {"curated/a.wav": {"Cat"}, "curated/d.wav": {"Rain", "Cat"}}
    assert undo_import(journal, found) == 2
    assert labels_now(dataset) == was
    assert contents(dataset.root) == before


def test_what_is_unknown_is_named_and_left_out(plan: Callable[..., ImportPlan]) -> None:
    rows = "".join(f"x/{number}.wav,Cat\n" for number in range(25))
    found = plan(f'fname,labels\nc.wav,"Cat,Frog"\nd.wav,Frog\nb.wav,Cat\na.wav,Cat\n{rows}')
    assert [(one.clip, one.after) for one in found.verdicts] == [("b.wav", ("Cat",))]
    assert found.left_out
    assert found.notes[0].startswith("25 clips are not in set, and left out: x/0.wav, x/1.wav,")
    assert found.notes[0].endswith("x/19.wav and 5 more.")
    assert found.notes[1] == (
        "1 name fits several clips, and is left out: a.wav may be train_curated/a.wav or train_noisy/a.wav. Write the "
        "folder before the name."
    )
    assert found.notes[2] == "1 label is not among those of set, and left out: Frog. Allow new labels to take them."


def test_new_labels_are_taken_if_asked_for(plan: Callable[..., ImportPlan]) -> None:
    found = plan('fname,labels\nc.wav,"Cat,Frog"\nd.wav,Frog\n', new_labels=True)
    assert [(one.clip, one.after) for one in found.verdicts] == [("c.wav", ("Cat", "Frog")), ("d.wav", ("Frog",))]
    assert found.notes == ()


def test_other_spellings_are_the_labels_of_the_dataset(
    dataset: Dataset, journal: VerdictJournal, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("fname,labels\nc.wav,dog\nd.wav,Puppy\n")
    found = plan_import(tmp_path / "t.csv", dataset, [], aliases={"Puppy": "Dog"})
    assert [one.after for one in found.verdicts] == [("Dog",), ("Dog",)]


def test_same_labels_are_confirmed_if_asked_for_and_only_once(
    journal: VerdictJournal, plan: Callable[..., ImportPlan]
) -> None:
    table = "fname,labels\nc.wav,Cat\nd.wav,Dog\n"
    found = plan(table, confirm_same=True, reviewer="Ann")
    assert [(one.clip, one.answer, one.before, one.after) for one in found.verdicts] == [
        ("c.wav", "right", ("Cat",), ("Cat",)),
        ("d.wav", "other", ("Rain",), ("Dog",)),
    ]
    assert found.sentence == "1 clip gets other labels, 1 verdict changes no label, in the name of Ann."
    found.apply(journal)
    again = plan(table, confirm_same=True, reviewer="Ann")
    assert again.verdicts == ()
    assert again.sentence == "Nothing would change."


def test_a_later_table_of_the_same_reviewer_takes_changes_back(
    dataset: Dataset, journal: VerdictJournal, plan: Callable[..., ImportPlan]
) -> None:
    was = labels_now(dataset)
    plan("fname,labels\nc.wav,Dog\n", reviewer="Ann").apply(journal)
    plan("fname,labels\nc.wav,Dog\n", reviewer="Bob").apply(journal)
    assert labels_now(dataset)["curated/c.wav"] == {"Dog"}
    plan("fname,labels\nc.wav,Cat\n", reviewer="Ann").apply(journal)
    assert labels_now(dataset) == was  # they disagree
    assert [one.label for one in find_disagreements(journal.verdicts())] == ["Cat", "Dog"]
    plan("fname,labels\nc.wav,Cat\n", reviewer="Bob").apply(journal)
    assert labels_now(dataset) == was
    assert find_disagreements(journal.verdicts()) == []


def test_tables_of_every_kind_are_read(plan: Callable[..., ImportPlan], tmp_path: Path) -> None:
    flags = plan("file;Dog;Cat;Rain\ntrain_curated/a.wav;0;1;1\nb.wav;1;0;1\n", "flags.csv")
    assert [(one.clip, one.after) for one in flags.verdicts] == [("a.wav", ("Cat", "Rain"))]
    rows = plan('{"file": "c.wav", "labels": ["Dog"]}\n{"file": "d.wav", "labels": ["Rain"]}\n', "lines.jsonl")
    assert [(one.clip, one.after, one.reviewer) for one in rows.verdicts] == [("c.wav", ("Dog",), "lines")]
    pd.DataFrame({"clip": ["c.wav", "d.wav"], "labels": ["Dog", "Rain"]}).to_parquet(tmp_path / "p.parquet")
    table = plan((tmp_path / "p.parquet").read_bytes(), "q.parquet")
    assert [(one.clip, one.after) for one in table.verdicts] == [("c.wav", ("Dog",))]


def test_rows_without_labels_are_left_out_and_several_rows_are_joined(plan: Callable[..., ImportPlan]) -> None:
    found = plan("fname,labels\nc.wav,\nd.wav,Dog\nd.wav,Cat\n")
    assert [(one.clip, one.after) for one in found.verdicts] == [("d.wav", ("Dog", "Cat"))]
    assert found.notes == ("1 clip has no label in ann.csv; they are left out.",)


@pytest.mark.parametrize(
    ("content", "name", "problem"),
    [
        ("fname,labels\nx.wav,Cat\n", "t.csv", r"t\.csv names no clip of set, like x\.wav; is it the table of another"),
        ("", "t.csv", "empty"),
        ("\x00\x01\x02", "t.csv", "cannot be read"),
        ("fname,label\na.wav", "t.xlsx", "t.xlsx"),
        ("{", "t.json", "cannot be read as JSON"),
        ('{"format": "audiotag-corrections", "version": 9}', "t.json", "has version 9 of corrections, this audiotag"),
        ('{"format": "audiotag-corrections", "version": 1}', "t.json", "is damaged: a verdict in it lacks a field"),
    ],
)
def test_damaged_and_foreign_files_are_refused(
    plan: Callable[..., ImportPlan], content: str, name: str, problem: str
) -> None:
    with pytest.raises(AudiotagError, match=problem):
        plan(content, name)


def test_names_of_reviewers_are_one_line_without_what_a_page_obeys(plan: Callable[..., ImportPlan]) -> None:
    assert clean_reviewer("\u202e\x1b") == ""
    found = plan("fname,labels\nc.wav,Dog\n", "  \u202eann\tb.csv", reviewer="")
    assert found.reviewers == ("ann b",)
    assert plan("fname,labels\nc.wav,Dog\n", reviewer="x" * 500).reviewers == ("x" * 60,)


# What audiotag wrote itself


@pytest.fixture
def reviewed(dataset: Dataset, journal: VerdictJournal) -> list[Verdict]:
    """Verdicts of two reviewers, who disagree once."""
    return journal.append(
        [
            Verdict("curated", "a.wav", "Dog", "other", ("Dog",), ("Cat",), "Ann", "0f" * 16, "hissing"),
            Verdict("noisy", "a.wav", "Cat", "right", ("Cat",), ("Cat",), "Ann"),
            Verdict("curated", "b.wav", "Dog", "wrong", ("Dog", "Rain"), ("Rain",), "Ann"),
            Verdict("curated", "b.wav", "Dog", "right", ("Dog", "Rain"), ("Dog", "Rain"), "Bob"),
            Verdict("curated", "c.wav", "Cat", "unsure", ("Cat",), ("Cat",), "Bob"),
        ]
    )


def test_json_brings_all_verdicts_to_another_workspace(
    dataset: Dataset, reviewed: list[Verdict], tmp_path: Path
) -> None:
    corrections = find_corrections(dataset.clips, reviewed)
    content = corrections_json(dataset, corrections, reviewed)
    values = json.loads(content)
    assert [one["clip"] for one in values["corrections"]] == ["a.wav"]
    assert [(one["clip"], one["label"]) for one in values["disagreements"]] == [("b.wav", "Dog")]
    assert [said["reviewer"] for said in values["disagreements"][0]["statements"]] == ["Ann", "Bob"]
    (tmp_path / "all.json").write_bytes(content)
    found = plan_import(tmp_path / "all.json", dataset, [])
    other = VerdictJournal(tmp_path / "other.jsonl")
    found.apply(other)
    without_time = [{**one.to_dict(), "time": 0, "action": ""} for one in reviewed]
    assert [{**one.to_dict(), "time": 0, "action": ""} for one in other.verdicts()] == without_time
    assert find_corrections(dataset.clips, other.verdicts()) == corrections
    again = plan_import(tmp_path / "all.json", dataset, other.verdicts())
    assert (again.verdicts, again.notes) == ((), ("5 verdicts are here already.",))
    renamed = plan_import(tmp_path / "all.json", dataset, [], ImportOptions(reviewer="Eve"))
    assert renamed.reviewers == ("Eve",)
    assert undo_import(other, found) == 5
    assert other.verdicts() == []


def test_json_of_unknown_clips_and_labels_is_left_out_and_named(
    dataset: Dataset, tmp_path: Path, reviewed: list[Verdict]
) -> None:
    strange = [
        *reviewed,
        Verdict("curated", "gone.wav", "Dog", "wrong", ("Dog",), (), "Ann"),
        Verdict("curated", "c.wav", "Frog", "add", ("Cat",), ("Cat", "Frog"), "Ann"),
        Verdict("test", "n.wav", "Dog", "wrong", ("Dog",), (), "Ann"),
    ]
    (tmp_path / "all.json").write_bytes(corrections_json(dataset, [], strange))
    found = plan_import(tmp_path / "all.json", dataset, reviewed)
    assert [(one.subset, one.clip) for one in found.verdicts] == [("noisy", "n.wav")]
    assert found.notes[:2] == (
        "1 clip is not in set, and left out: gone.wav.",
        "1 label is not among those of set, and left out: Frog. Allow new labels to take them.",
    )
    with_new = plan_import(tmp_path / "all.json", dataset, reviewed, ImportOptions(new_labels=True))
    assert [one.label for one in with_new.verdicts] == ["Frog", "Dog"]


def test_the_table_of_differences_is_imported_as_it_was_written(
    dataset: Dataset, journal: VerdictJournal, plan: Callable[..., ImportPlan]
) -> None:
    verdicts = [
        Verdict("curated", "a.wav", "", "other", ("Dog",), ("Cat", "Rain"), "Ann"),
        Verdict("noisy", "a.wav", "", "other", ("Cat",), (), "Ann"),
    ]
    corrections = find_corrections(dataset.clips, verdicts)
    found = plan(differences_csv(corrections, verdicts), "diff.csv")
    assert [(one.subset, one.clip, one.after) for one in found.verdicts] == [
        ("curated", "a.wav", ("Cat", "Rain")),
        ("noisy", "a.wav", ()),
    ]
    found.apply(journal)
    assert list(read_reviewed(dataset, Workspace()).corrections) == corrections


@pytest.mark.parametrize("seed", range(4))
def test_an_exported_table_imported_elsewhere_gives_the_same_corrections(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    labels = ["Dog", "Cat", "Rain", "Inside, small room"]
    root = tmp_path / "set"
    root.mkdir()
    rows = {f"{number}.wav": rng.sample(labels, rng.randint(1, 3)) for number in range(12)}
    for name in rows:
        (root / name).touch()
    (root / "t.jsonl").write_text(
        "".join(json.dumps({"file": name, "labels": own}) + "\n" for name, own in rows.items())
    )
    dataset = open_dataset(root / "t.jsonl")
    journal = VerdictJournal.of(dataset.root, Workspace())
    journal.append(
        [
            Verdict("curated", name, "", "other", tuple(own), tuple(rng.sample(labels, rng.randint(1, 3))), "Ann")
            for name, own in rows.items()
            if rng.random() < 0.5
        ]
    )
    reviewed = read_reviewed(dataset, Workspace())
    export = export_labels(dataset, reviewed.corrections, Workspace())
    (tmp_path / "theirs.jsonl").write_bytes(export.to_bytes())
    found = plan_import(tmp_path / "theirs.jsonl", dataset, [])
    corrections = find_corrections(dataset.clips, found.verdicts)
    assert [(one.clip, set(one.after)) for one in corrections] == [
        (one.clip, set(one.after)) for one in reviewed.corrections
    ]
