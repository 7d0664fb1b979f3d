"""A run is a folder: the worker writes it, pages and commands read it; nothing of it lives in a page's memory.

settings.json        what to do: dataset, recipe, folds, device
process.json         who does it: PID and start time, and since when it waits for the device
status.json          how it ended; written last
events.jsonl         a line for each fold begun, epoch done, fold done
log.txt              what the worker printed
stop                 there when it was asked to stop
fold-1/, shared/     progress.json and checkpoint.pt while it trains; weights, best weights, scores and clips when done
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from audiotag import jobs
from audiotag.errors import AudiotagError
from audiotag.training.recipe import Recipe
from audiotag.workspace import Workspace, read_json, write_bytes, write_json

State = Literal["starting", "queued", "running", "stopping", "finished", "stopped", "failed", "interrupted"]
ACTIVE: tuple[State, ...] = ("starting", "queued", "running", "stopping")
RESUMABLE: tuple[State, ...] = ("stopped", "failed", "interrupted")
WORKER = "audiotag.training.worker"
STARTING_S = 60.0  # a run without a process for longer than this never began
SHARED_FOLD = -1  # the number that a network which feeds all folds goes by; a dataset's own may begin at 0
DELETED = ".deleted"


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
    device : str
        As torch names it: "cpu", "cuda", "cuda:1", "mps", or several with commas between, a fold on each at a time;
        the best there is where empty.
    """

    dataset: str
    recipe: Recipe
    folds: tuple[int, ...] = ()
    held_out: int | None = None
    device: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``settings.json``."""
        return asdict(self) | {"recipe": self.recipe.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunSettings:
        """From the plain values of ``settings.json``."""
        return cls(
            dataset=values["dataset"],
            recipe=Recipe.from_dict(values["recipe"]),
            folds=tuple(values["folds"]),
            held_out=values["held_out"],
            device=values["device"],
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
            fault = str(error).rstrip(".")
            raise AudiotagError(f"the settings of run {self.name} cannot be read: {fault}; start it anew.") from error

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
        if process.get("waiting_since"):
            return "queued"
        return "running" if (self.folder / "events.jsonl").exists() else "starting"

    def is_active(self) -> bool:
        """Whether a worker is at it, or waits for its turn."""
        return self.state() in ACTIVE

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

    def progress(self) -> list[dict[str, Any]]:
        """Where the folds in training are.

        A dict each: fold, subset, stage, epoch, epochs, batch, batches, loss (mean of the epoch so far), phase
        ("training" or "measuring") and seconds_left_in_epoch.
        """
        found = [read_json(path, {}) for path in sorted(self.folder.glob("*/progress.json"))]
        return [progress for progress in found if progress]

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of the log."""
        try:
            return "\n".join(
                (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
            )
        except FileNotFoundError:
            return ""

    def start(self) -> None:
        """Hand the run to a detached worker, which goes on from the last epoch that is on disk.

        Raises
        ------
        AudiotagError
            If a worker is at it already, or it is finished.
        """
        try:
            with FileLock(self.folder / ".start.lock", timeout=5):
                fresh = not (self.folder / "process.json").exists()
                if not fresh and (state := self.state()) not in RESUMABLE:
                    raise AudiotagError(f"run {self.name} is {state} already; only one that has ended early goes on.")
                for name in ("stop", "status.json"):
                    (self.folder / name).unlink(missing_ok=True)
                process = jobs.start_detached(WORKER, [str(self.folder)], self.folder / "log.txt")
                self.write_process(process.pid, process.create_time())
        except Timeout as error:
            raise AudiotagError(f"run {self.name} is being started already; look at it in a moment.") from error

    def stop(self) -> None:
        """Ask the worker to stop after the batch it is at."""
        write_bytes(self.folder / "stop", b"")

    def finished_folds(self) -> list[int]:
        """Folds whose weights are on disk, in order."""
        return sorted({event["fold"] for event in self.events() if event["event"] == "fold-finished"})

    # What the worker writes.

    def write_process(self, pid: int, started: float, waiting_since: float | None = None) -> None:
        """Say who does the work, or waits to do it."""
        write_json(self.folder / "process.json", {"pid": pid, "started": started, "waiting_since": waiting_since})

    def write_event(self, event: str, **values: Any) -> None:
        """Append one line, on disk before this returns."""
        line = json.dumps({"event": event, "time": round(time.time(), 3), **values}) + "\n"
        with (self.folder / "events.jsonl").open("ab") as file:  # one write a line: folds on several devices append
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def mend_events(self) -> None:
        """Cut off a last line that a kill left torn, so that the next one begins a line of its own."""
        path = self.folder / "events.jsonl"
        if path.exists() and not (content := path.read_bytes()).endswith(b"\n"):
            write_bytes(path, content[: content.rfind(b"\n") + 1])

    def write_progress(self, fold: int, **values: Any) -> None:
        """Say where in the epoch a fold is."""
        write_json(self.fold_folder(fold) / "progress.json", {"fold": fold, **values})

    def clear_progress(self, fold: int) -> None:
        """Say that the fold is not in training any more."""
        (self.fold_folder(fold) / "progress.json").unlink(missing_ok=True)

    def write_status(self, state: State, reason: str = "") -> None:
        """Say how it ended; the last thing that is written."""
        write_json(self.folder / "status.json", {"state": state, "reason": reason})

    def fold_folder(self, fold: int) -> Path:
        """Where a fold's weights and out-of-fold scores are."""
        return self.folder / ("shared" if fold == SHARED_FOLD else f"fold-{fold}")


def create_run(workspace: Workspace, settings: RunSettings) -> Run:
    """A new run's folder, with its settings; nothing is started."""
    if not Path(settings.dataset).exists():
        raise AudiotagError(f"{settings.dataset} is not there any more; choose a dataset that is.")
    name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{settings.recipe.name}"
    workspace.runs.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        folder = workspace.runs / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()  # fails where another has taken the name in this very second
        except FileExistsError:
            continue
        write_json(folder / "settings.json", settings.to_dict())
        return Run(folder)
    raise AudiotagError(f"{workspace.runs} has a thousand runs named {name}; is its clock right?")


def list_runs(workspace: Workspace) -> list[Run]:
    """All runs, newest first."""
    paths = [path for path in workspace.runs.glob("*/settings.json") if path.parent.name != DELETED]
    return [Run(path.parent) for path in sorted(paths, reverse=True)]


def find_run(workspace: Workspace, name: str) -> Run:
    """The run of that name."""
    runs = {run.name: run for run in list_runs(workspace)}
    if name not in runs:
        raise AudiotagError(f"there is no run named {name}; the newest are {', '.join(list(runs)[:5]) or 'none yet'}.")
    return runs[name]


def delete_run(workspace: Workspace, run: Run) -> None:
    """Take a run out of the list; `restore_run` brings it back until another one is deleted."""
    if run.is_active():
        raise AudiotagError(f"run {run.name} is {run.state()}; stop it before you delete it.")
    shutil.rmtree(workspace.runs / DELETED, ignore_errors=True)
    (workspace.runs / DELETED).mkdir(parents=True)
    os.replace(run.folder, workspace.runs / DELETED / run.name)


def restore_run(workspace: Workspace, name: str) -> Run:
    """Bring the run back that was deleted last."""
    aside = workspace.runs / DELETED / name
    if not name or name == ".." or Path(name).name != name or not aside.is_dir():
        raise AudiotagError(f"run {name} cannot be brought back: only the one that was deleted last is kept.")
    if (workspace.runs / name).exists():
        raise AudiotagError(f"run {name} cannot be brought back: another run has its name; delete that one first.")
    os.replace(aside, workspace.runs / name)
    return Run(workspace.runs / name)


def plan_of(events: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The event that says what the run will do: ``folds``, ``labels``, ``stages``, ``devices``; None before it.

    A stage has ``stage`` (its number in the recipe), ``subset``, ``epochs``, ``clips``, ``pixels`` and ``shared``.
    """
    return next((event for event in events if event["event"] == "run-started"), None)


def epochs_done(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of finished epochs, each with ``step``: its number within the fold over all stages, from 1."""
    plan = plan_of(events)
    before: dict[int, int] = {}
    total = 0
    for stage in plan["stages"] if plan else []:
        before[stage["stage"]] = total
        total += stage["epochs"]
    done = {}
    for event in events:
        if event["event"] == "epoch":
            step = before.get(event["stage"], 0) + event["epoch"]
            done[event["fold"], step] = {**event, "step": step}
    return list(done.values())


def work_left(events: list[dict[str, Any]], fold: int | None = None) -> float | None:
    """Seconds of work that are left, of one fold or of all, by what the epochs so far took for a pixel.

    None before the first epoch. Folds on several devices at once share the work of all.
    """
    plan, done = plan_of(events), epochs_done(events)
    if plan is None or not done:
        return None
    stages = {stage["stage"]: stage for stage in plan["stages"]}
    took = sum(event["seconds"] for event in done) / sum(_pixels(stages[event["stage"]]) for event in done)
    shared = sum(stage["epochs"] * _pixels(stage) for stage in plan["stages"] if stage["shared"])
    own = sum(stage["epochs"] * _pixels(stage) for stage in plan["stages"] if not stage["shared"])
    seen = sum(_pixels(stages[event["stage"]]) for event in done if fold is None or event["fold"] == fold)
    if fold is not None:
        return took * ((shared if fold == SHARED_FOLD else own) - seen)
    at_once = max(1, min(len(plan["devices"]), len(plan["folds"])))
    seen_shared = sum(_pixels(stages[event["stage"]]) for event in done if event["fold"] == SHARED_FOLD)
    return took * (shared - seen_shared + (len(plan["folds"]) * own - (seen - seen_shared)) / at_once)


def _pixels(stage: dict[str, Any]) -> int:
    return stage["clips"] * stage["pixels"]


def fold_rows(events: list[dict[str, Any]], active: bool = True) -> list[dict[str, Any]]:
    """One row a fold that has begun: ``fold``, ``state``, ``epochs``, ``lwlrap``, ``best``, ``seconds``, ``left_s``.

    A fold is finished, in training, or, where the run is not ``active`` any more, cut off.
    """
    ended = ("fold-finished", "shared-finished")
    finished = {event["fold"]: event["lwlrap"] for event in events if event["event"] in ended}
    done = epochs_done(events)
    rows = []
    for fold in dict.fromkeys(event["fold"] for event in events if event["event"] == "fold-started"):
        epochs = [event for event in done if event["fold"] == fold]
        scores = [epoch["lwlrap"] for epoch in epochs]
        in_training = fold not in finished and active
        rows.append(
            {
                "fold": fold,
                "state": "finished" if fold in finished else "training" if active else "cut off",
                "epochs": len(epochs),
                "lwlrap": finished.get(fold, scores[-1] if scores else None),
                "best": max(scores, default=None),
                "seconds": sum(epoch["seconds"] for epoch in epochs),
                "left_s": work_left(events, fold) if in_training and epochs else None,
            }
        )
    return rows
