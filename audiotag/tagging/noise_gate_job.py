"""Measure the noise gate of an ensemble in a process of its own, which outlives the page.

``python -m audiotag.tagging.noise_gate_job FOLDER ENSEMBLE`` is the process; it writes the result into the ensemble's
card. Nothing is written if it is stopped.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from audiotag.detached_job import DetachedJob
from audiotag.tagging.ensemble import Card
from audiotag.tagging.noise_gate_measurement import gate_tagger, measure_noise_gate, save_noise_gate
from audiotag.workspace import Workspace

PROGRESS_INTERVAL_S = 0.3


class _Stopped(Exception):
    """The job was asked to stop."""


@dataclass(frozen=True)
class NoiseGateJob(DetachedJob):
    """The noise gate of the ensemble in a folder.

    Attributes
    ----------
    folder : Path
    ensemble : Path
        Folder of the ensemble.
    """

    ensemble: Path

    module: ClassVar[str] = "audiotag.tagging.noise_gate_job"
    activity: ClassVar[str] = "The noise gate"
    past: ClassVar[str] = "measured"

    @classmethod
    def of(cls, ensemble: Path, card: Card, workspace: Workspace) -> NoiseGateJob:
        """The job for an ensemble; nothing is started or written yet."""
        folder = workspace.root / "noise-gates" / f"{ensemble.name}-{card.folds[0].sha256[:12]}"
        return cls(folder, ensemble.absolute())

    def arguments(self) -> list[str]:
        """The arguments of the process, which `main` reads."""
        return [str(self.folder), str(self.ensemble)]


def measure(job: NoiseGateJob) -> None:
    """Measure, and write the result into the card, unless the job is stopped before."""
    tagger = gate_tagger(job.ensemble)
    began = last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if job.is_stop_requested():
            raise _Stopped
        if done == total or now - last > PROGRESS_INTERVAL_S:
            job.write_progress(done, total, (now - began) / done * (total - done))
            last = now

    try:
        save_noise_gate(job.ensemble, measure_noise_gate(tagger, progress=progress))
    except _Stopped:
        return


def main() -> None:
    """Measure the ensemble of the second argument; the state of the process is in the folder of the first."""
    job = NoiseGateJob(*map(Path, sys.argv[1:]))
    job.run(lambda: measure(job))


if __name__ == "__main__":
    main()
