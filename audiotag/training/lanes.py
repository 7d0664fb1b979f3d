"""Train the folds of a run on several devices at once: one worker process per device, each with a share of the folds.

A lane is such a process; it ends with the worker that started it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from audiotag.errors import AudiotagError
from audiotag.training.begun import open_session
from audiotag.training.cross_scores import next_barrier
from audiotag.training.devices import check_device
from audiotag.training.interruption import how_it_died
from audiotag.training.run_progress import left_out_of
from audiotag.training.runs import WORKER, Run
from audiotag.training.session import Session


def train_in_lanes(run: Run, session: Session, devices: tuple[str, ...]) -> bool:
    """Start one lane per device and wait for all of them; False if the training was stopped.

    If a stage needs the scores of all folds, the lanes train each fold up to this stage, and the caller starts lanes
    again. Otherwise they train each fold to its end.

    Raises
    ------
    AudiotagError
        If a lane failed; gives its reason.
    """
    barrier = next_barrier(run, session)
    for old in run.folder.glob(".lane-*"):
        old.unlink()
    command = [sys.executable, "-m", WORKER, str(run.folder), "--parent", str(os.getpid()), "--lane"]
    cores = max(1, (psutil.cpu_count() or 1) // len(devices))
    threads = {"OMP_NUM_THREADS": str(cores)} if set(devices) == {"cpu"} else {}
    lanes = [subprocess.Popen([*command, str(lane)], env=os.environ | threads) for lane in range(len(devices))]
    exit_statuses = [lane.wait() for lane in lanes]
    if any(exit_statuses):
        reason = next(
            (path.read_text(encoding="utf-8", errors="replace") for path in sorted(run.folder.glob(".lane-*"))), ""
        )
        raise AudiotagError(reason or f"A device's worker ended without giving a reason. {how_it_died(run.folder)}")
    if barrier is not None:
        return next_barrier(run, session) != barrier
    return set(session.folds) <= set(run.finished_folds())


def train_lane(run: Run, lane: int, parent: psutil.Process) -> None:
    """Train one device's share of the folds, as long as the parent process lives."""
    from audiotag.training.fold_training import train_fold

    session = open_session(run, left_out_of(run.events()))
    barrier = next_barrier(run, session)
    devices = check_device(session.settings.device)

    def must_stop() -> bool:
        return run.is_stop_requested() or not _is_running(parent)

    for fold in session.folds[lane :: len(devices)]:
        if not _is_running(parent) or not train_fold(run, session, fold, devices[lane], must_stop, barrier):
            return


def lane_reason_path(run: Run, lane: int) -> Path:
    """Where a lane that fails writes its reason."""
    return run.folder / f".lane-{lane}"


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
