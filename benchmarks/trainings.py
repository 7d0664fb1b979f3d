"""Train many runs, several at once, until all are finished or the time is over.

Each lane trains one run at a time in a workspace of its own, because runs of one workspace take turns on a device. On
two cores two trainings with one thread each are faster than one with two threads: a fold of `default` trains 1.4 times
as fast. A run that was interrupted is found again by its settings, in whichever lane it was, and resumed after its last
epoch.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from audiotag.errors import AudiotagError
from audiotag.training.run_blocking import how_it_ended
from audiotag.training.run_progress import epochs_done
from audiotag.training.runs import RESUMABLE, Run, RunSettings, create_run, list_runs
from audiotag.workspace import Workspace

POLL_S = 0.5
LANE = "lane-"  # the workspaces of all lanes but the first, in the default one


@dataclass(frozen=True)
class Training:
    """A run to train, and what to do with it when it is finished; that is done for one training at a time."""

    settings: RunSettings
    on_finished: Callable[[Run], None]


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `train_all` takes."""
    parser.add_argument(
        "--at-once", type=int, default=1, metavar="N", help="train so many folds at once, each with its share of cores"
    )
    parser.add_argument(
        "--limit-minutes",
        type=float,
        metavar="N",
        help="stop after the epoch in which so many minutes are over; the same command resumes",
    )


def train_all(trainings: Sequence[Training], at_once: int = 1, limit_minutes: float | None = None) -> bool:
    """Train what is to be trained; the first lane uses the default workspace, the others folders in it.

    An interrupt, or the signal that asks a process to end, stops the runs after their current batch.

    Parameters
    ----------
    trainings : sequence of Training
    at_once : int
        Number of lanes.
    limit_minutes : float, optional
        After so many minutes, runs are stopped at the end of their current epoch.

    Returns
    -------
    bool
        Whether all are finished.
    """
    if at_once > 1:  # read by the workers when they start
        os.environ["OMP_NUM_THREADS"] = str(max(1, (psutil.cpu_count() or 1) // at_once))
    lanes = _Lanes(trainings, at_once, None if limit_minutes is None else time.monotonic() + 60 * limit_minutes)
    threads = [threading.Thread(target=lanes.work, args=(number,), daemon=True) for number in range(at_once)]
    for thread in threads:
        thread.start()
    usual = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while any(thread.is_alive() for thread in threads):
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        print("stopping; the same command resumes", flush=True)
        lanes.interrupted.set()
    finally:
        signal.signal(signal.SIGTERM, usual)
    for thread in threads:
        thread.join()
    if left := lanes.unfinished():
        print(f"{left} of {len(trainings)} trainings are not finished; the same command resumes them", flush=True)
    return not left


class _Lanes:
    """What the threads share: the trainings that nobody has taken yet, and when to stop."""

    def __init__(self, trainings: Sequence[Training], count: int, deadline: float | None) -> None:
        self.interrupted = threading.Event()
        self._deadline = deadline
        self._workspaces = _workspaces(count)
        lanes = {each.root: each for each in (*self._workspaces, *map(Workspace, Workspace().root.glob(f"{LANE}*")))}
        known = [run for workspace in lanes.values() for run in list_runs(workspace)]
        self._waiting = [(training, _run_of(training.settings, known)) for training in trainings]
        self._finished = 0
        self._count = len(trainings)
        self._lock = threading.Lock()

    def unfinished(self) -> int:
        """How many trainings are not finished."""
        return self._count - self._finished

    def work(self, lane: int) -> None:
        """Train one after the other until none is left for this lane."""
        while not self._is_over() and (taken := self._take(self._workspaces[lane])):
            training, run = taken
            try:
                run = run or create_run(self._workspaces[lane], training.settings)
                self._train(run)
                if run.state() == "finished":
                    with self._lock:
                        training.on_finished(run)
                        self._finished += 1
                elif run.state() != "stopped":
                    print(f"run {run.folder} {how_it_ended(run)}", flush=True)
            except AudiotagError as error:
                print(error, flush=True)

    def _take(self, workspace: Workspace) -> tuple[Training, Run | None] | None:
        """The next training, unless its interrupted run is in the workspace of another lane, which will resume it."""
        others = {each.root for each in self._workspaces} - {workspace.root}
        with self._lock:
            for number, (_, run) in enumerate(self._waiting):
                if run is None or run.workspace.root not in others:
                    return self._waiting.pop(number)
        return None

    def _train(self, run: Run) -> None:
        if run.process() is None or run.state() in RESUMABLE:
            run.start()
        epochs_at_deadline: int | None = None
        while run.is_active():
            if self.interrupted.is_set():
                run.stop()
            elif self._is_over():
                epochs = len(epochs_done(run.events()))
                if epochs_at_deadline is None:
                    epochs_at_deadline = epochs
                elif epochs > epochs_at_deadline or run.state() == "queued":
                    run.stop()
            time.sleep(POLL_S)

    def _is_over(self) -> bool:
        return self.interrupted.is_set() or (self._deadline is not None and time.monotonic() > self._deadline)


def _workspaces(count: int) -> list[Workspace]:
    root = Workspace().root
    return [Workspace(root if lane == 1 else root / f"{LANE}{lane}") for lane in range(1, count + 1)]


def _run_of(settings: RunSettings, runs: Sequence[Run]) -> Run | None:
    """The first of the runs with these settings."""
    for run in runs:
        try:
            if run.settings() == settings:
                return run
        except AudiotagError:  # written by a version of audiotag with other fields
            continue
    return None
