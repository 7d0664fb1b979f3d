"""Give whoever opens a remote sound its bytes: of a short one a file in the cache, of a long one what it asks for.

`fetched` stands around everything that opens a sound. A path on disk is passed through. In its place, a remote sound
has a path in the cache if it is short; one that is longer than `WHOLE_BYTES` keeps its path in the mirror, and is
opened as a `RangedFile`, which fetches blocks of it. MP3 and Ogg are always fetched whole, because their length is only
known from all of their bytes.

Libraries that read a `RangedFile` are in native code, which no exception passes. So what cannot be fetched ends the
file for them, and `fetched` raises the reason at the end.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from audiotag.byte_file import ByteFile
from audiotag.errors import AudiotagError
from audiotag.remote import storage
from audiotag.remote.addresses import address_of, is_remote
from audiotag.remote.cache import Cache, cache_of_this_machine
from audiotag.remote.mirror import current_facts, known_facts
from audiotag.remote.storage import Facts

WHOLE_BYTES = 16 << 20  # 90 s of stereo at 44.1 kHz
BLOCK_BYTES = 1 << 20
BLOCKS_AT_ONCE = 8  # of a sound that is read from its start to its end
PIECE_BYTES = 8 << 20  # of a long object that is fetched whole
READ_WHOLE = (b"OggS", b"ID3", *(bytes((0xFF, second)) for second in range(0xE0, 0x100)))  # starts of Ogg and MP3
FACTS_LAST_S = 60.0  # a long sound is asked for changes again after this time
MAX_TRIES = 3

Source = Path | bytes


def fetched(source: Source) -> AbstractContextManager[Source]:
    """A source that can be opened in the ``with`` block, for one that may be remote.

    Raises
    ------
    AudiotagError
        If it cannot be fetched; the message has its address.
    """
    return _fetched(source) if is_remote(source) else nullcontext(source)


@contextmanager
def _fetched(path: Path) -> Iterator[Path]:
    facts = known_facts(path) or current_facts(path)
    if facts.size <= WHOLE_BYTES:
        with _whole(path, facts) as local:
            yield local
        return
    facts = _verified(path, facts)
    start = BYTES.block(path, 0)
    if start.startswith(READ_WHOLE):
        with _whole(path, facts) as local:
            yield local
        return
    use = _Use()
    with _uses_lock:
        _uses.setdefault(path, []).append(use)
    try:
        yield path
    except GeneratorExit:  # the rest is not wanted
        raise
    except Exception:
        if use.failure is None:
            raise
    finally:
        with _uses_lock:
            _uses[path].remove(use)
            if not _uses[path]:
                del _uses[path]
    if use.failure is not None:
        raise use.failure


class RangedFile(ByteFile):
    """A long remote sound as a file for reading, of which only those blocks are fetched that are asked for.

    Parameters
    ----------
    path : Path
        In the mirror.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(BYTES.size(path))
        self._path, self._number, self._block = path, -1, b""

    def piece_at(self, at: int, size: int) -> bytes:
        """Bytes of the block that position ``at`` is in; empty if it cannot be fetched."""
        number, start = divmod(at, BLOCK_BYTES)
        if number != self._number:
            self._number, self._block = number, BYTES.block(self._path, number)
        if not (piece := self._block[start : start + size]):
            self._number = -1  # it is asked for again
        return piece


class RemoteBytes(Protocol):
    """Where the bytes of long sounds come from."""

    def size(self, path: Path) -> int:
        """Of a sound, in bytes."""

    def block(self, path: Path, number: int) -> bytes:
        """A block of a sound; empty if it cannot be fetched."""


class FetchedBytes:
    """Bytes of long sounds by the network, through the cache of this machine."""

    def size(self, path: Path) -> int:
        """Of a sound, in bytes."""
        return (known_facts(path) or current_facts(path)).size

    def block(self, path: Path, number: int) -> bytes:
        """A block of a sound; empty if it cannot be fetched, the reason of which `fetched` raises."""
        try:
            facts = known_facts(path) or current_facts(path)
            cache, names = cache_of_this_machine(), _BlockNames(path, facts)
            start = number * BLOCK_BYTES
            content = cache.read(names.of(number), min(BLOCK_BYTES, facts.size - start))
            return _fetch_blocks(path, facts, number, cache, names) if content is None else content
        except AudiotagError as error:
            with _uses_lock:
                for use in _uses.get(path, ()):
                    use.failure = use.failure or error
                if path not in _uses:  # before it is opened
                    raise
            return b""


class _BlockNames:
    """Names of the blocks of an object in the cache."""

    def __init__(self, path: Path, facts: Facts) -> None:
        self._name = _name_in_cache(path, facts)

    def of(self, number: int) -> str:
        return f"{self._name}-{number}"


