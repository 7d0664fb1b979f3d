"""JSON, workbooks and Parquet keep everything but the labels that change."""

import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from audiotag.data.layouts import open_dataset

from .exports import rewritten


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '[{"file": "a.wav", "label": "Dog", "gain": 1e0},\n {"file": "b.wav", "label": "Cat"}]',
            '[{"file": "a.wav", "label": "Cat", "gain": 1e0},\n {"file": "b.wav", "label": "Cat"}]',
        ),
        (
            '{"version": 2, "clips": [{"file": "a.wav", "labels": ["Dog"]}, {"file": "b.wav", "labels": ["Cat"]}]}',
            '{"version": 2, "clips": [{"file": "a.wav", "labels": ["Cat"]}, {"file": "b.wav", "labels": ["Cat"]}]}',
        ),
        ('{"a.wav": ["Dog"], "b.wav": ["Cat"]}', '{"a.wav": ["Cat"], "b.wav": ["Cat"]}'),
        ('{"a.wav": "Dog", "b.wav": "Cat"}', '{"a.wav": "Cat", "b.wav": "Cat"}'),
        ('{"file": ["a.wav", "b"], "label": ["Dog", "Cat"]}', '{"file": ["a.wav", "b"], "label": ["Cat", "Cat"]}'),
        (
            '{"file": {"0": "a.wav", "1": "b.wav"}, "label": {"0": "Dog", "1": "Cat"}}',
            '{"file": {"0": "a.wav", "1": "b.wav"}, "label": {"0": "Cat", "1": "Cat"}}',
        ),
        (
            '{"a.wav": {"label": "Dog", "x": [1]}, "b.wav": {"label": "Cat"}}',
            '{"a.wav": {"label": "Cat", "x": [1]}, "b.wav": {"label": "Cat"}}',
        ),
        (
            '[{"audio": {"path": "a.wav"}, "is": {"label": "Dog"}}, {"audio": {"path": "b"}, "is": {"label": "Cat"}}]',
            '[{"audio": {"path": "a.wav"}, "is": {"label": "Cat"}}, {"audio": {"path": "b"}, "is": {"label": "Cat"}}]',
        ),
        (
            '[{"file": "a.wav", "Dog": true, "Cat": false}, {"file": "b.wav", "Dog": false, "Cat": true}]',
            '[{"file": "a.wav", "Dog": false, "Cat": true}, {"file": "b.wav", "Dog": false, "Cat": true}]',
        ),
        (
            '[{"file": "a.wav", "Dog": 1, "Cat": 0}, {"file": "b.wav", "Dog": 0, "Cat": 1}]',
            '[{"file": "a.wav", "Dog": 0, "Cat": 1}, {"file": "b.wav", "Dog": 0, "Cat": 1}]',
        ),
    ],
)  # fmt: skip
def test_json_stays_as_it_is_around_the_label(dataset_at: Callable, before: str, after: str) -> None:
    root = dataset_at(before, "t.json") / "t.json"
    assert rewritten(root, "t.json", a="Cat").decode() == after


def test_lines_of_json_stay_as_they_are(dataset_at: Callable) -> None:
    before = '{"file":"a.wav","labels":["Dog"],"n":1.50}\r\n\r\n{"labels": ["Cat", "Dog"], "file": "b.wav"}\r\n'
    root = dataset_at(before, "t.jsonl")
    after = before.replace('["Dog"]', '["Cat", "Bär"]')
    assert rewritten(root, "t.jsonl", a="Cat|Bär").decode() == after.replace("ä", "\\u00e4")


def test_workbooks_keep_their_other_cells_and_sheets(dataset_at: Callable) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in (
        ["my sounds"],
        [],
        ["fname", "label", "n", "=x"],
        ["a.wav", "Dog", 1.5, True],
        [],
        ["b.wav", "Cat", 2, None],
    ):
        book.active.append(line)
    book.active["B4"].font = openpyxl.styles.Font(bold=True)
    book.create_sheet("other").append(["=1+1"])
    content = io.BytesIO()
    book.save(content)
    root = dataset_at(content.getvalue(), "t.xlsx")
    after = openpyxl.load_workbook(io.BytesIO(rewritten(root, "t.xlsx", a="=HYPERLINK(0)")))
    rows = [[cell.value for cell in row] for row in after.worksheets[0].iter_rows()]
    assert rows[3] == ["a.wav", "=HYPERLINK(0)", 1.5, True]
    assert rows[5] == ["b.wav", "Cat", 2, None]
    assert after.worksheets[0]["B4"].data_type == "s"
    assert after.worksheets[0]["B4"].font.bold
    assert after["other"]["A1"].value == "=1+1"


@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary", "list"])
def test_parquet_keeps_its_types_and_metadata(dataset_at: Callable, tmp_path: Path, kind: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "string": pa.string(),
        "large_string": pa.large_string(),
        "dictionary": pa.dictionary(pa.int32(), pa.string()),
        "list": pa.list_(pa.string()),
    }
    labels = [["Dog"], ["Cat", "Dog"]] if kind == "list" else ["Dog", "Cat"]
    base = pa.array(labels, pa.string()).dictionary_encode() if kind == "dictionary" else pa.array(labels, types[kind])
    table = pa.table(
        {"file": ["a.wav", "b.wav"], "labels": base, "n": pa.array([1, None], pa.int8()), "x": [b"\x00", b"\xff"]}
    ).replace_schema_metadata({"who": "Ann"})
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd")
    root = dataset_at(content.getvalue(), "t.parquet")
    found = pq.ParquetFile(io.BytesIO(rewritten(root, "t.parquet", a="Cat")))
    after, table = found.read(), pq.read_table(root / "t.parquet")
    assert after.schema.equals(table.schema, check_metadata=True)
    assert after.column("labels").to_pylist() == ([["Cat"], ["Cat", "Dog"]] if kind == "list" else ["Cat", "Cat"])
    assert after.drop_columns("labels").equals(table.drop_columns("labels"))
    assert found.metadata.row_group(0).column(0).compression == "ZSTD"


def test_flags_of_a_workbook_and_of_parquet_keep_their_types(dataset_at: Callable) -> None:
    import pyarrow.parquet as pq

    table = pd.DataFrame({"file": ["a.wav", "b.wav"], "dog": [True, False], "cat": [0, 1]})
    content = io.BytesIO()
    table.to_parquet(content)
    root = dataset_at(content.getvalue(), "t.parquet")
    after = pq.read_table(io.BytesIO(rewritten(root, "t.parquet", a="cat"))).to_pydict()
    assert (after["dog"], after["cat"]) == ([False, False], [1, 1])
    (root / "t.parquet").unlink()
    openpyxl = pytest.importorskip("openpyxl")
    table.to_excel(root / "t.xlsx", index=False)
    sheet = openpyxl.load_workbook(io.BytesIO(rewritten(root, "t.xlsx", a="cat"))).worksheets[0]
    assert [cell.value for cell in sheet[2]] == ["a.wav", False, 1]


def test_audiofolder_of_hugging_face(dataset_at: Callable) -> None:
    root = dataset_at("file_name,labels\na.wav,Dog\nb.wav,Cat\n", "metadata.csv")
    assert open_dataset(root).layout_key == "huggingface-audiofolder"
    assert rewritten(root, "metadata.csv", a="Cat|Dog") == b'file_name,labels\na.wav,"Cat,Dog"\nb.wav,Cat\n'
