"""Make things ahead of their use in threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Made = TypeVar("Made")


def make_ahead(make: Callable[[int], Made], count: int, workers: int) -> Iterator[Made]:
    """Give ``make(0)``, ``make(1)``, … in order; the first ones are begun at once, the others before they are needed.

    Parameters
    ----------
    make : callable
    count : int
    workers : int
        Threads; one more than that are made or wait at any time.
    """
    made = _in_order(make, count, workers)
    next(made)
    return made


def _in_order(make: Callable[[int], Made], count: int, workers: int) -> Iterator[Any]:
    """What `make_ahead` gives, after a first None when the first ones are begun; then closing it cancels them."""
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        waiting: deque[Future[Made]] = deque(pool.submit(make, number) for number in range(min(workers + 1, count)))
        try:
            yield None
            for number in range(len(waiting), count + len(waiting)):
                made = waiting.popleft().result()
                if number < count:
                    waiting.append(pool.submit(make, number))
                yield made
        finally:
            for future in waiting:
                future.cancel()
