"""The same rows are read from every kind of file, whatever its encoding, header, separators and quotes."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiotag.data import excel_tables
from audiotag.data.table_files import read_table_file
from audiotag.data.table_header import TableFile
from audiotag.errors import AudiotagError

CSV = "fname,label\na.wav,Glöckchen\nb.wav,Rain\n"
ROWS = {"fname": ["a.wav", "b.wav"], "label": ["Glöckchen", "Rain"]}
OBJECTS = [{"fname": "a.wav", "label": "Glöckchen"}, {"fname": "b.wav", "label": "Rain"}]

Read = Callable[..., TableFile]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """``read(content, name)``: the table in a file."""

    def make(content: str | bytes, name: str = "t.csv") -> TableFile:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table_file(path)

    return make


def rows(file: TableFile) -> dict[str, list[Any]]:
    return {name: [None if cell != cell else cell for cell in file.table[name].tolist()] for name in file.table.columns}


def repr_of_text(value: object) -> str:
    """An identifier that is the same in all processes: compressed bytes hold the time."""
    return value[:30] if isinstance(value, str) else "bytes"


def workbook(*lines: list[Any], second: str = "") -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append(line)
    if second:
        book.create_sheet(second).append(["other"])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-16-le", "read as UTF-16 text"),
        ("utf-16-be", "read as UTF-16 text"),
        ("utf-32", ""),
        ("cp1252", "it was read as Western European text"),
        ("latin-1", "it was read as Western European text"),
    ],
)
def test_every_encoding_is_read_and_a_guess_is_said(read: Read, encoding: str, note: str) -> None:
    file = read(CSV.encode(encoding))
    assert rows(file) == ROWS
    assert note in " ".join(file.notes)
    assert bool(file.notes) == bool(note)


def test_utf_8_with_a_damaged_byte_stays_utf_8(read: Read) -> None:
    file = read(CSV.encode() + b"\xff.wav,Rain\n")
    assert rows(file)["label"] == ["Glöckchen", "Rain", "Rain"]
    assert "bytes that are not UTF-8" in file.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        CSV.replace("\n", "\r\n"),
        CSV.replace("\n", "\r"),
        CSV.replace("\n", "\n\n"),
        "\n  \n" + CSV,
        "sep=,\n" + CSV,
        "sep=;\r\n" + CSV.replace(",", ";"),
        '"sep=\t"\n' + CSV.replace(",", "\t"),
        CSV.replace(",", "\t"),
        CSV.replace(",", "|"),
        "# made by hand\n#\n; of 2020\n\n" + CSV,
        "# fname,label\n" + CSV.partition("\n")[2],
        "#fname,label\n" + CSV.partition("\n")[2],
        "Bells of Zürich\n\n" + CSV,
        CSV.replace("\n", ",\n"),
        CSV.replace("label", "label").replace("Glöckchen", "Glöckchen,").replace("Rain", "Rain,"),
        '"fname" , "label"\n"a.wav", "Glöckchen"\n"b.wav", "Rain"\n',
        "\ufeff\ufefffname,label\n" + CSV.partition("\n")[2],
    ],
)
def test_what_surrounds_the_rows_does_no_harm(read: Read, text: str) -> None:
    assert rows(read(text)) == ROWS


def test_header_keeps_its_names_and_those_without_a_name_are_numbered(read: Read) -> None:
    assert list(read(" File Name ;;label;label\n1;2;3;4\n").table.columns) == [
        "File Name",
        "Unnamed: 1",
        "label",
        "label.1",
    ]


@pytest.mark.parametrize(
    "text", ["a.wav,Glöckchen\nb.wav,Rain\n", "a.wav\tGlöckchen\nb.wav\tRain\n", "a.wav  Glöckchen\nb.wav Rain\n"]
)
def test_table_without_a_header_is_recognised_by_a_sound_in_its_first_row(read: Read, text: str) -> None:
    file = read(text, "t.txt")
    assert rows(file) == {"column 1": ["a.wav", "b.wav"], "column 2": ["Glöckchen", "Rain"]}
    assert (file.has_header, file.first_line) == (False, 1)
    assert file.notes == ("The table has no header: its first row names a sound.",)


@pytest.mark.parametrize("text", ['fname,label\na.wav,"dog\nb.wav,cat\n', 'fname,label\na.wav,"dog\nb.wav,cat"\n'])
def test_quotation_marks_that_are_not_closed_swallow_no_rows(read: Read, text: str) -> None:
    file = read(text)
    assert rows(file)["fname"] == ["a.wav", "b.wav"]
    assert "not closed" in file.notes[0]


def test_quotation_marks_within_cells_are_text(read: Read) -> None:
    assert rows(read('fname\tlabel\na.wav\t5" pipe\nb.wav\t"a ""big"" one"\n'))["label"] == ['5" pipe', 'a "big" one']


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("t.csv", gzip.compress(CSV.encode(), mtime=0)),
        ("t.jsonl", "\n".join(map(json.dumps, OBJECTS))),
        ("t.ndjson", "\n".join(map(json.dumps, OBJECTS)) + "\n\n"),
        ("t.jsonl.gz", gzip.compress("\n".join(map(json.dumps, OBJECTS)).encode(), mtime=0)),
        ("t.json", "\n".join(map(json.dumps, OBJECTS))),
        ("t.json", json.dumps(OBJECTS)),
        ("t.json", json.dumps(OBJECTS, indent=2).encode("utf-16")),
        ("t.json", json.dumps({"version": 1, "clips": OBJECTS})),
        ("t.json", json.dumps(ROWS)),
        ("t.json", json.dumps({name: dict(enumerate(cells)) for name, cells in ROWS.items()})),
    ],
    ids=repr_of_text,
)
def test_json_and_compressed_files_give_the_same_rows(read: Read, name: str, content: str | bytes) -> None:
    assert rows(read(content, name)) == ROWS


@pytest.mark.parametrize(
    "value",
    [
        {"a.wav": "Bark", "b.wav": "Rain"},
        {"a.wav": ["Bark"], "b.wav": "Rain"},
        {"a.wav": {"labels": "Bark"}, "b.wav": {"labels": "Rain"}},
    ],
)
def test_json_may_be_labels_by_file_name(read: Read, value: dict) -> None:
    table = rows(read(json.dumps(value), "t.json"))
    assert table["file"] == ["a.wav", "b.wav"]
    assert [cell.strip('[]"') for cell in table["labels"]] == ["Bark", "Rain"]


def test_lists_stay_json_and_objects_become_columns(read: Read) -> None:
    lines = '{"audio": {"path": "a.wav"}, "tags": ["x", "y"], "n": 7.0}\n{"audio": {"path": "b.wav"}, "other": null}\n'
    assert rows(read(lines, "t.jsonl")) == {
        "audio.path": ["a.wav", "b.wav"],
        "tags": ['["x", "y"]', None],
        "n": ["7", None],
        "other": [None, None],
    }


def test_first_sheet_of_a_workbook_is_read_without_title_and_empty_columns(read: Read) -> None:
    lines = (
        [],
        ["Bells of Zürich"],
        [],
        [None, "fname", "label"],
        [None, "a.wav", "Glöckchen"],
        [None, "b.wav", "Rain"],
    )
    for name in ("t.xlsx", "t.csv"):  # the content decides
        file = read(workbook(*lines, second="Notes"), name)
        assert rows(file) == ROWS
        assert "The sheet Sheet was read; the workbook has 2." in file.notes


def test_numbers_and_truth_values_of_a_workbook_are_text(read: Read) -> None:
    file = read(
        workbook(["file", "fold", "is_valid", "level"], ["a.wav", 1.0, True, 0.5], ["b.wav", 2, False, None]), "t.xlsx"
    )
    assert rows(file) == {
        "file": ["a.wav", "b.wav"],
        "fold": ["1", "2"],
        "is_valid": ["True", "False"],
        "level": ["0.5", None],
    }


def test_workbook_beyond_the_bounds_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    content = workbook(*[["x" * 100] * 10] * 100)
    monkeypatch.setattr(excel_tables, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(AudiotagError, match=r"t\.xlsx is too large for a table: an Excel workbook must have"):
        read(content, "t.xlsx")


def zipped(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, b"<nothing/>")
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("t.xlsx", b"PK\x03\x04" + bytes(100), "t.xlsx cannot be read as an Excel workbook: it is damaged"),
        ("t.xlsx", zipped("xl/workbook.xml"), "t.xlsx cannot be read as an Excel workbook: it is damaged"),
        ("t.csv", zipped("a.txt"), "it is a spreadsheet or a zip archive"),
        ("t.csv", b"<!DOCTYPE html><html>", "it is a web page; download the table itself"),
        ("t.csv", b"version https://git-lfs.github.com/spec/v1\n", "it is only a pointer of Git LFS"),
        ("t.csv", b"%PDF-1.7\n", "it is a PDF file"),
        ("t.csv", gzip.compress(CSV.encode(), mtime=0)[:-9], "t.csv is a damaged or incomplete gzip file"),
        ("t.json", '{"a":', "t.json cannot be read as JSON"),
        ("t.json", "[" * 100_000, "t.json cannot be read as JSON"),
        ("t.json", "3", "t.json is not a table: it must be a list of rows"),
        ("t.jsonl", '{"file": "a.wav"}\nx\n', "t.jsonl, line 2 must be a JSON object"),
        ("t.csv", "fname,label\na.wav,Bark,Meow,Purr\n", "more cells than its header, like line 2"),
        ("t.csv", "fname,label\na.wav,Bark\nb.wav,Bark,Meow,Purr\n", "more cells than its header, like line 3"),
        ("t.csv", "#x\nfname,label\na.wav,Bark\nb.wav,Bark,Meow\n", "more cells than its header, like line 4"),
    ],
    ids=repr_of_text,
)
def test_file_that_is_no_table_is_refused_in_a_sentence(
    read: Read, name: str, content: str | bytes, sentence: str
) -> None:
    if name == "t.xlsx":
        pytest.importorskip("openpyxl")
    with pytest.raises(AudiotagError) as error:
        read(content, name)
    assert sentence in str(error.value)
    assert len(str(error.value)) < 300
    for word in ("codec", "Error", "char ", "column 1", "0x"):
        assert word not in str(error.value)
