"""Train folds in processes of their own: one per device of this machine, or one per fold on the nodes of a cluster.

A lane is such a process, ``python -m audiotag.training.worker RUN_FOLDER --lane …``. It trains its folds one after the
other, up to the next stage that needs the scores of all folds, and ends with the process that started it. What it has
trained is in the run's folder; a lane that fails leaves its reason there.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Any

import psutil

from audiotag.errors import AudiotagError
from audiotag.training.begun import open_session
from audiotag.training.cross_scores import next_barrier
from audiotag.training.interruption import how_it_died
from audiotag.training.lane_command import lane_command
from audiotag.training.run_progress import left_out_of
from audiotag.training.runs import SHARED_FOLD, Run
from audiotag.training.session import Session


def train_in_lanes(run: Run, session: Session, folds: Sequence[int], devices: tuple[str, ...]) -> bool:
    """Start one lane per device, each with a share of the folds, and wait for all; False if the training was stopped.

    If a stage needs the scores of all folds, each fold is trained up to this stage, else to its end.

    Raises
    ------
    AudiotagError
        If a lane failed; gives its reason.
    """
    barrier = next_barrier(run, session)
    forget_reasons(run)
    devices = devices[: len(folds)]
    cores = max(1, (psutil.cpu_count() or 1) // len(devices))
    threads = {"OMP_NUM_THREADS": str(cores)} if set(devices) == {"cpu"} else {}
    lanes = [
        subprocess.Popen(
            lane_command(run.folder, lane, folds[lane :: len(devices)], device, os.getpid()), env=os.environ | threads
        )
        for lane, device in enumerate(devices)
    ]
    exit_statuses = [lane.wait() for lane in lanes]
    if any(exit_statuses):
        raise AudiotagError(why_lanes_failed(run))
    return are_trained(run, session, folds, barrier)


def are_trained(run: Run, session: Session, folds: Sequence[int], barrier: int | None) -> bool:
    """Whether folds are trained up to the stage that they wait before, or to their end."""
    if list(folds) == [SHARED_FOLD]:
        return any(event["event"] == "shared-finished" for event in run.events())
    if barrier is not None:
        return next_barrier(run, session) != barrier
    return set(folds) <= set(run.finished_folds())


def train_lane(run: Run, folds: Sequence[int], device: str, parent: psutil.Process) -> None:
    """Train folds as a lane, as long as the parent lives and no other worker has taken the run over."""
    from audiotag.training.fold_training import train_fold

    session = open_session(run, left_out_of(run.events()))
    barrier = next_barrier(run, session)
    worker = run.process()

    def must_stop() -> bool:
        return run.is_stop_requested() or not _is_running(parent) or _is_taken_over(run, worker)

    for fold in folds:
        until = None if fold == SHARED_FOLD else barrier
        if not _is_running(parent) or not train_fold(run, session, fold, device, must_stop, until):
            return


def forget_reasons(run: Run) -> None:
    """Remove the reasons of lanes that failed earlier."""
    for old in run.folder.glob(".lane-*"):
        old.unlink()


def why_lanes_failed(run: Run) -> str:
    """The reason of the first lane that failed, or how it died."""
    reasons = (path.read_text(encoding="utf-8", errors="replace") for path in sorted(run.folder.glob(".lane-*")))
    return next(reasons, "") or f"A device's worker ended without giving a reason. {how_it_died(run.folder)}"


def _is_taken_over(run: Run, worker: dict[str, Any] | None) -> bool:
    """Whether another worker than this one has begun the run: on a cluster a lane may outlive its worker a while."""
    now = run.process()
    if now is None or worker is None:  # being written again
        return False
    return (now["pid"], now["started"]) != (worker["pid"], worker["started"])


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
