"""Stand in for PyAV: decode as it does, but die on files that ask for it.

With this folder at the front of ``PYTHONPATH``, ``import av`` in a new process gives the real package with another
``av.open``. A file that `deadly` has made ends with the way in which its decoder dies; the real decoder never sees
these bytes, which are a box that it skips. Any other file is decoded as ever.

| way | what happens |
|---|---|
| ``abort`` | native code aborts, as by a failed assertion or a segmentation fault |
| ``hang`` | no answer, for ever |
| ``allocate`` | memory is used without end |
| ``kill`` | the process is killed, as by a system without memory |
| ``kill once`` | as ``kill``, but the next try succeeds; the file ``NAME.killed`` beside the sound says so |

Add `` opening`` to die while the file is opened, and `` decoding`` to die after some samples.
"""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

WAYS = ("abort", "hang", "allocate", "kill", "kill once")
MARK = b"DIES "
PACKETS_BEFORE = 5


def deadly(content: bytes, way: str, when: str = "decoding") -> bytes:
    """The content of an M4A whose decoder dies."""
    mark = MARK + f"{way} {when}".encode()
    return content + (8 + len(mark)).to_bytes(4, "big") + b"free" + mark


def die(way: str, path: str) -> None:
    """End this process, or never return."""
    if way == "kill once":
        try:
            Path(path + ".killed").touch(exist_ok=False)
        except FileExistsError:
            return
    if way.startswith("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "abort":
        os.abort()
    if way == "hang":
        threading.Event().wait()
    eaten = []
    while True:
        eaten.append(b"\1" * (1 << 24))


class DyingContainer:
    """A container whose decoder dies after some packets."""

    def __init__(self, container: Any, way: str, path: str) -> None:
        self._container, self._way, self._path = container, way, path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def __enter__(self) -> "DyingContainer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def demux(self, *streams: Any) -> Iterator[Any]:
        """The packets of the file up to its end, which comes early."""
        for number, packet in enumerate(self._container.demux(*streams)):
            if number == PACKETS_BEFORE:
                die(self._way, self._path)
            yield packet


def _install() -> None:
    """Put the real package in the place of this module."""
    here = Path(__file__).parent
    path = sys.path[:]
    sys.path[:] = [entry for entry in path if Path(entry or ".").resolve() != here]
    del sys.modules["av"]
    real = importlib.import_module("av")
    sys.path[:] = path
    real_open = real.open

    def fake_open(file: Any, *args: Any, **options: Any) -> Any:
        file.seek(max(0, file.seek(0, 2) - 100))
        tail = file.read()
        file.seek(0)
        way, _, when = tail[tail.rfind(MARK) :].removeprefix(MARK).decode(errors="replace").rpartition(" ")
        path = str(getattr(file, "name", ""))
        if MARK not in tail:
            return real_open(file, *args, **options)
        if when == "opening":
            die(way, path)
        return DyingContainer(real_open(file, *args, **options), way, path)

    real.open = fake_open


if __name__ == "av":
    _install()
