"""The index has the facts of each header, reads only new and changed files, and survives bad files."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.audio.header import Header
from audiotag.data import index as index_module
from audiotag.data.index import HEADER_COLUMNS, scan, with_keys
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError

CLIPS = ("a.wav", "b.wav", "c.wav")


@pytest.fixture
def root(tmp_path: Path, write_wav: Callable) -> Path:
    """Three clips of 1, 2 and 3 s; the third in stereo at 8 kHz."""
    root = tmp_path / "sounds"
    write_wav(root / "a.wav", np.zeros(44_100))
    write_wav(root / "b.wav", np.zeros(88_200), subtype="FLOAT")
    write_wav(root / "c.wav", np.zeros((24_000, 2)), 8000)
    (root / "t.csv").write_text("fname,label\n" + "".join(f"{clip},Hum\n" for clip in CLIPS))
    return root


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose headers were read."""
    names: list[str] = []
    read_header = index_module.read_header

    def counted(path: Path, name: str) -> object:
        names.append(path.name)
        return read_header(path, name)

    monkeypatch.setattr(index_module, "read_header", counted)
    return names


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "indexes"


def touch_later(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))


def test_every_clip_has_the_facts_of_its_header(root: Path) -> None:
    index = scan(open_dataset(root))
    assert index["clip"].tolist() == list(CLIPS)
    assert index["duration_s"].tolist() == [1.0, 2.0, 3.0]
    assert index["frames"].tolist() == [44_100, 88_200, 24_000]
    assert index["sample_rate"].tolist() == [44_100, 44_100, 8000]
    assert index["channels"].tolist() == [1, 1, 2]
    assert index["codec"].tolist() == ["PCM_16", "FLOAT", "PCM_16"]
    assert index["bits"].tolist() == [16, 32, 16]
    assert index["size"].tolist() == [(root / clip).stat().st_size for clip in CLIPS]
    assert index["error"].isna().all()


def test_broken_file_is_a_row_with_a_reason(root: Path) -> None:
    (root / "b.wav").write_text("no sound")
    index = scan(open_dataset(root)).set_index("clip")
    assert index.loc["b.wav", "error"].startswith("b.wav cannot be read as a sound")
    assert pd.isna(index.loc["b.wav", "duration_s"])
    assert index.loc[["a.wav", "c.wav"], "error"].isna().all()
    assert index["duration_s"].sum() == 4.0


def test_file_that_is_deleted_after_the_table_was_read_is_a_row_with_a_reason(root: Path, cache: Path) -> None:
    dataset = open_dataset(root)
    (root / "b.wav").rename(root / "away.wav")
    index = scan(dataset, cache).set_index("clip")
    assert index.loc["b.wav", "error"].startswith("b.wav does not exist")
    assert index.loc[["a.wav", "c.wav"], "error"].isna().all()
    (root / "away.wav").rename(root / "b.wav")
    assert scan(dataset, cache)["error"].isna().all()


def test_keys_are_size_and_time_of_change_and_zero_for_a_missing_file(root: Path) -> None:
    clips = open_dataset(root).clips
    (root / "b.wav").unlink()
    (root / "c.wav").write_bytes(b"")
    keys = with_keys(clips).set_index("clip")
    assert keys["size"].tolist() == [(root / "a.wav").stat().st_size, 0, 0]
    assert keys["modified_ns"].tolist() == [(root / "a.wav").stat().st_mtime_ns, 0, (root / "c.wav").stat().st_mtime_ns]
    assert "size" not in clips


def test_empty_file_is_reported_as_empty_and_not_as_missing(root: Path) -> None:
    (root / "b.wav").write_bytes(b"")
    index = scan(open_dataset(root)).set_index("clip")
    assert index.loc["b.wav", "error"].startswith("b.wav is empty (0 bytes)")


