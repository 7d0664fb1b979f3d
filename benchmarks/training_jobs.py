"""Trainings that benchmarks wait for: each is a run in the workspace, which a benchmark started again finds again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from audiotag.training.runs import RESUMABLE, Run, RunSettings, create_run, list_runs
from audiotag.workspace import Workspace

RESULTS = Path(__file__).parent / "results"
LOOK_EVERY_S = 2.0


def trained(settings: RunSettings, workspace: Workspace) -> Run:
    """The run of these settings: as it is if it is finished, from its last epoch if it was cut off, else a new one."""
    run = next((run for run in list_runs(workspace) if _settings_of(run) == settings), None)
    run = run or create_run(workspace, settings)
    if run.state() in (*RESUMABLE, "starting"):
        run.start()
    while run.is_active():
        time.sleep(LOOK_EVERY_S)
    if run.state() != "finished":
        sys.exit(f"run {run.name} {run.state()}: {run.reason()} The same command goes on with it.")
    return run


def seconds_of(run: Run) -> float:
    """What its epochs took, training and measuring."""
    return sum(event["seconds"] for event in run.events() if event["event"] == "epoch")


def recorded(file: Path) -> list[dict[str, Any]]:
    """All results in a file, oldest first."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def record(file: Path, row: dict[str, Any]) -> None:
    """Append a result, with the day, the commit and the threads that computed it."""
    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    threads = int(os.environ.get("OMP_NUM_THREADS") or psutil.cpu_count() or 1)
    row = row | {"threads": threads, "commit": commit, "date": time.strftime("%Y-%m-%d")}
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row) + "\n")


def _settings_of(run: Run) -> RunSettings | None:
    try:
        return run.settings()
    except Exception:  # a run of an older audiotag
        return None
