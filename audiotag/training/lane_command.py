"""The command that starts a lane, a process that trains some of a run's folds, and where it leaves what went wrong.

This module imports nothing heavy: on the nodes of a cluster it is loaded by processes that only start lanes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

WORKER = "audiotag.training.worker"


def lane_command(
    folder: Path, lane: int, folds: Sequence[int], device: str, parent: int, writes_to: str = ""
) -> list[str]:
    """The command of a lane.

    Parameters
    ----------
    folder : Path
        The run's.
    lane : int
        Names what the lane leaves in the folder: its reason, and the notes of the files that it reads.
    folds : sequence of int
    device : str
        As torch names it.
    parent : int
        PID of the process with which it ends.
    writes_to : str
        As `audiotag.training.runs.Run.writes_to`; empty for the run's own file.
    """
    numbers = ",".join(map(str, folds))
    words = [f"--lane={lane}", f"--folds={numbers}", f"--device={device}", f"--parent={parent}"]
    own = [f"--writes-to={writes_to}"] if writes_to else []
    return [sys.executable, "-m", WORKER, str(folder), *words, *own]


def lane_reason_path(folder: Path, lane: int) -> Path:
    """Where a lane that fails writes its reason."""
    return folder / f".lane-{lane}"
