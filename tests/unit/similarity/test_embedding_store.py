"""What is in the store is found again, by whatever is known of a sound, whoever wrote it and whatever was killed."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotag import state
from audiotag.similarity import embedding_store
from audiotag.similarity.embedding_store import EmbeddingStore, NewSound, content_keys, file_key_now, sound_key
from audiotag.similarity.stored_vectors import StoredVectors

DIMENSIONS = 6
ADD = """
import sys
from pathlib import Path
import numpy as np
from audiotag.similarity.embedding_store import EmbeddingStore, NewSound
first, store = int(sys.argv[2]), EmbeddingStore(Path(sys.argv[1]))
for key in range(first, first + 30):
    store.add([NewSound(key, 1000 + key, 2000 + key, np.zeros(1), np.full((1, 6), key))])
    if key % 10 == 0:
        store.merge()
"""


@pytest.fixture
def store(tmp_path: Path) -> EmbeddingStore:
    return EmbeddingStore(tmp_path / "store")


def new(key: int, rows: int = 1, value: float | None = None) -> NewSound:
    """A sound with the keys ``key``, 1000 and 2000 more, whose vectors have ``key`` as each number."""
    vectors = np.full((rows, DIMENSIONS), key if value is None else value)
    return NewSound(key, 1000 + key, 2000 + key, np.arange(rows) / 2, vectors)


def keys(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint64)


def values(stored: StoredVectors, *files: int) -> list[float]:
    """The first number of each vector found."""
    return stored.find(keys(*files)).vectors[:, 0].tolist()


def test_vectors_come_back_in_the_order_in_which_they_are_asked_for(store: EmbeddingStore) -> None:
    store.add([new(1), new(2)])
    store.add([new(3)])
    found = store.open().find(keys(3, 9, 1, 0, 3))
    assert found.vectors[:, 0].tolist() == [3, 1, 3]
    assert found.vectors.dtype == np.float16
    assert found.is_found.tolist() == [True, False, True, False, True]
    assert found.places.tolist() == [0, 2, 4]


def test_nothing_is_found_in_an_empty_store(store: EmbeddingStore) -> None:
    found = store.open().find(keys(1, 2), keys(1, 0))
    assert not found.is_found.any()
    assert len(found.vectors) == 0
    store.add([])
    store.merge()
    assert store.parts() == []


def test_a_copy_is_found_by_its_bytes_once_it_is_linked_and_by_its_samples(store: EmbeddingStore) -> None:
    store.add([new(1)])
    assert store.open().has_sound(1001)
    store.add([], [(7, 1001)])
    assert values(store.open(), 7) == [1]
    unknown = keys(8, 9)
    assert store.open().find(unknown, keys(0, 2001)).is_found.tolist() == [False, True]  # 0: samples are not known
    assert content_keys([None, "", "0f" * 16]).tolist() == [0, 0, 0x0F0F0F0F0F0F0F0F]


def test_a_file_that_is_replaced_under_its_name_is_another_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    os.utime(path, ns=(1, 1))
    before, sound = file_key_now(path), sound_key(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 2))
    assert file_key_now(path) != before
    assert sound_key(path) != sound
    copy = tmp_path / "b.wav"
    copy.write_bytes(b"two")
    assert sound_key(copy) == sound_key(path)
    assert (file_key_now(tmp_path / "none.wav"), sound_key(tmp_path / "none.wav")) == (0, 0)


def test_windows_of_a_sound_stay_together_and_in_order(store: EmbeddingStore) -> None:
    store.add([new(1, rows=3), new(2, rows=0), new(3, rows=2)])
    store.add([new(4, rows=1)])
    store.merge()
    found = store.open().find(keys(3, 4, 2, 1))
    assert found.vectors[:, 0].tolist() == [3, 3, 4, 1, 1, 1]
    assert found.starts_s.tolist() == [0, 0.5, 0, 0, 0.5, 1]
    assert found.places.tolist() == [0, 0, 1, 3, 3, 3]
    assert found.is_found.all()


def test_silence_is_stored_so_that_it_is_not_embedded_again(store: EmbeddingStore) -> None:
    store.add([new(1, value=0)])
    assert store.open().find(keys(1)).is_found.all()
    assert not store.open().find(keys(1)).vectors.any()


def test_merging_keeps_everything_once_in_few_parts(store: EmbeddingStore) -> None:
    for key in range(1, 201):
        store.add([new(key)])
        if key % 20 == 0:
            store.merge()
            assert len(store.parts()) <= 6
    store.add([new(5), new(6)], [(500, 1007)])  # as from another process that had not seen them
    store.merge()
    store.merge()
    stored = store.open()
    assert values(stored, *range(1, 201), 500) == [*range(1, 201), 7]
    rows = sum(len(part.sounds) for part in stored._parts)
    assert rows <= 202


def test_a_large_part_is_not_written_again_for_a_few_sounds(store: EmbeddingStore) -> None:
    store.add([new(key) for key in range(1, 500)])
    (large,) = store.parts()
    for key in (500, 501):
        store.add([new(key)])
    store.merge()
    assert large in store.parts()
    assert len(store.parts()) == 2


@pytest.mark.parametrize("moment", range(4))
def test_a_merge_that_is_killed_loses_nothing(
    store: EmbeddingStore, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in range(1, 5):
        store.add([new(key)])
    unlink, calls = Path.unlink, iter(range(9))

    def killed(self: Path, missing_ok: bool = False) -> None:
        if self.name.startswith("part-") and next(calls) == moment:
            raise KeyboardInterrupt
        unlink(self, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            store.merge()
    assert values(store.open(), 1, 2, 3, 4) == [1, 2, 3, 4]
    store.merge()
    assert values(store.open(), 1, 2, 3, 4) == [1, 2, 3, 4]
    assert len(store.parts()) <= 2


def test_several_processes_add_and_merge_while_another_reads(
    store: EmbeddingStore, tmp_path: Path, fork_server: Any
) -> None:
    logs = [tmp_path / f"{number}.txt" for number in range(2)]
    processes = [
        fork_server.start_detached("-c", [ADD, str(store.folder), str(1 + 100 * number)], logs[number])
        for number in range(2)
    ]
    while any(process.is_running() and process.status() != "zombie" for process in processes):
        stored = store.open()
        found = stored.find(keys(*range(1, 200)))
        assert (found.vectors == 1 + found.places[:, None]).all()
    assert [fork_server.wait(process.pid) for process in processes] == [0, 0], [log.read_text() for log in logs]
    expected = [*range(1, 31), *range(101, 131)]
    assert values(store.open(), *expected) == expected


def test_a_reader_that_comes_during_a_merge_looks_again(store: EmbeddingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (1, 2):
        store.add([new(key)])
    read, merged = embedding_store.read_part, threading.Event()

    def read_while_merging(path: Path) -> Any:
        if not merged.is_set():
            merged.set()
            EmbeddingStore(store.folder).merge()
        return read(path)

    monkeypatch.setattr(embedding_store, "read_part", read_while_merging)
    assert values(store.open(), 1, 2) == [1, 2]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:-1],
    "another file": lambda content: b"RIFF" + content[4:],
    "header": lambda content: content.replace(b"U64", b"X99"),
    "not finite": lambda content: content[:-2] + b"\x00\x7c",
    "ends": lambda content: content.replace(np.array([1, 2], np.int64).tobytes(), np.array([2, 1], np.int64).tobytes()),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("is_merged", [False, True])
def test_a_damaged_part_costs_a_sentence_and_its_own_sounds(
    store: EmbeddingStore, damage: str, is_merged: bool
) -> None:
    store.add([new(1), new(2)])
    (path,) = store.parts()
    content = DAMAGES[damage](path.read_bytes())
    assert content != path.read_bytes()
    path.write_bytes(content)
    store.add([new(3), new(4)])
    state.take_sentences()
    if is_merged:
        store.merge()
    stored = store.open()
    assert values(stored, 1, 2, 3, 4) == [3, 4]
    (sentence,) = state.take_sentences()
    assert sentence.endswith(f"was damaged, and is now {path.name}.damaged: its sounds are embedded again.")
    assert path.with_name(f"{path.name}.damaged").read_bytes() == content
    store.add([new(1), new(2)])
    assert values(store.open(), 1, 2, 3, 4) == [1, 2, 3, 4]
    assert state.take_sentences() == []


def test_a_store_that_cannot_be_written_is_still_read(store: EmbeddingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (1, 2):
        store.add([new(key)])

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device", "part")

    monkeypatch.setattr(embedding_store, "write_arrays", full)
    store.merge()
    assert values(store.open(), 1, 2) == [1, 2]
