"""Time functions against each other in one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def shortest_seconds(*functions: Callable[[], Any], rounds: int = 5) -> list[float]:
    """Shortest run time of each function in seconds.

    Each round calls every function once, so that all of them meet the same state of the machine. The shortest time is
    taken because other work on the machine can only make a run longer.
    """
    shortest = [float("inf")] * len(functions)
    for _ in range(rounds):
        for number, function in enumerate(functions):
            started = time.perf_counter()
            function()
            shortest[number] = min(shortest[number], time.perf_counter() - started)
    return shortest
