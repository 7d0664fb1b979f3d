"""Render the starter sounds of a workspace in a detached process.

``python -m audiotag.starter.render_job FOLDER STARTER_FOLDER CLIPS CLIPS CLIPS`` is the process. One that was stopped
or killed leaves a set that is not complete; the next one renders it again.
"""

from __future__ import annotations

import sys
import time
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import ClassVar

from audiotag.detached_job import DetachedJob
from audiotag.processors import usable_cpus
from audiotag.starter.render import StarterCounts, render_starter
from audiotag.workspace import Workspace

MAX_WORKERS = 8
PROGRESS_INTERVAL_S = 0.3


@dataclass(frozen=True)
class RenderJob(DetachedJob):
    """The rendering of the starter sounds, and the folder of its process.

    Attributes
    ----------
    folder : Path
        Where the state of the process is.
    starter : Path
        Folder that the sounds are rendered into.
    counts : StarterCounts
    """

    starter: Path
    counts: StarterCounts = field(default_factory=StarterCounts)

    module: ClassVar[str] = "audiotag.starter.render_job"
    activity: ClassVar[str] = "Rendering the starter sounds"
    past: ClassVar[str] = "rendered"

    @classmethod
    def of(cls, workspace: Workspace) -> RenderJob:
        """The job of a workspace; nothing is started or written yet."""
        return cls(workspace.root / "starter-rendering", workspace.starter)

    def arguments(self) -> list[str]:
        """The arguments of the process, which `main` reads."""
        return [str(self.folder), str(self.starter), *map(str, astuple(self.counts))]


class _StopRequested(Exception):
    """Ends a render whose result is not wanted any more."""


def render(job: RenderJob, workers: int) -> None:
    """Render the sounds, unless they are there, until all are rendered or `RenderJob.stop` is called."""
    began = last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        if job.is_stop_requested():
            raise _StopRequested
        now = time.monotonic()
        if now - last > PROGRESS_INTERVAL_S or done == total:
            job.write_progress(done, total, (now - began) / done * (total - done))
            last = now

    try:
        render_starter(job.starter, counts=job.counts, progress=progress, workers=workers, say=print)
    except _StopRequested:
        print("stopped")


def main() -> None:
    """Render the starter sounds into the folder of the second argument."""
    folder, starter, *counts = sys.argv[1:]
    job = RenderJob(Path(folder), Path(starter), StarterCounts(*map(int, counts)))
    job.run(lambda: render(job, min(usable_cpus(), MAX_WORKERS)))


if __name__ == "__main__":
    main()
