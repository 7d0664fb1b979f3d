"""Run calls one after the other in a thread, so that a GPU trains on while an epoch's checkpoint is written."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType


class OneBehind:
    """Runs each call in a thread once the one before has ended; at the end of the ``with`` block all have ended.

    An error of a call is raised by the next `run`, or at the end of the block.

    Parameters
    ----------
    is_behind : bool
        If false, `run` runs the call itself.
    """

    def __init__(self, is_behind: bool) -> None:
        self.is_behind = is_behind
        self._pool = ThreadPoolExecutor(1, "one-behind")
        self._running: Future[None] | None = None

    def __enter__(self) -> OneBehind:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is None:
                self.finish()
        finally:
            self._pool.shutdown()

    def run(self, call: Callable[[], None]) -> None:
        """Run a call after the one before."""
        self.finish()
        if self.is_behind:
            self._running = self._pool.submit(call)
        else:
            call()

    def finish(self) -> None:
        """Wait until the last call has ended; raises its error."""
        running, self._running = self._running, None
        if running is not None:
            running.result()
