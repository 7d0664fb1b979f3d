"""Folds that the nodes of a Ray cluster train are those that this machine trains."""

import signal
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import psutil

from audiotag.cluster import connected
from audiotag.training.runs import Run
from audiotag.training.worker import train_run_folder

from ..ray_nodes import RayNodes
from .short_runs import CURATED, RECIPE, events_of, figures, held_out

LONG = replace(RECIPE, stages=(replace(CURATED, epochs=12),))


def stop_process(run: Run, option: str) -> None:
    """Stop the process that trains a fold, so that it is in the middle of it when its node is killed."""
    for process in psutil.process_iter():
        try:
            if {str(run.folder), option} <= set(process.cmdline()):
                process.send_signal(signal.SIGSTOP)
        except psutil.Error:
            continue


def test_folds_of_which_one_loses_its_node_are_those_of_one_machine(
    ready: Callable[..., Run], ray_nodes: RayNodes, wait_until: Callable[..., None]
) -> None:
    here, there = ready(LONG), ready(LONG, on=ray_nodes.address)
    train_run_folder(here)
    was_finished = []

    def kill_a_node_in_training() -> None:
        def in_training() -> str:
            """The option of a fold that the second node trains, once it has trained an epoch."""
            for fold in (1, 2):
                events = there.fold_folder(fold) / "events.jsonl"
                has_epoch = events.exists() and b'"event": "epoch"' in events.read_bytes()
                if has_epoch and ray_nodes.second_node_runs(option := f"--folds={fold}"):
                    return option
            return ""

        wait_until(in_training, 600)
        stop_process(there, option := in_training())
        events = there.fold_folder(int(option[-1])) / "events.jsonl"
        was_finished.append(b"fold-finished" in events.read_bytes())
        ray_nodes.kill_second_node()

    killer = threading.Thread(target=kill_a_node_in_training)
    killer.start()
    with connected(ray_nodes.address) as ray:
        train_run_folder(there, ray=ray)
    killer.join()
    assert was_finished == [False]
    assert there.state() == "finished"
    assert there.events()[0]["devices"] == ["cpu", "cpu"]
    assert sorted(event["fold"] for event in events_of(there, "fold-started")) == [1, 2]  # each once
    assert figures(there) == figures(here)
    for fold in (1, 2):
        np.testing.assert_array_equal(held_out(there, fold)["scores"], held_out(here, fold)["scores"])
    assert not list(there.folder.glob("*/events.jsonl"))
