"""Folds on several devices at once are those of one device."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from audiotag.training import lanes, worker
from audiotag.training.lane_command import WORKER, lane_command
from audiotag.training.runs import Run
from audiotag.training.worker import train_run_folder

from .short_runs import THREE_FOLDS, figures, held_out, run_main


class ForkedLane:
    """A lane in a forked process instead of a new interpreter."""

    def __init__(self, server: Any, command: list[str], folder: Path) -> None:
        assert command[:3] == [sys.executable, "-m", WORKER]
        self.server, self.pid = server, server.start_detached(WORKER, command[3:], folder / "lanes.txt").pid

    def wait(self) -> int:
        return self.server.wait(self.pid)


ROUNDING = 1e-3  # processes that compile the log-mel and processes that load it differ in their last bits


def test_two_lanes_give_every_fold_what_one_gives(
    finished_with_shared_stage: Run, ready: Callable[..., Run], fork_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def start(command: list[str], env: dict[str, str]) -> ForkedLane:
        threads.append(env["OMP_NUM_THREADS"])
        return ForkedLane(fork_server, command, two.folder)

    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 2)
    monkeypatch.setattr(lanes.subprocess, "Popen", start)
    one, two = finished_with_shared_stage, ready(THREE_FOLDS, device="cpu,cpu")
    train_run_folder(two, ("cpu", "cpu"))
    assert threads == ["2", "1", "1"]  # the folds share the two cores, which the shared network has for itself
    assert two.state() == "finished"
    assert two.finished_folds() == [1, 2, 3]
    assert two.events()[0]["devices"] == ["cpu", "cpu"]
    assert figures(two).keys() == figures(one).keys()
    for key, of_one in figures(one).items():
        np.testing.assert_allclose(figures(two)[key], of_one, atol=ROUNDING)
    for fold in (1, 2, 3):
        np.testing.assert_allclose(held_out(two, fold)["scores"], held_out(one, fold)["scores"], atol=ROUNDING)


def test_worker_of_one_device_ends_with_the_worker_that_started_it(
    ready: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    parents: list[int] = []
    trained: list[tuple[list[int], str]] = []
    monkeypatch.setattr(worker, "end_with_parent", parents.append)
    monkeypatch.setattr(worker, "train_lane", lambda run, folds, device, parent: trained.append((folds, device)))
    run = ready()
    _, _, _, *arguments = lane_command(run.folder, 0, [3, -1], "cuda:1", os.getpid())
    run_main(run, monkeypatch, *arguments[1:])
    assert (parents, trained) == ([os.getpid()], [([3, -1], "cuda:1")])
