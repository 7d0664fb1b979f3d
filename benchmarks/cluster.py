"""Does a run whose folds are trained on a Ray cluster, of which a node is killed, give the figures of one machine?

Five folds of recipe `quick`, shortened, on the starter sounds: first on this machine, then on a cluster of two nodes
that are processes of this machine, each with half of its CPUs, of which one is killed after its fold's first epoch:

    python benchmarks/cluster.py FOLDER [--epochs 2] [--fraction 0.1]

FOLDER is a workspace. Printed are the lwlrap of each fold both ways, the largest difference of two out-of-fold scores,
and the seconds of both runs and of their epochs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as on each node: figures are compared to the last bit
OBJECT_STORE_BYTES = 80 * 2**20
FOLDS = (1, 2, 3, 4, 5)


def main() -> None:
    """Train both runs and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--fraction", type=float, default=0.1)
    options = parser.parse_args()
    home = options.folder.absolute()
    home.mkdir(parents=True, exist_ok=True)
    os.environ |= {"AUDIOTAG_HOME": str(home), "RAY_raylet_start_wait_time_s": "300", "RAY_USAGE_STATS_ENABLED": "0"}
    if not (home / "starter-sounds" / "starter.json").exists():
        subprocess.run([sys.executable, "-m", "audiotag", "demo"], check=True)
    from audiotag.training.run_blocking import new_run
    from audiotag.training.run_options import RunOptions
    from audiotag.workspace import Workspace

    workspace = Workspace(home)
    sounds = str(workspace.starter)
    given: dict[str, Any] = {"epochs": (options.epochs,), "fraction": options.fraction, "folds": FOLDS, "device": "cpu"}
    here = new_run(RunOptions(sounds, "quick", **given), workspace)
    here_s = _seconds_of(here)
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as files:
        os.environ["RAY_TMPDIR"] = files
        from ray.cluster_utils import Cluster

        node: dict[str, Any] = {"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        try:
            second = cluster.add_node(**node)
            there = new_run(RunOptions(sounds, "quick", **given, on=cluster.address), workspace)
            killer = threading.Thread(target=_kill_in_training, args=(cluster, second, there), daemon=True)
            killer.start()
            there_s = _seconds_of(there)
        finally:
            cluster.shutdown()
    _print_comparison(here, there, here_s, there_s)


def _seconds_of(run: Any) -> float:
    from audiotag.training.run_blocking import wait_for_end

    start = time.monotonic()
    run.start()
    wait_for_end(run)
    return time.monotonic() - start


def _kill_in_training(cluster: Any, node: Any, run: Any) -> None:
    """Kill a node once a fold that it trains has an epoch."""
    import psutil

    while True:
        (raylet,) = node.all_processes["raylet"]
        for process in psutil.Process(raylet.process.pid).children(recursive=True):
            try:
                words = process.cmdline()
            except psutil.NoSuchProcess:
                continue
            for fold in FOLDS:
                events = run.fold_folder(fold) / "events.jsonl"
                if f"--folds={fold}" in words and events.exists() and b'"event": "epoch"' in events.read_bytes():
                    cluster.remove_node(node, allow_graceful=False)
                    print(f"killed the second node while it trained fold {fold}", flush=True)
                    return
        time.sleep(0.05)


def _print_comparison(here: Any, there: Any, here_s: float, there_s: float) -> None:
    import numpy as np
    from safetensors.numpy import load

    def finished(run: Any) -> dict[int, float]:
        return {event["fold"]: event["lwlrap"] for event in run.events() if event["event"] == "fold-finished"}

    def scores(run: Any, fold: int) -> np.ndarray:
        return load((run.fold_folder(fold) / "scores.safetensors").read_bytes())["scores"]

    for fold in FOLDS:
        difference = np.abs(scores(here, fold) - scores(there, fold)).max()
        print(
            f"fold {fold}: lwlrap {finished(here)[fold]:.6f} here, {finished(there)[fold]:.6f} on the cluster, scores "
            f"differ by at most {difference:.2g}"
        )
    for run, where, run_s in ((here, "here, one fold after the other", here_s), (there, "on the two nodes", there_s)):
        epochs_s = sum(event["seconds"] for event in run.events() if event["event"] == "epoch")
        print(f"{run_s:.0f} s {where}, and {epochs_s:.0f} s of epochs")


if __name__ == "__main__":
    main()
