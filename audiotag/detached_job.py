"""A job that a detached process does in a folder of the workspace: start it, watch it, stop it, say why it failed.

The process is ``python -m MODULE ARGUMENTS``, which calls `DetachedJob.run`. The folder has ``process.json`` (who is
running), ``progress.json``, ``stop`` (a request), ``log.txt`` and ``status.json`` (how it ended, written last).
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psutil

from audiotag import jobs
from audiotag.crash_log import unexpected
from audiotag.disk import disk_problem, locked
from audiotag.errors import AudiotagError
from audiotag.state import is_pid, read_json_state
from audiotag.workspace import write_bytes, write_json


@dataclass(frozen=True)
class DetachedJob:
    """A job and its folder; subclasses say which module does it.

    Attributes
    ----------
    folder : Path
        Where the results and the state of the process are.
    """

    folder: Path

    module: ClassVar[str]  # dotted name of the module that the process runs
    activity: ClassVar[str]  # for sentences: "Measuring"
    past: ClassVar[str]  # for sentences: what is done with a clip, "measured"
    unit: ClassVar[str] = "clips"  # of `progress`

    def arguments(self) -> list[str]:
        """The arguments of the process."""
        raise NotImplementedError

    def start(self) -> None:
        """Start a detached process; does nothing while one is running."""
        with locked(self.folder / "process.json"):
            if self.is_active():
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in ("stop", "log.txt", "status.json", "progress.json"):
                (self.folder / name).unlink(missing_ok=True)
            process = jobs.start_detached(self.module, self.arguments(), self.folder / "log.txt")
            write_json(self.folder / "process.json", {"pid": process.pid, "started": process.create_time()})

    def stop(self) -> None:
        """Ask the process to stop; what is finished is not lost."""
        write_bytes(self.folder / "stop", b"")

    def is_active(self) -> bool:
        """Whether a process is running."""
        otherwise = f"start it again, nothing that is {self.past} is lost"
        process = read_json_state(self.folder / "process.json", {"pid": is_pid, "started": float}, None, otherwise)
        return bool(process) and jobs.is_alive(process["pid"], process["started"])

    def progress(self) -> dict[str, Any]:
        """``done``, ``total`` and ``left_s``; empty before the first results."""
        shape = {"done": int, "total": int, "left_s": float}
        return read_json_state(self.folder / "progress.json", shape, {}, "the next results write it again")

    def is_stop_requested(self) -> bool:
        """Whether `stop` was called since the process was last started."""
        return (self.folder / "stop").exists()

    def write_progress(self, done: int, total: int, left_s: float) -> None:
        """Write what `progress` reads; called by the process."""
        write_json(self.folder / "progress.json", {"done": done, "total": total, "left_s": round(left_s, 1)})

    def failure(self) -> str:
        """A sentence about a process that failed or died; empty if it is running, was stopped or has finished."""
        if self.is_active() or not (self.folder / "process.json").exists():
            return ""
        log = f"The complete log is in {self.folder / 'log.txt'}."
        shape = {"state": str, "reason?": str}
        otherwise = f"how it ended is not known; start it again, nothing that is {self.past} is lost"
        if status := read_json_state(self.folder / "status.json", shape, None, otherwise):
            return f"{self.activity} failed: {status.get('reason', '')} {log}" if status["state"] == "failed" else ""
        if self.is_stop_requested():
            return ""
        return f"{self.activity} ended before all clips were {self.past}: its process was killed; start it again. {log}"

    def run(self, work: Callable[[], None]) -> None:
        """Do the job in this process, which was started for it, and write how it ended; exits with 1 if it failed."""
        faulthandler.enable(2)  # the log
        logging.basicConfig()
        me = psutil.Process()
        write_json(self.folder / "process.json", {"pid": me.pid, "started": me.create_time()})
        if hasattr(os, "nice"):
            os.nice(5)
        try:
            work()
        except BaseException as error:
            traceback.print_exc()
            write_json(self.folder / "status.json", {"state": "failed", "reason": _reason(error)})
            sys.exit(1)
        write_json(self.folder / "status.json", {"state": "stopped" if self.is_stop_requested() else "finished"})


def _reason(error: BaseException) -> str:
    """Why the job as a whole failed, as a sentence."""
    if isinstance(error, AudiotagError):
        return str(error)
    if isinstance(error, OSError):
        return disk_problem(error)
    return unexpected("it", error)
