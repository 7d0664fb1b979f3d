"""Stand in for soundfile: decode as it does, but die on files that ask for it.

With this folder at the front of ``PYTHONPATH``, ``import soundfile`` in a new process gives the real package, whose
``SoundFile.read`` looks at the end of the file. After `deadly` it says how the decoder dies: ``abort`` (as by a
segmentation fault), ``hang`` (no answer, for ever), ``allocate`` (memory is used without end), ``kill`` (as by a system
without memory), or ``kill once`` (the next try succeeds; the file ``NAME.killed`` beside the sound says that it was
killed). Any other file is decoded as ever.
"""

import importlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

MARK = b"DIES "


def deadly(path: Path, way: str) -> Path:
    """Have the decoder of a WAV or FLAC file die; its samples stay as they are."""
    with path.open("ab") as file:
        file.write(MARK + way.encode())
    return path


def die(path: str) -> None:
    """End this process or never return, if the file asks for it."""
    way = Path(path).read_bytes()[-20:].rpartition(MARK)
    if not way[1]:
        return
    if way[2] == b"kill once":
        try:
            Path(path + ".killed").touch(exist_ok=False)
        except FileExistsError:
            return
    if way[2].startswith(b"kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if way[2] == b"abort":
        os.abort()
    if way[2] == b"hang":
        threading.Event().wait()
    eaten = []
    while True:
        eaten.append(b"\1" * (1 << 24))


def install() -> None:
    """Have the real package, wherever it was imported, do what this stand-in does."""
    real = importlib.import_module("soundfile")
    read = real.SoundFile.read

    def fake_read(self: Any, *args: Any, **options: Any) -> Any:
        if isinstance(self.name, str | bytes) and os.path.isfile(self.name):
            die(os.fsdecode(self.name))
        return read(self, *args, **options)

    real.SoundFile.read = fake_read


def _take_the_place() -> None:
    """Put the real package in the place of this module."""
    here, path = Path(__file__).parent, sys.path[:]
    sys.path[:] = [entry for entry in path if Path(entry or ".").resolve() != here]
    del sys.modules["soundfile"]
    install()
    sys.path[:] = path


if __name__ == "soundfile":
    _take_the_place()
