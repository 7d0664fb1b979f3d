"""Fetch remote sounds in threads, and have local ones read by the system, some before those that are being read."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from audiotag.disk import read_soon
from audiotag.remote.addresses import is_remote
from audiotag.remote.reading import fetch_short

THREADS = 16
AHEAD = 64  # sounds

Item = TypeVar("Item")


def fetch_ahead(items: Iterable[Item], path_of: Callable[[Item], Path]) -> Iterator[Item]:
    """The same items in the same order, while the remote sounds among the next ones are being fetched.

    Parameters
    ----------
    items : iterable
    path_of : callable
        The path of the sound of an item.
    """
    waiting: deque[Item] = deque()
    for item in items:
        if is_remote(path := path_of(item)):
            _FETCHERS.fetch(path)
        elif not waiting:
            yield item
            continue
        waiting.append(item)
        if len(waiting) > AHEAD:
            yield waiting.popleft()
    yield from waiting


class FetchAhead:
    """Fetch the remote sounds of a list, and have its local ones read into the cache, some before those being read.

    Parameters
    ----------
    paths : sequence of Path
        In the order in which they are read.
    whole : bool
        Whether all of each sound is read, so that the system may begin to read local ones.
    """

    def __init__(self, paths: Sequence[Path], whole: bool = False) -> None:
        self._paths, self._whole, self._asked, self._lock = paths, whole, 0, threading.Lock()

    def reached(self, number: int) -> None:
        """Say which one is read now, from 0; this waits for none."""
        with self._lock:
            asked, self._asked = self._asked, max(self._asked, min(number + AHEAD, len(self._paths)))
        for path in self._paths[asked : self._asked]:
            if is_remote(path):
                _FETCHERS.fetch(path)
            elif self._whole:
                read_soon(path)


class _Fetchers:
    """Threads that fetch sounds before somebody reads them; whoever reads one that failed says why."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin without threads, as in a process that was forked."""
        self._paths: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def fetch(self, path: Path) -> None:
        """Fetch a sound as soon as a thread is free."""
        self._paths.put(path)
        with self._lock:
            if len(self._threads) < THREADS and not (self._threads and self._paths.empty()):
                # They must not keep a command from ending.
                self._threads.append(threading.Thread(target=self._work, name="fetch-ahead", daemon=True))
                self._threads[-1].start()

    def _work(self) -> None:
        while True:
            path = self._paths.get()
            with suppress(Exception):
                fetch_short(path)


_FETCHERS = _Fetchers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_FETCHERS.forget)