def _fetch_blocks(path: Path, facts: Facts, first: int, cache: Cache, names: _BlockNames) -> bytes:
    """Fetch a block, and those after it if those before it were fetched, too."""
    last = first + 1
    if first > 1 and cache.has(names.of(first - 1)) and cache.has(names.of(first - 2)):
        while last < first + BLOCKS_AT_ONCE and last * BLOCK_BYTES < facts.size and not cache.has(names.of(last)):
            last += 1
    start, stop = first * BLOCK_BYTES, min(last * BLOCK_BYTES, facts.size)
    content = storage.read(address_of(path), start, stop)
    if len(content) == facts.size > stop - start:  # a server without ranges
        start, stop = 0, facts.size
    if len(content) != stop - start:
        current_facts(path)
        raise AudiotagError(f"{address_of(path)} changed while it was read; try again.", may_pass=True)
    for at in range(0, len(content), BLOCK_BYTES):
        piece = content[at : at + BLOCK_BYTES]
        cache.store(names.of((start + at) // BLOCK_BYTES), len(piece), [piece])
    wanted = first * BLOCK_BYTES - start
    return content[wanted : wanted + BLOCK_BYTES]


class _Use:
    """One reader of a long sound, and why it cannot be read on."""

    failure: AudiotagError | None = None


@contextmanager
def _whole(path: Path, facts: Facts) -> Iterator[Path]:
    """The path of a file in the cache with all bytes of a sound."""
    cache = cache_of_this_machine()
    for _ in range(MAX_TRIES):
        with cache.reading(_whole_name(path, facts), facts.size) as local:
            if local is not None:
                yield local
                return
        facts = _fetch_whole(path, facts, cache)
    raise AudiotagError(
        f"{address_of(path)} does not stay in the cache of remote sounds until it is read; try again.", may_pass=True
    )


def _fetch_whole(path: Path, facts: Facts, cache: Cache) -> Facts:
    """Have all bytes of a sound in the cache; returns what it is now, which may have changed."""
    name = _whole_name(path, facts)
    with _fetching(name):  # another thread may be fetching it
        with cache.reading(name, facts.size) as local:
            if local is not None:
                return facts
        address = address_of(path)
        if facts.size > WHOLE_BYTES:
            pieces = (
                storage.read(address, at, min(at + PIECE_BYTES, facts.size)) for at in range(0, facts.size, PIECE_BYTES)
            )
            cache.store(name, facts.size, _of_size(pieces, facts.size, path))
            return facts
        content = storage.read_whole(address)
        if len(content) != facts.size:  # it has changed since its folder was listed
            facts = current_facts(path)
        if len(content) != facts.size:
            raise AudiotagError(f"{address} changed while it was read; try again.", may_pass=True)
        cache.store(_whole_name(path, facts), facts.size, [content])
    return facts


def fetch_short(path: Path) -> None:
    """Have a sound in the cache before somebody reads it, if its size is known and it is short."""
    if (facts := known_facts(path)) is not None and facts.size <= WHOLE_BYTES:
        _fetch_whole(path, facts, cache_of_this_machine())


def _of_size(pieces: Iterable[bytes], size: int, path: Path) -> Iterator[bytes]:
    """The pieces, if they have so many bytes together."""
    for piece in pieces:
        if len(piece) == size > PIECE_BYTES:  # a server without ranges
            yield piece
            return
        size -= len(piece)
        yield piece
    if size:
        current_facts(path)
        raise AudiotagError(f"{address_of(path)} changed while it was read; try again.", may_pass=True)


def _verified(path: Path, facts: Facts) -> Facts:
    """The facts of a long sound, asked for again after a while: its blocks must be of one version."""
    now = time.monotonic()
    if now - _asked_at.get(path, -FACTS_LAST_S) >= FACTS_LAST_S:
        facts = current_facts(path)
        _asked_at[path] = now
    return facts


def _whole_name(path: Path, facts: Facts) -> str:
    # The suffix decides what libsndfile makes of some files.
    return _name_in_cache(path, facts) + path.suffix[:16]


def _name_in_cache(path: Path, facts: Facts) -> str:
    key = f"{address_of(path)}\0{facts.size}\0{facts.modified_ns}"
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:32]


@contextmanager
def _fetching(name: str) -> Iterator[None]:
    """Hold the lock of what one thread fetches, so that others wait for it."""
    with _locks_lock:
        lock, users = _locks.get(name, (threading.Lock(), 0))
        _locks[name] = lock, users + 1
    try:
        with lock:
            yield
    finally:
        with _locks_lock:
            lock, users = _locks.pop(name)
            if users > 1:
                _locks[name] = lock, users - 1


def remote_bytes() -> RemoteBytes:
    """Where the bytes of long sounds come from in this process."""
    return BYTES


def read_by(source: RemoteBytes) -> None:
    """Have the bytes of long sounds come from somewhere else, as in a process that decodes for another one."""
    global BYTES
    BYTES = source


_uses: dict[Path, list[_Use]] = {}
_uses_lock = threading.RLock()
_asked_at: dict[Path, float] = {}
_locks: dict[str, tuple[threading.Lock, int]] = {}
_locks_lock = threading.Lock()
BYTES: RemoteBytes = FetchedBytes()
