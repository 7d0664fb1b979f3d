"""Say what a worker or an estimate is doing before its first batch, in a file that pages and commands read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from audiotag.disk import optional_write
from audiotag.state import read_json_state
from audiotag.wording import format_duration
from audiotag.workspace import write_json

Report = Callable[[str, int, int], None]  # step, done, total; a total of 0 for a step that cannot be counted
FILE = "preparing.json"  # in the folder of a run or an estimate
SHAPE = {"step": str, "done": int, "total": int, "left_s": (float, None)}
WRITE_INTERVAL_S = 0.5
SURE_S = 2.0  # of a step, before which nothing is said about the time that is left


@dataclass(frozen=True)
class Preparing:
    """What a process is doing before its first batch.

    Attributes
    ----------
    step : str
        "Preparing clips", for one.
    done, total : int
        Both 0 for a step that cannot be counted.
    left_s : float or None
        Seconds to the end of the step; None where that is not known yet.
    """

    step: str
    done: int = 0
    total: int = 0
    left_s: float | None = None

    @property
    def share(self) -> float:
        """How much of the step is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0

    def describe(self) -> str:
        """The step, its counts and the time that is left.

        >>> Preparing("Preparing clips", 3200, 24785, 130.0).describe()
        'Preparing clips: 3,200 of 24,785, about 2 min left'
        >>> Preparing("Drawing folds").describe()
        'Drawing folds'
        """
        counts = f": {self.done:,} of {self.total:,}" if self.total else ""
        left = f", about {format_duration(self.left_s)} left" if self.left_s is not None else ""
        return f"{self.step}{counts}{left}"


class PreparationWriter:
    """Writes what its process is doing into a folder, at most twice per second; call it as a `Report`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._step, self._began, self._written_at = "", 0.0, 0.0

    def __call__(self, step: str, done: int = 0, total: int = 0) -> None:
        """Say which step is at work and how much of it is done."""
        now = time.monotonic()
        is_new = step != self._step
        if is_new:
            self._step, self._began = step, now
        elif now - self._written_at < WRITE_INTERVAL_S and done < total:
            return
        took_s = now - self._began
        left_s = round(took_s / done * (total - done), 1) if done and took_s > SURE_S else None
        with optional_write("what is being prepared is not shown"):
            write_json(self._path, {"step": step, "done": done, "total": total, "left_s": left_s})
        self._written_at = now

    def end(self) -> None:
        """Remove the file: the first batch is next."""
        self._path.unlink(missing_ok=True)


def read_preparing(folder: Path) -> Preparing | None:
    """What the process of a run or an estimate is doing; None before it says so, and from its first batch on."""
    values = read_json_state(folder / FILE, SHAPE, None, "the next step writes it again")
    return None if values is None else Preparing(**{name: values[name] for name in SHAPE})
