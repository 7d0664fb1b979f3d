"""A CSV file for a spreadsheet holds no formula, and its text can be recovered; numbers stay numbers."""

import csv
import io
import random
import re

import pandas as pd
import pytest

from audiotag.spreadsheets import disarm, disarm_table, rearm
from audiotag.tagging.export.base import ExportOptions, export_bytes
from audiotag.tagging.export.csv import CsvFormat, csv_lines
from audiotag.tagging.journal import write_problems

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "＝1",
    "'=1",
    "a;=1",
    "b\t+1",
    "Bark,=1",
    "a|@x",
    '"=1',
    'a;"=1+1;b.wav',
    'a\t" "" @x',
]


def recovered(text):
    """What the README says: one apostrophe fewer at the start and behind each separator."""
    return re.sub(r"(^|[,;|\t\r\n])'", r"\1", text)


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_as_a_formula_whatever_separates_cells(text):
    for cell in re.split(r"[,;|\t\r\n]", disarm(text)):
        assert not re.match(r'[\s"]*[=+\-@＝＋－＠]', cell)


@pytest.mark.parametrize("tabs", [False, True])
@pytest.mark.parametrize("text", FORMULAS)
def test_no_reader_of_quotation_marks_finds_a_formula_whatever_its_separator(text, tabs):
    written = b"".join(csv_lines(["x", "y"], [["1", text], [text, "2"]], True, tabs)).decode("utf-8-sig")
    for separator in ",;\t|":
        for row in csv.reader(io.StringIO(written, newline=""), delimiter=separator):
            assert [cell for cell in row if re.match(r"\s*[=+\-@＝＋－＠]", cell)] == []


def test_text_can_be_recovered():
    rng = random.Random(0)
    for _ in range(2000):
        text = "".join(rng.choices("=+-@'\"\t\r\n;,| aé＝", k=rng.randrange(9)))
        assert recovered(disarm(text)) == text
        assert rearm(disarm(text)) == text


def test_ordinary_text_and_numbers_are_unchanged():
    for cell in ("a.wav", "Male speech, man speaking", "rock-n-roll.wav", "it's", -1.5, 0, None, "2019-01-01"):
        assert disarm(cell) is cell or disarm(cell) == cell


def test_long_runs_of_white_space_take_linear_time():
    text = "\t" * 200_000 + " " * 200_000
    assert len(disarm(text)) == 600_000


def test_table_is_disarmed_in_its_names_and_its_text_alone():
    table = pd.DataFrame({"=name": ["=a", None], "db": [-1.5, 2.0], "label": pd.Categorical(["@x", "Bark"])})
    lines = list(csv.reader(io.StringIO(disarm_table(table).to_csv(index=False))))
    assert lines == [["'=name", "db", "label"], ["'=a", "-1.5", "'@x"], ["", "2.0", "Bark"]]


def test_csv_format_disarms_only_where_it_is_asked_to():
    rows = [{"clip": "=a.wav", "path": "", "scores": {"-Bark": 0.5}, "tags": [{"label": "-Bark"}]}]
    options = ExportOptions(("-Bark",), (0.1,))
    assert (
        export_bytes(CsvFormat(), rows, options)
        == b"fname,-Bark,tags,familiarity,unlike,held_back,recorded\r\n=a.wav,0.5,-Bark,,,,\r\n"
    )
    safe = ExportOptions(("-Bark",), (0.1,), spreadsheet=True)
    assert (
        export_bytes(CsvFormat(), rows, safe)
        == b"\xef\xbb\xbffname,'-Bark,tags,familiarity,unlike,held_back,recorded\r\n'=a.wav,0.5,'-Bark,,,,\r\n"
    )


def test_list_of_problems_can_be_for_a_spreadsheet(tmp_path):
    rows = [{"clip": "=a.wav", "path": "/x/=a.wav", "problem": "@SUM(1) is empty."}]
    write_problems(tmp_path / "p.csv", rows, for_spreadsheet=True)
    assert (tmp_path / "p.csv").read_text().splitlines()[1] == "'=a.wav,/x/=a.wav,'@SUM(1) is empty."
