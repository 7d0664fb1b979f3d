"""What a node of a Ray cluster does to train a fold: it starts a lane of the run's worker, and waits for its end.

The fold is trained in a process of its own, as on this machine with several devices: a file that crashes a decoder then
ends neither Ray's process nor the folds beside it. This module imports nothing heavy, because Ray's process keeps it.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from audiotag.training.lane_command import lane_command, lane_reason_path
from audiotag.version import __version__

NEEDED = ("torch", "fastai", "fastaudio")


class Ended(NamedTuple):
    """How a fold's process ended.

    Attributes
    ----------
    node : str
        Name of the machine.
    reason : str or None
        Why it failed, as a sentence; empty if it ended without giving a reason, None if it did not fail.
    """

    node: str
    reason: str | None


def train_fold(
    folder: str, settings: str, version: str, fold: int, fold_folder: str, device: str, threads: int
) -> Ended:
    """Train a fold of a run on the node that this is called on.

    Parameters
    ----------
    folder : str
        The run's.
    settings : str
        What its ``settings.json`` holds, so that the same path on another disk is not taken for it.
    version : str
        The version of audiotag that the run's worker has.
    fold : int
    fold_folder : str
        Name of the fold's folder; its events and its output go there.
    device : str
        "cuda" for the GPU that Ray gave to this process, or "cpu".
    threads : int
        CPU threads that torch may use.
    """
    run_folder, node = Path(folder), socket.gethostname()
    if problem := _problem_of_node(run_folder, settings, version):
        return Ended(node, problem)
    own, reason = run_folder / fold_folder, lane_reason_path(run_folder, fold)
    own.mkdir(exist_ok=True)
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "AUDIOTAG_HOME": str(run_folder.parents[1])}
    command = lane_command(run_folder, fold, [fold], device, os.getpid(), writes_to=f"{fold_folder}/events.jsonl")
    with (own / "log.txt").open("ab") as log:
        lane = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    while True:
        with suppress(KeyboardInterrupt):  # so does Ray cancel a task; the lane sees by itself that the run was stopped
            if not lane.wait():
                return Ended(node, None)
            return Ended(node, reason.read_text(encoding="utf-8", errors="replace") if reason.exists() else "")


def _problem_of_node(folder: Path, settings: str, version: str) -> str:
    if version != __version__:
        return f"It has audiotag {__version__}, and the run was started with {version}; install the same version there."
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        return f"It has no {missing[0]}; install audiotag[train] and fastaudio there, as here."
    try:
        found = (folder / "settings.json").read_text(encoding="utf-8")
    except OSError:
        found = ""
    if found != settings:
        return (
            f"It does not see {folder}; set AUDIOTAG_HOME to a folder that all nodes share under the same path, and "
            "train again."
        )
    return ""
