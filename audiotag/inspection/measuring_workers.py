"""Measure clips in worker processes that are replaced: one that dies, hangs or eats memory costs one clip at most.

A worker measures one clip at a time, so its end is that clip's. The clip is measured a second time, in a new worker and
with its decoder in a process of its own, which finds out what is wrong with it; an end that was none of its fault, such
as a kill from outside, loses nothing.

Workers import this module again, and start sooner without pandas.
"""

from __future__ import annotations

import faulthandler
import logging
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

import psutil

from audiotag import in_hand, jobs
from audiotag.errors import AudiotagError, clip_problem, may_pass
from audiotag.features.measures import Measures, measure
from audiotag.remote.ahead import FetchAhead

MEASURE_COLUMNS = [*(field.name for field in fields(Measures)), "measure_error"]
ROW_COLUMNS = [*MEASURE_COLUMNS, "may_pass"]  # whether the error is one that need not come again
CLIPS_AHEAD = 4  # a worker has them while its results are on their way
HANG_S = 30.0  # without a result; longer sounds are measured again, in isolation, where silence of the decoder counts
LONGEST_S = 3600.0  # for a clip that is measured again
MAX_BYTES = 1 << 30  # memory of a worker; measuring block by block takes a fifth of it
WATCH_INTERVAL_S = 0.1
START_S = 120.0  # on a busy machine; usually one second
MAX_FAILED_STARTS = 3


class Clip(NamedTuple):
    """A clip to measure: its path relative to the dataset, and where it is."""

    name: str
    path: Path


def measure_row(clip: Clip) -> tuple:
    """The `ROW_COLUMNS` of a clip; one that cannot be measured has only the last two, the first of them a sentence."""
    try:
        measures = asdict(measure(clip.path, clip.name))
    except Exception as error:  # whatever is wrong with a clip is that clip's problem
        return _problem_row(clip_problem(clip.name, error), may_pass(error))
    return (*measures.values(), None, False)


def measured_rows(
    clips: Sequence[Clip], workers: int, must_stop: Callable[[], bool] = lambda: False
) -> Generator[tuple[int, tuple], None, None]:
    """The rows of all clips, in the order in which they are done, each with its clip's position.

    Parameters
    ----------
    clips : sequence of Clip
    workers : int
        Processes; they end when the generator is closed.
    must_stop : callable
        Asked after each result, and several times per second.

    Raises
    ------
    AudiotagError
        If no process can be started.
    """
    todo, again = deque(range(len(clips))), deque[int]()
    failed_starts = 0
    staff = [_Worker() for _ in range(min(workers, len(clips)))]
    try:
        done, ahead = 0, FetchAhead([clip.path for clip in clips], whole=True)
        while done < len(clips) and not must_stop():
            ahead.reached(done)
            for worker in staff:
                worker.take(clips, todo, again)
            wait([worker.connection for worker in staff if worker.in_hand or not worker.is_ready], WATCH_INTERVAL_S)
            for place, worker in enumerate(staff):
                for position, row in worker.results():
                    done += 1
                    yield position, row
                    if must_stop():
                        return
                if not (end := worker.end()):
                    continue
                worker.kill()
                failed_starts = 0 if worker.is_ready else failed_starts + 1
                if failed_starts == MAX_FAILED_STARTS:
                    raise AudiotagError("no process that measures can be started; close other programs, and try again.")
                staff[place] = _Worker()
                if not worker.in_hand:
                    continue
                culprit, *rest = worker.in_hand
                todo.extendleft(reversed(rest))
                if worker.is_second_try:
                    done += 1
                    # What its decoder does ends another process: this one was killed, or the machine is too busy.
                    yield culprit, _problem_row(f"{clips[culprit].name} {end}", is_passing=True)
                else:
                    again.append(culprit)
    finally:
        for worker in staff:
            worker.kill()


class _Worker:
    """A worker process, as its parent sees it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, os.getpid()))
        self._process.start()
        theirs.close()  # else the end of the process would not close the connection
        self._about = psutil.Process(self._process.pid)
        self._since = self._looked_at = time.monotonic()
        self._is_lost = False
        self.in_hand: deque[int] = deque()
        self.is_ready = self.is_second_try = False

    def take(self, clips: Sequence[Clip], todo: deque[int], again: deque[int]) -> None:
        """Give the worker its next clips; one that is measured again is its only one."""
        if not self.is_ready or self._is_lost or (self.in_hand and self.is_second_try):
            return
        if not self.in_hand:
            self._since = time.monotonic()
            self.is_second_try = bool(again)
            if again:
                self._send(clips, again.popleft())
                return
        while todo and len(self.in_hand) < CLIPS_AHEAD:
            self._send(clips, todo.popleft())

    def results(self) -> Iterator[tuple[int, tuple]]:
        """What the worker has sent."""
        while not self._is_lost:
            try:
                if not self.connection.poll():
                    return
                row = self.connection.recv()
            except (EOFError, OSError):
                self._is_lost = True
                return
            self._since = time.monotonic()
            if not self.is_ready:
                self.is_ready = True
            else:
                yield self.in_hand.popleft(), row

    def end(self) -> str:
        """Why the worker has ended or must end, as the words after a clip's name; empty if it goes on."""
        if self._is_lost:
            return "ended the process that measured it; export it again from its source."
        if (now := time.monotonic()) - self._looked_at < WATCH_INTERVAL_S:
            return ""
        self._looked_at = now
        limit_s = START_S if not self.is_ready else LONGEST_S if self.is_second_try else HANG_S
        if (self.in_hand or not self.is_ready) and now - self._since > limit_s:
            return f"gave no result for {limit_s:g} s; export it again from its source."
        if self.in_hand and self._bytes() > MAX_BYTES:
            return f"takes more than {MAX_BYTES >> 20:,} MB of memory to measure; cut it into parts."
        return ""

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.join()
        self.connection.close()

    def _send(self, clips: Sequence[Clip], position: int) -> None:
        self.in_hand.append(position)
        try:
            self.connection.send((clips[position], self.is_second_try))
        except OSError:  # it has ended
            self._is_lost = True

    def _bytes(self) -> int:
        try:
            return self._about.memory_info().rss
        except psutil.Error:  # it has just ended
            return 0


def _problem_row(sentence: str, is_passing: bool) -> tuple:
    return (*[None] * (len(MEASURE_COLUMNS) - 1), sentence, is_passing)


def _work(connection: Connection, parent: int) -> None:
    """What a worker process does: measure clips until the connection or the parent ends."""
    jobs.end_with_parent(parent)
    faulthandler.enable(2)  # the log
    logging.basicConfig()
    with suppress(EOFError, OSError):
        connection.send(None)
        while True:
            clip, is_second_try = connection.recv()
            if is_second_try:
                in_hand.suspect(clip.path)
            connection.send(measure_row(clip))
