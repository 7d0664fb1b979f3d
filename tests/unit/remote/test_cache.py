import threading
from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.remote.cache import BOUND_GB, PLACE, Cache, cache_of_this_machine


def used_bytes(cache: Cache) -> int:
    return sum(path.stat().st_size for path in cache.folder.iterdir() if not path.name.startswith("."))


def test_files_stay_within_the_bound_and_the_longest_unused_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1000)
    for number in range(10):
        cache.store(f"old-{number}", 100, [b"x" * 100])
    assert cache.read("old-0", 100) == b"x" * 100  # used again
    for number in range(30):
        cache.store(f"new-{number}", 70, [b"y" * 70])
        assert used_bytes(cache) <= 1000
        assert cache.read("old-0", 100) is not None  # used all the time
    assert not cache.has("old-1")
    assert cache.has("new-29")


def test_file_that_is_being_read_is_not_deleted(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1000)
    cache.store("in use", 400, [b"x" * 400])
    with cache.reading("in use", 400) as path:
        for number in range(10):
            cache.store(f"new-{number}", 300, [b"y" * 300])
        assert path is not None
        assert path.read_bytes() == b"x" * 400
    cache.store("last", 500, [b"z" * 500])
    assert used_bytes(cache) <= 1000


def test_many_threads_and_caches_together_stay_within_the_bound(tmp_path: Path) -> None:
    caches = [Cache(tmp_path / "cache", 2000) for _ in range(4)]  # as of four processes
    threads = [
        threading.Thread(
            target=lambda cache=cache, own=own: [cache.store(f"{own}-{n}", 90, [b"x" * 90]) for n in range(20)]
        )
        for own, cache in enumerate(caches)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < used_bytes(caches[0]) <= 2000
    assert not list(caches[0].folder.glob(".part-*"))


def test_file_of_another_size_is_not_taken_and_a_half_written_one_is_not_left(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1000)
    cache.store("a", 3, [b"abc"])
    assert cache.read("a", 4) is None
    assert cache.read("b", 3) is None

    def breaks_off() -> object:
        yield b"ab"
        raise ConnectionError

    with pytest.raises(AudiotagError):
        cache.store("b", 3, breaks_off())  # type: ignore[arg-type]
    assert not cache.has("b")
    with pytest.raises(AudiotagError, match=BOUND_GB):
        cache.store("c", 1001, [b""])


def test_place_and_bound_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLACE, str(tmp_path / "elsewhere"))
    monkeypatch.setenv(BOUND_GB, "0.5")
    assert (cache_of_this_machine().folder, cache_of_this_machine().bound_bytes) == (tmp_path / "elsewhere", 5 * 10**8)
    monkeypatch.setenv(BOUND_GB, "much")
    with pytest.raises(AudiotagError, match="must be a number of gigabytes"):
        cache_of_this_machine()
