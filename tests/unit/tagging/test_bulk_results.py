"""The table of a bulk job's results has what the journal has, and a filter finds what is in it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotag.state import take_sentences
from audiotag.tagging import bulk_results
from audiotag.tagging.bulk_results import ResultFilter, ResultTable
from audiotag.tagging.export.rows import problem_row
from audiotag.tagging.journal import sealed

LABELS = ("Bark", "Bell", "Hiss")


def row_of(number: int) -> dict[str, Any]:
    """A clip with random scores, rounded as the journal has them; every fifth could not be tagged."""
    clip = f"{'night' if number % 2 else 'day'}/{number:03}.wav"
    if number % 5 == 4:
        return problem_row(clip, f"/x/{clip}", f"{clip} is empty.")
    values = np.round(np.random.default_rng(number).random(3), 4)
    scores = {LABELS[at]: float(values[at]) for at in np.argsort(-values)}
    tags = [{"label": label, "score": score, "folds": 2} for label, score in scores.items() if score >= 0.7]
    return {"clip": clip, "path": f"/x/{clip}", "duration_s": 1.5, "tags": tags, "scores": scores, "notes": ["a", "b"]}


ROWS = [row_of(number) for number in range(60)]
GOOD = [row for row in ROWS if "problem" not in row]


def lines_of(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(sealed(json.dumps({"clip": row["clip"], "path": row["path"], "row": row}).encode()) for row in rows)


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and parts of them are small, so that there are several of each."""
    monkeypatch.setattr(bulk_results, "ROWS_PER_WRITE", 16)
    monkeypatch.setattr(bulk_results, "ROWS_PER_READ", 7)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    path.write_bytes(sealed(b"{}") + lines_of(ROWS[:25]))
    return path


@pytest.fixture
def table(journal: Path) -> ResultTable:
    table = ResultTable(journal.parent, LABELS)
    table.update(journal)
    return table


def clips(table: ResultTable, wanted: ResultFilter) -> list[str]:
    return [row["clip"] for row in table.take(table.find(wanted), wanted.label)]


def test_a_table_that_is_updated_as_the_journal_grows_has_all_rows(table: ResultTable, journal: Path) -> None:
    stamp = table.stamp()
    with journal.open("ab") as file:
        file.write(lines_of(ROWS[25:]) + b'{"clip": "torn')
    assert table.counts()[:2] == (20, 5)
    again = ResultTable(journal.parent, LABELS)  # another process goes on
    again.update(journal)
    assert again.stamp() != stamp
    given = {label: sum(label in [tag["label"] for tag in row["tags"]] for row in GOOD) for label in LABELS}
    assert again.counts() == (len(GOOD), len(ROWS) - len(GOOD), given)
    assert clips(again, ResultFilter()) == [row["clip"] for row in GOOD]
    first, *_ = again.take(np.array([0]))
    assert first["tags"] == [tag["label"] for tag in GOOD[0]["tags"]]
    assert first["label_score"] == pytest.approx(max(GOOD[0]["scores"].values()))
    assert first["notes"] == "a b"
    assert again.problems(3) == [(row["clip"], row["problem"]) for row in ROWS if "problem" in row][:3]


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (ResultFilter("Bell", 0.4), lambda row: row["scores"]["Bell"] >= 0.4),
        (ResultFilter("Bell", 0.4, tagged_only=True), lambda row: row["scores"]["Bell"] >= 0.7),
        (ResultFilter(tagged_only=True), lambda row: bool(row["tags"])),
        (ResultFilter(min_score=0.9), lambda row: max(row["scores"].values()) >= 0.9),
        (ResultFilter(text="NIGHT/0"), lambda row: "night/0" in row["clip"]),
        (ResultFilter("Hiss", 0.1, "day", True), lambda row: row["scores"]["Hiss"] >= 0.7 and "day" in row["clip"]),
    ],
)
def test_a_filter_finds_what_passes_it(table: ResultTable, journal: Path, wanted: ResultFilter, passes: Any) -> None:
    with journal.open("ab") as file:
        file.write(lines_of(ROWS[25:]))
    table.update(journal)
    expected = [row for row in GOOD if passes(row)]
    assert expected
    assert clips(table, wanted) == [row["clip"] for row in expected]
    score = (lambda row: row["scores"][wanted.label]) if wanted.label else (lambda row: max(row["scores"].values()))
    by_score = ResultFilter(wanted.label, wanted.min_score, wanted.text, wanted.tagged_only, "score")
    ranked = sorted(expected, key=lambda row: -score(row))
    assert clips(table, by_score) == [row["clip"] for row in ranked]
    shown = table.take(table.find(by_score)[2:5], wanted.label)  # one page
    assert [row["label_score"] for row in shown] == pytest.approx([score(row) for row in ranked[2:5]])


def test_a_finished_table_has_the_rows_in_their_order_and_is_one_file(table: ResultTable, journal: Path) -> None:
    table.finish(ROWS[::-1], journal.stat().st_size)
    assert clips(table, ResultFilter()) == [row["clip"] for row in GOOD[::-1]]
    assert len(list(journal.parent.glob("rows-*"))) == 1
    size = journal.stat().st_size
    with journal.open("ab") as file:  # a job that looks for new sounds goes on behind it
        file.write(lines_of([row_of(100)]))
    table.update(journal)
    assert table.counts()[0] == len(GOOD) + 1
    assert table.position() == journal.stat().st_size > size


def test_problems_are_dropped_when_a_job_tries_them_again(table: ResultTable) -> None:
    position = table.position()
    table.drop_problems()
    assert table.counts()[:2] == (20, 0)
    assert table.position() == position


def test_a_damaged_file_is_set_aside_and_made_again(table: ResultTable, journal: Path) -> None:
    second = sorted(journal.parent.glob("rows-*"))[1]
    second.write_bytes(b"PAR1 no table")
    assert clips(table, ResultFilter()) == [row["clip"] for row in ROWS[:16] if "problem" not in row]
    assert any(second.name in sentence for sentence in take_sentences())
    assert table.counts()[0] == 13  # what follows the gap is not shown
    table.update(journal)
    assert table.counts()[0] == 20
