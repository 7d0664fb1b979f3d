"""A small file cannot be a table that takes much memory; each bound has a sentence with the file, rule and value."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audiotag.data import table_bounds, text_files
from audiotag.data.dataset import MAX_LABELS
from audiotag.data.layouts import open_dataset
from audiotag.data.tables import read_table
from audiotag.errors import AudiotagError

TEXT = {
    "short lines below a wide header": (
        b"a" + b",a" * 9999 + b"\n" + b"x\n" * 10_000,
        r"20,000,000 cells .*10,000 col",
    ),
    "too many columns": (b"," * 30_000 + b"\n", "at most 20,000 columns, got 30,001"),
    "a line without end": (b"fname,label\na,b\n" + b"x" * 2**22, "a line must have at most 1,048,576 bytes"),
    "a header without end": (b"fname," * 2**20, "a line must have at most 1,048,576 bytes"),
    "NUL": (b"fname,label\na.wav,B\0ark\n", "it has NUL characters"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(100), "it is a spreadsheet or a zip archive; save it as CSV"),
    "an old spreadsheet": (b"\xd0\xcf\x11\xe0" + bytes(100), "is a file of an old Excel; save it as .xlsx or CSV"),
    "a damaged gzip": (b"\x1f\x8b\x08\x00" + bytes(100), "is a damaged or incomplete gzip file"),
    "gzip twice": (gzip.compress(gzip.compress(b"fname,label\n")), r"it is compressed \(gzip\) twice"),
    "xz": (b"\xfd7zXZ" + bytes(100), r"it is compressed \(xz\)"),
    "a gzip that becomes very large": (gzip.compress(b"a,b\n" * 2**18), "its text must have at most 1,000,000 bytes"),
    "a line without end, compressed": (gzip.compress(b"x" * 2**21), "a line must have at most 1,048,576 bytes"),
}
# With bounds of 10,000 cells, 50 columns and 1 MiB of text
PARQUET = {
    "one value many times": ({"fname": pa.repeat("a.wav", 6_000), "label": pa.repeat("x", 6_000)}, "10,000 cells"),
    "one long value many times": (
        {"fname": pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), 6_000), pa.array(["a" * 1_000]))},
        "the text of its cells must have at most 1,048,576 bytes, got 6,000,000",
    ),
    "one long value in every list": (
        {"label": pa.ListArray.from_arrays(range(6_001), pa.repeat("a" * 1_000, 6_000))},
        "the text of its cells must have at most 1,048,576 bytes, got",
    ),
    "one long list": (
        {"label": pa.ListArray.from_arrays([0, 11_000], pa.repeat("x", 11_000))},
        "at most 10,000 values, got 11,000",
    ),
    "wide values of a fixed length": (
        {"fname": pa.array([b"a" * 1_000] * 6_000, pa.binary(1_000))},
        "the text of its cells must have at most 1,048,576 bytes, got 6,000,000",
    ),
    "many columns": ({f"c{n}": pa.array([1]) for n in range(51)}, "at most 50 columns, got 51"),
}


@pytest.mark.parametrize("case", TEXT)
def test_text_beyond_the_bounds_is_refused_by_name(tmp_path, monkeypatch, case):
    content, sentence = TEXT[case]
    if "very large" in case:
        monkeypatch.setattr(table_bounds, "MAX_TABLE_BYTES", 1_000_000)
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(AudiotagError, match=rf"t\.csv .*{sentence}"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("case", PARQUET)
def test_parquet_beyond_the_bounds_is_refused_by_name(tmp_path, monkeypatch, case):
    for name, bound in (("MAX_CELLS", 10_000), ("MAX_COLUMNS", 50), ("MAX_TABLE_BYTES", 2**20)):
        monkeypatch.setattr(table_bounds, name, bound)
    columns, sentence = PARQUET[case]
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path, compression="zstd", store_schema=False)
    with pytest.raises(AudiotagError, match=rf"t\.parquet .*{sentence}"):
        read_table(path)


def test_repeated_text_is_not_written_out_before_its_size_is_known(tmp_path):
    path = tmp_path / "t.parquet"
    indices = pa.repeat(pa.scalar(0, pa.int32()), 10_000)
    pq.write_table(
        pa.table({"fname": pa.DictionaryArray.from_arrays(indices, pa.array(["a" * 200_000]))}),
        path,
        store_schema=False,
    )
    assert path.stat().st_size < 20_000
    pool = pa.default_memory_pool()
    peak = max(pool.max_memory(), pool.bytes_allocated() + 2**24)
    with pytest.raises(AudiotagError, match=r"the text of its cells must have .* got 2,000,000,000"):
        read_table(path)
    assert pool.max_memory() <= peak


def test_line_ends_within_quotes_and_of_every_system_are_read(tmp_path):
    for end in ("\n", "\r\n", "\r"):
        (tmp_path / "t.csv").write_bytes(f'fname,label{end}a.wav,"Bark{end}Meow"{end}'.encode())
        assert len(read_table(tmp_path / "t.csv")) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("block_bytes", [4, 1000])  # of 4 bytes, the first ends between "\r" and "\n"
def test_rows_are_counted_once_whatever_ends_their_lines(tmp_path, monkeypatch, end, block_bytes):
    monkeypatch.setattr(text_files, "BLOCK_CHARS", block_bytes)
    monkeypatch.setattr(table_bounds, "MAX_CELLS", 42)  # 19 rows, the header, and one more after the last line end
    (tmp_path / "t.csv").write_bytes((f"a,b{end}" + f"1,2{end}" * 19).encode())
    read_table(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_bytes((f"a,b{end}" + f"1,2{end}" * 21).encode())
    with pytest.raises(AudiotagError, match=r"23 rows × 2 columns"):
        read_table(tmp_path / "t.csv")


def test_line_that_crosses_blocks_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "BLOCK_CHARS", 7)
    monkeypatch.setattr(table_bounds, "MAX_LINE_BYTES", 20)
    (tmp_path / "t.csv").write_text("fname,label\n" + "12345678901234567890\n" * 5)
    read_table(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("fname,label\n" + "123456789012345678901\n")
    with pytest.raises(AudiotagError, match="a line must have at most 20 bytes"):
        read_table(tmp_path / "t.csv")


def test_column_with_another_value_in_every_row_is_not_a_column_of_labels(tmp_path):
    rows = "".join(f"{n}.wav,label {n}\n" for n in range(MAX_LABELS + 1))
    (tmp_path / "t.csv").write_text("fname,label\n" + rows)
    with pytest.raises(AudiotagError, match=r"at most 10,000 different labels, got 10,001; .*--label-column"):
        open_dataset(tmp_path / "t.csv")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_device_without_end_is_not_a_table(tmp_path):
    for suffix in ("csv", "parquet"):
        (tmp_path / f"t.{suffix}").symlink_to("/dev/zero")
        with pytest.raises(AudiotagError, match=rf"t\.{suffix} must be a file, it is a device or a pipe"):
            read_table(tmp_path / f"t.{suffix}")
