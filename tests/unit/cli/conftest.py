"""Folders of good and bad sounds for the commands; what they wrote, and how they are interrupted."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiotag.cli import progress

RATE = 44_100


@pytest.fixture
def sounds(tmp_path: Path, tone: Callable, write_wav: Callable) -> Path:
    """A folder of three good clips, one of them in a subfolder, and two bad ones."""
    folder = tmp_path / "sounds"
    write_wav(folder / "a.wav", tone(500, 0.5))
    write_wav(folder / "b.WAV", tone(1000, 2.5))
    write_wav(folder / "deep/c.wav", tone(2000, 1.0, sample_rate=8000), 8000)
    (folder / "empty.ogg").touch()
    (folder / "letter.mp3").write_text("Dear sir")
    (folder / "notes.txt").write_text("not a sound by its name, so it is skipped")
    return folder


@pytest.fixture
def dataset(sounds: Path) -> Path:
    """The folder with a table of four clips, of which one is empty and one is missing."""
    names = ("a.wav", "b.WAV", "empty.ogg", "gone.wav")
    (sounds / "t.csv").write_text("fname,label\n" + "".join(f"{name},Hum\n" for name in names))
    return sounds


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def stopped_after(done: int, end: BaseException | type[BaseException] = KeyboardInterrupt) -> Callable[..., None]:
    """`Progress.count` that is interrupted like by Ctrl-C or SIGTERM when so many clips are done."""
    count = progress.Progress.count

    def interrupted(self: progress.Progress, *arguments: Any) -> None:
        count(self, *arguments)
        if self.good == done:
            raise end

    return interrupted
