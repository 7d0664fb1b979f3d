"""Measure the noise gate of an ensemble, and its familiarity, in a process of its own, which outlives the page.

``python -m audiotag.tagging.noise_gate_job FOLDER ENSEMBLE [DATASET]`` is the process; it writes the results into the
ensemble's folder. With the dataset that the ensemble was trained on it first measures what the training sounds are
like (`audiotag.tagging.familiarity_measurement`), without it only the noise gate. What is stopped is not written.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from audiotag.detached_job import DetachedJob
from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card
from audiotag.tagging.familiarity_measurement import measure_and_save
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
    dataset : Path or None
        The dataset that it was trained on, if its familiarity is to be measured.
    """

    ensemble: Path
    dataset: Path | None = None

    module: ClassVar[str] = "audiotag.tagging.noise_gate_job"
    activity: ClassVar[str] = "The noise gate"
    past: ClassVar[str] = "measured"

    @classmethod
    def of(cls, ensemble: Path, card: Card, workspace: Workspace, dataset: Path | None = None) -> NoiseGateJob:
        """The job for an ensemble; nothing is started or written yet."""
        folder = workspace.root / "noise-gates" / f"{ensemble.name}-{card.folds[0].sha256[:12]}"
        return cls(folder, ensemble.absolute(), dataset and dataset.absolute())

    @property
    def first_stage(self) -> Path:
        """A file that exists while the familiarity is measured, which counts clips and not windows."""
        return self.folder / "familiarity"

    def arguments(self) -> list[str]:
        """The arguments of the process, which `main` reads."""
        return [str(self.folder), str(self.ensemble), *([str(self.dataset)] if self.dataset else [])]


def measure(job: NoiseGateJob) -> None:
    """Measure, and write the results into the ensemble's folder, unless the job is stopped before."""
    try:
        if job.dataset is not None:
            job.first_stage.touch()
            try:
                measure_and_save(job.ensemble, job.dataset, _progress_of(job))
            except AudiotagError as error:  # the noise gate does not need the dataset
                print(error)
            finally:
                job.first_stage.unlink()
        gate = measure_noise_gate(gate_tagger(job.ensemble), progress=_progress_of(job))
        save_noise_gate(job.ensemble, gate)
    except _Stopped:
        return


def _progress_of(job: NoiseGateJob) -> Callable[[int, int], None]:
    """Writes the progress of one measurement from time to time, and ends it where the job is to stop."""
    began = last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if job.is_stop_requested():
            raise _Stopped
        if done == total or now - last > PROGRESS_INTERVAL_S:
            job.write_progress(done, total, (now - began) / done * (total - done))
            last = now

    return progress


def main() -> None:
    """Measure the ensemble of the second argument; the state of the process is in the folder of the first."""
    job = NoiseGateJob(*map(Path, sys.argv[1:4]))
    job.run(lambda: measure(job))


if __name__ == "__main__":
    main()
