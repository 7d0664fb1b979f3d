"""Make things ahead of their use in threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Made = TypeVar("Made")


def make_ahead(make: Callable[[int], Made], count: int, workers: int) -> Iterator[Made]:
    """Yield ``make(0)``, ``make(1)``, … in order, each begun before it is needed.

    Parameters
    ----------
    make : callable
    count : int
    workers : int
        Threads; one more than that are made or wait at any time.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        waiting: deque[Future[Made]] = deque(pool.submit(make, number) for number in range(min(workers + 1, count)))
        try:
            for number in range(len(waiting), count + len(waiting)):
                made = waiting.popleft().result()
                if number < count:
                    waiting.append(pool.submit(make, number))
                yield made
        finally:
            for future in waiting:
                future.cancel()
