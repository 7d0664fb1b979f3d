"""A run is a folder: the worker writes it, pages and commands read it; nothing of it lives in a page's memory.

settings.json        what to do: dataset, recipe, folds
process.json         who does it: PID and start time
status.json          how it ended; written last
events.jsonl         a line for each fold begun, epoch done, fold done
progress.json        where in the epoch the worker is
log.txt              what the worker printed
stop                 there when it was asked to stop
fold-1/              weights.safetensors and scores.safetensors of a finished fold
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from audiotag import jobs
from audiotag.errors import AudiotagError
from audiotag.training.recipe import Recipe
from audiotag.workspace import Workspace, read_json, write_bytes, write_json

State = Literal["starting", "running", "stopping", "finished", "stopped", "failed", "interrupted"]
WORKER = "audiotag.training.worker"
STARTING_S = 60.0  # a run without a process for longer than this never began


@dataclass(frozen=True)
class RunSettings:
    """What one run does.

    Attributes
    ----------
    dataset : str
        Path of the dataset.
    recipe : Recipe
    folds : tuple[int, ...]
        Which folds to train; all where empty.
    held_out : int or None
        A fold of the dataset's own that takes no part at all, kept for testing.
    """

    dataset: str
    recipe: Recipe
    folds: tuple[int, ...] = ()
    held_out: int | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunSettings:
        """From the plain values of ``settings.json``."""
        return cls(
            dataset=values["dataset"],
            recipe=Recipe.from_dict(values["recipe"]),
            folds=tuple(values["folds"]),
            held_out=values["held_out"],
        )


@dataclass(frozen=True)
class Run:
    """A run on disk."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name: date, time and recipe."""
        return self.folder.name

    def settings(self) -> RunSettings:
        """What it was asked to do.

        Raises
        ------
        AudiotagError
            If ``settings.json`` is damaged, or was written by an audiotag with other fields.
        """
        try:
            return RunSettings.from_dict(read_json(self.folder / "settings.json"))
        except (KeyError, TypeError, ValueError) as error:
            raise AudiotagError(f"the settings of run {self.name} cannot be read: {error}; start it anew.") from error

    def state(self) -> State:
        """How it stands, by what is on disk and whether its process lives."""
        status = read_json(self.folder / "status.json")
        if status:
            return status["state"]
        process = read_json(self.folder / "process.json")
        if process is None:
            age_s = time.time() - (self.folder / "settings.json").stat().st_mtime
            return "starting" if age_s < STARTING_S else "interrupted"
        if not jobs.is_alive(process["pid"], process["started"]):
            return read_json(self.folder / "status.json", {"state": "interrupted"})["state"]
        if (self.folder / "stop").exists():
            return "stopping"
        return "running" if (self.folder / "events.jsonl").exists() else "starting"

    def is_active(self) -> bool:
        """Whether a worker is at it."""
        return self.state() in ("starting", "running", "stopping")

    def reason(self) -> str:
        """Why it failed, as a sentence; empty otherwise."""
        return read_json(self.folder / "status.json", {}).get("reason", "")

    def events(self) -> list[dict[str, Any]]:
        """All events so far; a line that is being written is left for the next call."""
        try:
            lines = (self.folder / "events.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        events = []
        for line in lines:
            try:
                events.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return events

    def progress(self) -> dict[str, Any]:
        """Fold, stage, epoch, batch, batches and running loss; empty before the first batch."""
        return read_json(self.folder / "progress.json", {})

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of the log."""
        try:
            return "\n".join(
                (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
            )
        except FileNotFoundError:
            return ""

    def start(self) -> None:
        """Hand the run to a detached worker."""
        process = jobs.start_detached(WORKER, [str(self.folder)], self.folder / "log.txt")
        self.write_process(process.pid, process.create_time())

    def stop(self) -> None:
        """Ask the worker to stop after the batch it is at."""
        write_bytes(self.folder / "stop", b"")

    def finished_folds(self) -> list[int]:
        """Folds whose weights are on disk, in order."""
        return sorted(event["fold"] for event in self.events() if event["event"] == "fold-finished")

    # What the worker writes.

    def write_process(self, pid: int, started: float) -> None:
        """Say who does the work."""
        write_json(self.folder / "process.json", {"pid": pid, "started": started})

    def write_event(self, event: str, **values: Any) -> None:
        """Append one line, on disk before this returns."""
        line = json.dumps({"event": event, "time": round(time.time(), 3), **values}) + "\n"
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def write_progress(self, **values: Any) -> None:
        """Say where in the epoch the worker is."""
        write_json(self.folder / "progress.json", values)

    def write_status(self, state: State, reason: str = "") -> None:
        """Say how it ended; the last thing that is written."""
        write_json(self.folder / "status.json", {"state": state, "reason": reason})

    def fold_folder(self, fold: int) -> Path:
        """Where a fold's weights and out-of-fold scores are."""
        return self.folder / f"fold-{fold}"


def create_run(workspace: Workspace, settings: RunSettings) -> Run:
    """A new run's folder, with its settings; nothing is started."""
    if not Path(settings.dataset).exists():
        raise AudiotagError(f"{settings.dataset} is not there any more; choose a dataset that is.")
    name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{settings.recipe.name}"
    folder = workspace.runs / name
    number = 2
    while folder.exists():
        folder, number = workspace.runs / f"{name}-{number}", number + 1
    write_json(folder / "settings.json", asdict(settings))
    return Run(folder)


def list_runs(workspace: Workspace) -> list[Run]:
    """All runs, newest first."""
    return [Run(path.parent) for path in sorted(workspace.runs.glob("*/settings.json"), reverse=True)]


def find_run(workspace: Workspace, name: str) -> Run:
    """The run of that name."""
    runs = {run.name: run for run in list_runs(workspace)}
    if name not in runs:
        raise AudiotagError(f"there is no run named {name}; the newest are {', '.join(list(runs)[:5]) or 'none yet'}.")
    return runs[name]


def epochs_done(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of finished epochs, each with ``step``: its number within the fold over all stages, from 1."""
    steps: dict[int, int] = {}
    done = []
    for event in events:
        if event["event"] == "epoch":
            steps[event["fold"]] = steps.get(event["fold"], 0) + 1
            done.append({**event, "step": steps[event["fold"]]})
    return done


def remaining_s(events: list[dict[str, Any]]) -> float | None:
    """Seconds until the run is done, by the time that its epochs took a clip; None before the first."""
    plan = next((event for event in events if event["event"] == "run-started"), None)
    done = epochs_done(events)
    if plan is None or not done:
        return None
    clips = {stage["stage"]: stage["clips"] for stage in plan["stages"]}
    whole = len(plan["folds"]) * sum(stage["epochs"] * stage["clips"] for stage in plan["stages"])
    seen = sum(clips[event["stage"]] for event in done)
    return sum(event["seconds"] for event in done) / seen * (whole - seen)


def fold_rows(events: list[dict[str, Any]], active: bool = True) -> list[dict[str, Any]]:
    """One row a fold that has begun: ``fold``, ``state``, ``epochs``, ``lwlrap``, ``best``, ``seconds``.

    A fold is finished, in training, or, where the run is not ``active`` any more, cut off.
    """
    finished = {event["fold"]: event["lwlrap"] for event in events if event["event"] == "fold-finished"}
    rows = []
    for fold in [event["fold"] for event in events if event["event"] == "fold-started"]:
        epochs = [event for event in events if event["event"] == "epoch" and event["fold"] == fold]
        scores = [epoch["lwlrap"] for epoch in epochs]
        rows.append(
            {
                "fold": fold,
                "state": "finished" if fold in finished else "training" if active else "cut off",
                "epochs": len(epochs),
                "lwlrap": finished.get(fold, scores[-1] if scores else None),
                "best": max(scores, default=None),
                "seconds": sum(epoch["seconds"] for epoch in epochs),
            }
        )
    return rows