def test_tables_without_sounds_give_an_index_without_reading_headers(root: Path, cache: Path, read: list[str]) -> None:
    for clip in CLIPS:
        (root / clip).unlink()
    dataset = open_dataset(root)
    assert len(dataset.missing) == 1
    index = scan(dataset, cache)
    assert read == []
    assert index["error"].tolist() == [f"{clip} does not exist." for clip in CLIPS]
    assert index[HEADER_COLUMNS[:-1]].isna().all(axis=None)
    assert (index["size"] == 0).all()
    assert not cache.exists()  # there is nothing to store


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_link_to_nowhere_is_a_row_with_a_reason(root: Path) -> None:
    (root / "b.wav").unlink()
    (root / "b.wav").symlink_to(root / "nowhere.wav")
    assert scan(open_dataset(root))["error"].notna().tolist() == [False, True, False]


def test_only_new_and_changed_files_are_read_again(
    root: Path, cache: Path, read: list[str], write_wav: Callable
) -> None:
    dataset = open_dataset(root)
    scan(dataset, cache)
    assert sorted(read) == list(CLIPS)
    read.clear()
    assert scan(dataset, cache)["duration_s"].tolist() == [1.0, 2.0, 3.0]
    assert read == []
    write_wav(root / "b.wav", np.zeros(441))
    touch_later(root / "c.wav")
    write_wav(root / "d.wav", np.zeros(882))
    with (root / "t.csv").open("a") as table:
        table.write("d.wav,Hum\n")
    assert scan(open_dataset(root), cache)["duration_s"].tolist() == [1.0, 0.01, 3.0, 0.02]
    assert sorted(read) == ["b.wav", "c.wav", "d.wav"]


@pytest.mark.parametrize(
    ("error", "is_read_again"),
    [
        (OSError(24, "Too many open files"), True),
        (MemoryError(), True),
        (AudiotagError("b.wav cannot be read: its decoder was killed twice.", may_pass=True), True),
        (AudiotagError("b.wav is damaged."), False),
    ],
    ids=["open files", "memory", "decoder", "damaged"],
)
def test_failure_of_the_system_is_shown_and_not_stored(
    root: Path, cache: Path, read: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception, is_read_again: bool
) -> None:
    counted = index_module.read_header

    def fails(path: Path, name: str) -> Header:
        if path.name == "b.wav":
            raise error
        return counted(path, name)

    dataset = open_dataset(root)
    with monkeypatch.context() as patched:
        patched.setattr(index_module, "read_header", fails)
        assert scan(dataset, cache)["error"].notna().tolist() == [False, True, False]
    read.clear()
    assert scan(dataset, cache)["error"].notna().tolist() == [False, not is_read_again, False]
    assert read == (["b.wav"] if is_read_again else [])


def test_index_is_the_same_with_and_without_a_cache(root: Path, cache: Path) -> None:
    (root / "b.wav").write_bytes(b"")
    dataset = open_dataset(root)
    fresh = scan(dataset)
    for _ in range(2):
        pd.testing.assert_frame_equal(scan(dataset, cache), fresh)


@pytest.mark.parametrize("damage", [b"", b"PAR1 not a table PAR1", b"half"])
def test_headers_are_read_again_after_damage_to_the_cache(
    root: Path, cache: Path, read: list[str], damage: bytes
) -> None:
    dataset = open_dataset(root)
    fresh = scan(dataset, cache)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage == b"half" else damage)
    read.clear()
    pd.testing.assert_frame_equal(scan(dataset, cache), fresh)
    assert sorted(read) == list(CLIPS)
    read.clear()
    scan(dataset, cache)
    assert read == []


def test_headers_are_read_again_if_the_cache_has_other_columns(root: Path, cache: Path, read: list[str]) -> None:
    dataset = open_dataset(root)
    scan(dataset, cache)
    (file,) = cache.iterdir()
    pd.DataFrame({"clip": ["a.wav"], "seconds": [9.0]}).to_parquet(file)
    read.clear()
    assert scan(dataset, cache)["duration_s"].tolist() == [1.0, 2.0, 3.0]
    assert sorted(read) == list(CLIPS)


