"""The table of differences says what changed, who says so and when, and is safe in a spreadsheet."""

import csv
import io

from audiotag.data.corrections import Correction
from audiotag.data.verdicts import Verdict
from audiotag.review.differences import COLUMNS, differences, differences_csv

CORRECTIONS = [
    Correction("curated", "a.wav", ("Dog", "Inside, small room"), ("Inside, small room", "Cat")),
    Correction("noisy", "=1+1.wav", ("Dog",), ()),
]
VERDICTS = [
    Verdict("curated", "a.wav", "Dog", "wrong", ("Dog",), (), "Ann", note="a fox", time=1767225600.0),
    Verdict("curated", "a.wav", "Cat", "add", (), ("Cat",), "Bob", note="", time=1767225661.0),
    Verdict("curated", "a.wav", "Cat", "unsure", (), (), "Cid", note="?", time=1767229999.0),
    Verdict("noisy", "=1+1.wav", "Dog", "wrong", ("Dog",), (), "@Bob", note="-\n=2", time=1767225600.0),
]


def test_one_row_per_corrected_clip() -> None:
    table = differences(CORRECTIONS, VERDICTS)
    assert list(table.columns) == COLUMNS
    assert table.to_dict("records")[0] == {
        "subset": "curated",
        "clip": "a.wav",
        "labels_from": 'Dog,"Inside, small room"',
        "labels_to": '"Inside, small room",Cat',
        "removed": "Dog",
        "added": "Cat",
        "reviewers": "Ann,Bob",
        "time": "2026-01-01T00:01:01Z",
        "note": "a fox",
    }
    assert differences([], VERDICTS).empty


def test_as_csv_and_for_a_spreadsheet() -> None:
    plain = list(csv.DictReader(io.StringIO(differences_csv(CORRECTIONS, VERDICTS).decode())))
    assert [row["clip"] for row in plain] == ["a.wav", "=1+1.wav"]
    assert plain[1]["labels_to"] == ""
    safe = list(csv.DictReader(io.StringIO(differences_csv(CORRECTIONS, VERDICTS, for_spreadsheet=True).decode())))
    assert (safe[1]["clip"], safe[1]["reviewers"], safe[1]["note"]) == ("'=1+1.wav", "'@Bob", "'-\n'=2")
    assert list(csv.reader(io.StringIO(differences_csv([], []).decode()))) == [COLUMNS]
