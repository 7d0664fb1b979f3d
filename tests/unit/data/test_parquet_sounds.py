"""Sounds in the cells of Parquet files are extracted once, into the workspace, under names that cannot do harm."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audiotag.data.index import scan
from audiotag.data.layouts import open_dataset
from audiotag.data.parquet_sounds import extract_sounds, extracted_folder
from audiotag.errors import AudiotagError

from .layouts.examples_folders import tone

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """``written(cells, **columns)``: a Parquet file with these cells of ``bytes`` and ``path``."""
    monkeypatch.setenv("AUDIOTAG_HOME", str(tmp_path / "workspace"))
    (tmp_path / "sounds").mkdir()

    def write(cells: list[dict[str, Any]], **columns: list[Any]) -> Path:
        kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        path = tmp_path / "sounds/train.parquet"
        pq.write_table(pa.table({"audio": pa.array(cells, kind), **columns}), path, row_group_size=3)
        return path

    return write


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def test_names_are_made_safe_and_the_dataset_stays_as_it_was(written: Written, tmp_path: Path) -> None:
    names = ["../../../etc/passwd", "C:\\con.wav", "a\n\x1b[2J.wav", ".hidden.flac", "", "x" * 400 + ".wav", "dog.WAV"]
    table = written([{"bytes": tone(), "path": name} for name in names], label=["dog"] * len(names))
    before = tree(table.parent)
    dataset = open_dataset(table.parent)
    assert dataset.layout_key == "huggingface-parquet"
    assert tree(table.parent) == before
    files = [path.name for path in dataset.clips["path"]]
    assert files[:5] == [
        *("000000-passwd.wav", "000001-con.wav", "000002-a___2J.wav", "000003-_hidden.flac"),
        "000004-sound.wav",
    ]
    assert len(files[5].encode()) < 255
    assert files[6] == "000006-dog.wav"
    inside = tmp_path / "workspace"
    assert all(path.is_relative_to(inside) for path in dataset.clips["path"])
    assert scan(dataset)["duration_s"].tolist() == [0.05] * len(names)


def test_sounds_are_extracted_once_and_again_only_when_the_file_changes(written: Written) -> None:
    table = written([{"bytes": tone(), "path": "a.wav"}, {"bytes": tone(), "path": "b.wav"}])
    folder = extracted_folder(table) / "train"
    assert extract_sounds(table, "audio", folder) == ["000000-a.wav", "000001-b.wav"]
    (folder / "000000-a.wav").write_bytes(b"mine")
    assert extract_sounds(table, "audio", folder) == ["000000-a.wav", "000001-b.wav"]
    assert (folder / "000000-a.wav").read_bytes() == b"mine"
    shutil.copy(table, table.with_name("copy.parquet"))
    written([{"bytes": tone(880), "path": "c.wav"}])
    os.utime(table, ns=(1, 1))
    assert extract_sounds(table, "audio", folder) == ["000000-c.wav"]
    assert sorted(tree(folder)) == ["000000-c.wav", "extracted.json"]


def test_an_extraction_that_was_broken_off_is_done_again(written: Written) -> None:
    table = written([{"bytes": tone(), "path": "a.wav"}])
    folder = extracted_folder(table) / "train"
    extract_sounds(table, "audio", folder)
    (folder / "extracted.json").unlink()
    (folder / "000000-a.wav").write_bytes(b"half")
    (folder / "000001-b.wav").write_bytes(b"of another file")
    assert extract_sounds(table, "audio", folder) == ["000000-a.wav"]
    assert (folder / "000000-a.wav").read_bytes() == tone()
    assert not (folder / "000001-b.wav").exists()


def test_rows_without_bytes_are_found_by_their_path_or_named(written: Written) -> None:
    table = written(
        [
            {"bytes": None, "path": "clips/a.wav"},
            {"bytes": None, "path": "gone.wav"},
            {"bytes": tone(), "path": "b.wav"},
        ],
        label=["dog", "dog", "cat"],
    )
    (table.parent / "clips").mkdir()
    (table.parent / "clips/a.wav").write_bytes(tone())
    dataset = open_dataset(table)
    assert dataset.clips["path"].iloc[0] == table.parent / "clips/a.wav"
    assert dataset.clips["labels"].tolist() == [("dog",), ("cat",)]
    assert [problem.reason for problem in dataset.problems] == [
        "train.parquet: 1 row is left out, without the bytes of a sound and without a file."
    ]


def test_a_damaged_file_is_named_and_a_full_disk_is_said_before_it_is_full(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(1).bytes(2000)  # which cannot be compressed
    table = written([{"bytes": noise + bytes([at]), "path": "a.wav"} for at in range(9)], label=["dog"] * 9)
    usage = shutil.disk_usage(table)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(AudiotagError, match=r"the sounds in train\.parquet need .* are free; free some space"):
        open_dataset(table.parent)
    monkeypatch.undo()
    monkeypatch.setenv("AUDIOTAG_HOME", str(table.parent.parent / "other"))
    content = bytearray(table.read_bytes())
    content[20:4000] = bytes(3980)
    table.write_bytes(content)
    with pytest.raises(AudiotagError, match=r"train\.parquet is damaged: row 1 cannot be read; download it again"):
        open_dataset(table.parent)


def test_sounds_may_lie_in_a_column_of_bytes_without_paths(written: Written) -> None:
    path = written([])
    pq.write_table(pa.table({"audio": [tone(), b"OggS and more"], "label": ["dog", "cat"]}), path)
    dataset = open_dataset(path)
    assert [file.name for file in dataset.clips["path"]] == ["000000-sound.wav", "000001-sound.ogg"]
    assert dataset.labels == ("cat", "dog")


def test_labels_may_be_lists_and_splits_columns(written: Written) -> None:
    table = written(
        [{"bytes": tone(), "path": f"{at}.wav"} for at in range(4)],
        labels=[["dog", "rain"], [], ["rain"], []],
        fold=[1, 2, 2, 1],
        split=["train", "train", "test", "test"],
    )
    dataset = open_dataset(table.parent, split_column="split")
    assert dataset.clips["labels"].tolist() == [("dog", "rain"), ("rain",), ()]
    assert dataset.clips["split"].tolist() == ["train", "test", "test"]
    assert dataset.clips["fold"].tolist() == [1, 2, 1]
    assert "train/000001-1.wav is without a label; it is left out." in dataset.problems[0].reason
    with pytest.raises(AudiotagError, match="label_column must be one of audio, labels, fold, split, got breed"):
        open_dataset(table.parent, label_column="breed")