def test_headers_are_read_again_if_the_cache_lacks_a_column(root: Path, cache: Path, read: list[str]) -> None:
    dataset = open_dataset(root)
    fresh = scan(dataset, cache)
    (file,) = cache.iterdir()
    pd.read_parquet(file).drop(columns="bits").to_parquet(file)
    read.clear()
    pd.testing.assert_frame_equal(scan(dataset, cache), fresh)
    assert sorted(read) == list(CLIPS)
    read.clear()
    scan(dataset, cache)
    assert read == []


def test_two_datasets_of_one_name_have_two_caches(tmp_path: Path, root: Path, cache: Path, write_wav: Callable) -> None:
    write_wav(tmp_path / "other/a.wav", np.zeros(441))
    (tmp_path / "other/t.csv").write_text("fname,label\na.wav,Hum\n")
    scan(open_dataset(root), cache)
    scan(open_dataset(tmp_path / "other"), cache)
    assert len(list(cache.iterdir())) == 2
    assert scan(open_dataset(root), cache)["duration_s"].tolist() == [1.0, 2.0, 3.0]


def test_progress_counts_to_the_end(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    scan(open_dataset(root), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 3)
    assert seen == sorted(seen)


def test_scan_leaves_the_dataset_as_it_was(root: Path, cache: Path, contents: Callable) -> None:
    before = contents(root)
    scan(open_dataset(root), cache)
    assert contents(root) == before


def test_index_of_esc10_has_2000_seconds(shared: Path) -> None:
    index = scan(open_dataset(shared / "data/esc10"))
    assert index["error"].isna().all()
    assert index["duration_s"].sum() == pytest.approx(2000, rel=0.01)
    assert set(index["codec"]) == {"VORBIS"}
    assert index["bits"].isna().all()
    assert index["bits"].dtype == "Int64"


YEAR_S = 31_556_952
ODD_TIMES_S = {"1905": -65 * YEAR_S, "just before 1970": -1, "1970": 0, "2300": 330 * YEAR_S, "2400": 430 * YEAR_S}


@pytest.mark.parametrize("time_s", ODD_TIMES_S.values(), ids=ODD_TIMES_S)
def test_file_of_any_time_is_read_once_and_again_when_the_time_changes(
    root: Path, cache: Path, read: list[str], time_s: int
) -> None:
    os.utime(root / "b.wav", (time_s, time_s))
    first = scan(open_dataset(root), cache)
    assert first["duration_s"].tolist() == [1.0, 2.0, 3.0]
    read.clear()
    pd.testing.assert_frame_equal(scan(open_dataset(root), cache), first)
    assert read == []
    os.utime(root / "b.wav", (time_s + 1, time_s + 1))
    scan(open_dataset(root), cache)
    assert read == ["b.wav"]


def test_empty_file_of_1970_is_not_one_that_is_missing(root: Path) -> None:
    (root / "b.wav").write_bytes(b"")
    os.utime(root / "b.wav", (0, 0))
    assert "is empty" in scan(open_dataset(root))["error"][1]


def test_refreshing_reads_files_of_the_same_size_and_time_again(root: Path, cache: Path, read: list[str]) -> None:
    dataset = open_dataset(root)
    stat = (root / "a.wav").stat()
    scan(dataset, cache)
    (root / "a.wav").write_bytes(b"x" * stat.st_size)
    os.utime(root / "a.wav", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert scan(dataset, cache)["error"].notna().tolist() == [False, False, False]
    assert scan(dataset, cache, refresh=True)["error"].notna().tolist() == [True, False, False]
    read.clear()
    assert scan(dataset, cache)["error"].notna().tolist() == [True, False, False]  # as the stored index now says
    assert read == []
