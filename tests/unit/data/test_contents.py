"""Clips with the same content are found by their samples where they are measured, else by their files."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.data import contents
from audiotag.data.contents import cache_path, connect_rows, same_content
from audiotag.data.index import scan
from audiotag.data.layouts import open_dataset

RATE = 8000


@pytest.fixture
def sounds(tmp_path: Path) -> Callable[[dict[str, int]], Path]:
    """``sounds({name: seed})``: clips of 0.2 s of noise, all of one size; equal seeds give equal files."""

    def make(seeds: dict[str, int]) -> Path:
        root = tmp_path / "sounds"
        root.mkdir(exist_ok=True)
        for name, seed in seeds.items():
            if not (root / name).exists():
                soundfile.write(root / name, np.random.default_rng(seed).normal(0, 0.1, RATE // 5), RATE)
        (root / "clips.csv").write_text("fname,label\n" + "".join(f"{name},Hum\n" for name in seeds))
        return root

    return make


def groups(root: Path, cache: Path | None = None) -> set[frozenset[str]]:
    index = scan(open_dataset(root))
    return _groups(index, same_content(index, cache))


def _groups(index: pd.DataFrame, content: pd.Series) -> set[frozenset[str]]:
    clips = index.assign(content=content)
    return {frozenset(same["clip"]) for _, same in clips[content.notna()].groupby("content")}


def test_equal_files_have_the_same_content(sounds: Callable) -> None:
    root = sounds({"a.wav": 1, "b.wav": 2, "c.wav": 1, "d.wav": 3, "e.wav": 3, "f.wav": 3})
    assert groups(root) == {frozenset({"a.wav", "c.wav"}), frozenset({"d.wav", "e.wav", "f.wav"})}


def test_files_that_differ_in_their_middle_alone_are_different(sounds: Callable) -> None:
    root = sounds({"a.wav": 1, "b.wav": 1, "c.wav": 1})
    for name in ("a.wav", "b.wav", "c.wav"):
        long = np.zeros(40_000)
        long[9000] = name == "b.wav"  # between what is compared first
        soundfile.write(root / name, long + 0.1, RATE)
    assert groups(root) == {frozenset({"a.wav", "c.wav"})}


def test_files_of_different_sizes_are_not_read(sounds: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    root = sounds({"a.wav": 1, "b.wav": 2})
    soundfile.write(root / "b.wav", np.zeros(900), RATE)
    monkeypatch.setattr(contents, "_probe", lambda path: pytest.fail(f"{path} was read"))
    assert groups(root) == set()


def test_a_few_whole_files_are_read_at_the_same_time(sounds: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    both, checksum = threading.Barrier(2, timeout=20), contents._checksum

    def read(path: Path) -> str | None:
        both.wait()
        return checksum(path)

    monkeypatch.setattr(contents, "_checksum", read)
    assert groups(sounds({"a.wav": 1, "b.wav": 1})) == {frozenset({"a.wav", "b.wav"})}


def test_checksums_are_cached_until_a_file_of_their_size_comes(
    sounds: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_path(tmp_path, "sounds")
    assert groups(sounds({"a.wav": 1, "b.wav": 2, "c.wav": 2}), cache) == {frozenset({"b.wav", "c.wav"})}
    with monkeypatch.context() as patch:
        patch.setattr(contents, "_probe", lambda path: pytest.fail(f"{path} was read again"))
        assert groups(tmp_path / "sounds", cache) == {frozenset({"b.wav", "c.wav"})}
    grown = sounds({"a.wav": 1, "b.wav": 2, "c.wav": 2, "d.wav": 1, "e.wav": 2})
    assert groups(grown, cache) == {frozenset({"a.wav", "d.wav"}), frozenset({"b.wav", "c.wav", "e.wav"})}


def test_a_damaged_cache_is_made_again(sounds: Callable, tmp_path: Path) -> None:
    root, cache = sounds({"a.wav": 1, "b.wav": 1}), cache_path(tmp_path, "sounds")
    cache.write_bytes(b"no table")
    assert groups(root, cache) == {frozenset({"a.wav", "b.wav"})}


def test_measured_samples_join_other_files_of_the_same_sound_and_silence_joins_nothing(sounds: Callable) -> None:
    root = sounds({"a.wav": 1, "b.wav": 2, "c.wav": 3, "d.wav": 4, "e.wav": 4, "f.wav": 5})
    index = scan(open_dataset(root)).assign(
        content=["x", "x", "y", "y", None, "z"], peak_dbfs=[-3.0, -3.0, -3.0, -3.0, np.nan, -120.0]
    )
    # d and e are equal files, and c has the samples of d
    assert _groups(index, same_content(index)) == {
        frozenset({"a.wav", "b.wav"}),
        frozenset({"c.wav", "d.wav", "e.wav"}),
    }
    silent = index.assign(content="same", peak_dbfs=-120.0)
    assert same_content(silent).isna().all()


def test_a_file_that_is_gone_or_broken_equals_nothing(sounds: Callable) -> None:
    root = sounds({"a.wav": 1, "b.wav": 1, "c.wav": 1, "d.wav": 1})
    (root / "a.wav").write_bytes(b"no sound")
    (root / "b.wav").write_bytes(b"no sound")
    index = scan(open_dataset(root))
    (root / "c.wav").unlink()
    assert same_content(index).isna().all()


def test_rows_are_connected_through_each_other() -> None:
    group = pd.Series(["A", "A", None, "B", None, "C"], dtype="string")
    content = pd.Series([None, 1, 1, 1, None, 2], dtype="Int64")
    assert connect_rows(group, content).tolist() == [0, 0, 0, 0, 1, 2]
    assert connect_rows(pd.Series([pd.NA, pd.NA], dtype="string")).tolist() == [0, 1]
