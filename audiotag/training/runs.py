"""A run is a folder: the worker writes it, pages and commands read it. Nothing about it is stored in a page's memory.

settings.json        what to do: dataset, recipe, folds, device
process.json         the worker: PID, start time, and since when it waits for the device
status.json          how the run ended; written last
events.jsonl         one line per fold begun, epoch trained, fold finished
log.txt              what the worker printed
note.json            the name and the note that the user gave it, where they gave one
stop                 exists when the run was asked to stop
.in-hand             the files that the worker is reading, so that a crash is known to be theirs
fold-1/, shared/     progress.json and checkpoints during training; weights, best weights, scores and clips at the end
                     on a cluster also events.jsonl and log.txt, which the worker takes over into its own

What is damaged of process.json, status.json and progress.json is set aside (`audiotag.state`), and the run can be
resumed; damaged settings.json stays, and the run can only be deleted.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import psutil

from audiotag import jobs
from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason
from audiotag.state import copy_aside, fits, is_number, is_path, is_pid, read_json_state, read_state, say
from audiotag.training.interruption import how_it_died
from audiotag.training.lane_command import WORKER
from audiotag.training.preparation import FILE as PREPARING
from audiotag.training.recipe import Recipe
from audiotag.training.run_events import ParsedEvents, parse_events
from audiotag.training.teaching import Teaching
from audiotag.workspace import Workspace, write_bytes, write_json

State = Literal["starting", "queued", "running", "stopping", "finished", "stopped", "failed", "interrupted"]
FoldSource = Literal["dataset", "recipe"]
Together = Literal["names", "near-duplicates"]
ACTIVE: tuple[State, ...] = ("starting", "queued", "running", "stopping")
RESUMABLE: tuple[State, ...] = ("stopped", "failed", "interrupted")
START_WAIT_S = 5.0  # for another process that starts the same run
MAX_STARTING_S = 60.0  # a run without a process for longer than this was never started
EVENTS = "events.jsonl"
LOG = "log.txt"
SHARED_FOLD = -1  # stands for the network that feeds all folds; a dataset's own folds may begin at 0
DELETED_FOLDER = ".deleted"

SETTINGS_SHAPE = {
    "dataset": is_path, "recipe": dict, "folds": [int], "held_out": (int, None), "device": str,
    "folds_from?": lambda source: source in get_args(FoldSource), "corrected?": bool,
    "keep_together?": [lambda kind: kind in get_args(Together)], "on?": str, "teaching?": dict,
}  # fmt: skip
PROCESS_SHAPE = {"pid": is_pid, "started": float, "waiting_since?": (float, None)}
STATUS_SHAPE = {"state": lambda state: fits(state, str) and state in get_args(State), "reason?": str}
PROGRESS_SHAPE = {
    "fold": int, "subset": str, "epoch": int, "epochs": int, "batch": int, "batches": int, "loss": is_number,
    "phase?": str, "seconds_left_in_epoch?": (float, None),
}  # fmt: skip


@dataclass(frozen=True)
class RunSettings:
    """What one run does.

    Attributes
    ----------
    dataset : str
        Path of the dataset.
    recipe : Recipe
    folds : tuple[int, ...]
        The folds to train; empty for all.
    held_out : int or None
        One of the dataset's own folds that takes no part in the run, for testing.
    device : str
        As torch names it: "cpu", "cuda", "cuda:1", "mps", or several separated by commas, each of which trains one
        fold at a time; empty for the best device.
    folds_from : "dataset" or "recipe"
        Whether the dataset's own folds are used, if it has any, or folds that the recipe draws.
    corrected : bool
        Whether labels are corrected by the verdicts of reviewers, as they are when the run begins.
    keep_together : tuple of "names" or "near-duplicates"
        What stays in one fold beside recordings and copies of a sound: clips whose names look as if they were of one
        recording, and near-duplicates, as they are known when the run begins. Folds that a recipe with stratified folds
        does not draw are used as they are.
    on : str
        The Ray cluster whose nodes train the folds, as `audiotag.cluster.check_place` takes it; empty for this machine.
        Runs that differ in it alone are equal. On a cluster, ``device`` is "cpu", "cuda" or empty.
    teaching : Teaching or None
        How an ensemble teaches the run's networks; None where they learn from labels alone.
    """

    dataset: str
    recipe: Recipe
    folds: tuple[int, ...] = ()
    held_out: int | None = None
    device: str = ""
    folds_from: FoldSource = "dataset"
    corrected: bool = False
    keep_together: tuple[Together, ...] = ()
    on: str = field(default="", compare=False)
    teaching: Teaching | None = None

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, for ``settings.json``.

        Without ``on`` and ``teaching`` where they are not set, as in older runs.
        """
        values = asdict(self) | {"recipe": self.recipe.to_dict()}
        return {name: value for name, value in values.items() if value or name not in ("on", "teaching")}

    @property
    def trains_single(self) -> bool:
        """Whether one network is trained on all clips, so that no fold holds any out."""
        return self.teaching is not None and self.teaching.is_single

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunSettings:
        """Read the plain values of ``settings.json``."""
        if not fits(values, SETTINGS_SHAPE):
            raise AudiotagError("a field is missing or has another type")
        return cls(
            dataset=values["dataset"],
            recipe=Recipe.from_dict(values["recipe"]),
            folds=tuple(values["folds"]),
            held_out=values["held_out"],
            device=values["device"],
            folds_from=values.get("folds_from", "dataset"),  # this and the next fields are not in older runs
            corrected=values.get("corrected", False),
            keep_together=tuple(values.get("keep_together", ())),
            on=values.get("on", ""),
            teaching=Teaching.from_dict(values.get("teaching")),
        )


@dataclass(frozen=True)
class Run:
    """A run on disk.

    Attributes
    ----------
    folder : Path
    writes_to : str
        The file, relative to the folder, that `write_event` appends to: a fold on another machine has one of its own,
        because network file systems mix up lines that several machines append to one file.
    """

    folder: Path
    writes_to: str = EVENTS

    @property
    def workspace(self) -> Workspace:
        """The workspace that the run is in."""
        return Workspace(self.folder.parents[1])

    @property
    def name(self) -> str:
        """The folder's name: date, time and recipe."""
        return self.folder.name

    def settings(self) -> RunSettings:
        """What the run was asked to do.

        Raises
        ------
        AudiotagError
            If ``settings.json`` is damaged, or was written by a version of audiotag with other fields.
        """
        try:
            return RunSettings.from_dict(json.loads((self.folder / "settings.json").read_text(encoding="utf-8")))
        except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            fault = f" ({plain_reason(error)})" if isinstance(error, AudiotagError) else ""
            raise AudiotagError(
                f"the settings of run {self.name} cannot be read: {self.folder / 'settings.json'} is damaged or of "
                f"another version{fault}; start a new run."
            ) from error

    def state(self) -> State:
        """The state of the run, from its files and from whether its process is running."""
        if status := self._status():
            return status["state"]
        process = self.process()
        if process is None:
            return "starting" if self._age_s() < MAX_STARTING_S else "interrupted"
        if not jobs.is_alive(process["pid"], process["started"]):
            return (self._status() or {"state": "interrupted"})["state"]
        if self.is_stop_requested():
            return "stopping"
        if process.get("waiting_since"):
            return "queued"
        return "running" if (self.folder / EVENTS).exists() else "starting"

    def is_active(self) -> bool:
        """Whether a worker trains it or waits for the device."""
        return self.state() in ACTIVE

    def reason(self) -> str:
        """Why the run failed or was interrupted, as a sentence; empty if it was not."""
        if (self.folder / "process.json").exists() and self.state() == "interrupted":
            return how_it_died(self.folder)
        return (self._status() or {}).get("reason", "")

    def process(self) -> dict[str, Any] | None:
        """The worker that began last: ``pid``, ``started``, ``waiting_since``; None if none has begun."""
        otherwise = f"run {self.name} is not listed as running until its next batch; if it stays so, resume it"
        return read_json_state(self.folder / "process.json", PROCESS_SHAPE, None, otherwise)

    def _status(self) -> dict[str, Any] | None:
        otherwise = f"how run {self.name} ended is not known; resume it, finished folds are not trained again"
        return read_json_state(self.folder / "status.json", STATUS_SHAPE, None, otherwise)

    def _age_s(self) -> float:
        try:
            return abs(time.time() - (self.folder / "settings.json").stat().st_mtime)  # a clock may have been wrong
        except OSError:  # deleted since it was listed
            return MAX_STARTING_S

    def events(self) -> list[dict[str, Any]]:
        """All events so far, oldest first; a line that is damaged or still being written is left out."""
        otherwise = f"what run {self.name} has trained is not known"
        path = self.folder / EVENTS
        parsed = read_state(path, parse_events, ParsedEvents(), otherwise)
        if parsed.damaged:
            lines = "1 line is" if parsed.damaged == 1 else f"{parsed.damaged} lines are"
            say(f"{path} is damaged: {lines} left out, so epochs or folds of the run may be missing.", once=True)
        return parsed.events

    def progress(self) -> list[dict[str, Any]]:
        """The progress of each fold that is in training.

        Each dict has fold, subset, stage, epoch, epochs, batch, batches, loss (mean of the epoch so far), phase
        ("training" or "measuring") and seconds_left_in_epoch.
        """
        otherwise = "the training writes it again after its next batch"
        paths = sorted(self.folder.glob("*/progress.json"))
        per_fold = [read_json_state(path, PROGRESS_SHAPE, None, otherwise) for path in paths]
        return [progress for progress in per_fold if progress]

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of the log."""
        try:
            return "\n".join((self.folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def start(self) -> None:
        """Start a detached worker, which resumes after the last epoch that is on disk.

        Raises
        ------
        AudiotagError
            If a worker is running already, or the run is finished.
        """
        refusal = f"run {self.name} is already starting; try again in a moment."
        with locked(self.folder / "start", START_WAIT_S, refusal):
            was_started = (self.folder / "process.json").exists()
            if was_started and (state := self.state()) not in RESUMABLE:
                raise AudiotagError(f"run {self.name} is {state} already; only a run that ended early can be resumed.")
            for name in ("stop", "status.json", PREPARING):
                (self.folder / name).unlink(missing_ok=True)
            process = jobs.start_detached(WORKER, [str(self.folder)], self.folder / LOG)
            self.write_process(process.pid, process.create_time())

    def stop(self) -> None:
        """Ask the worker to stop after the current batch."""
        write_bytes(self.folder / "stop", b"")

    def is_stop_requested(self) -> bool:
        """Whether `stop` was called since the run was last started."""
        return (self.folder / "stop").exists()

    def finished_folds(self) -> list[int]:
        """Folds whose weights are on disk, in ascending order."""
        return sorted({event["fold"] for event in self.events() if event["event"] == "fold-finished"})

    # Written by the worker.

    def write_process(self, pid: int, started: float, waiting_since: float | None = None) -> None:
        """Write which process trains the run, and since when (epoch seconds) it waits for the device."""
        write_json(self.folder / "process.json", {"pid": pid, "started": started, "waiting_since": waiting_since})

    def mend_process(self) -> None:
        """Write again that this process trains the run, if what it wrote was damaged and set aside."""
        if not (self.folder / "process.json").exists() and list(self.folder.glob("process.json.damaged*")):
            me = psutil.Process()
            self.write_process(me.pid, me.create_time())

    def write_event(self, event: str, **values: Any) -> None:
        """Append one event; it is on disk before this returns."""
        line = json.dumps({"event": event, "time": round(time.time(), 3), **values}) + "\n"
        self.append_events(line.encode())

    def append_events(self, lines: bytes) -> None:
        """Append whole lines of events; they are on disk before this returns."""
        path = self.folder / self.writes_to
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:  # in one write: folds on several devices append
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())

    def mend_events(self) -> None:
        """Remove an incomplete last line that a kill left, so that the next event begins a new line.

        A file with damaged lines is copied, and replaced by one with the others; a kill between the two loses nothing.
        """
        path = self.folder / EVENTS
        if not path.is_file():
            return
        content = path.read_bytes()
        parsed = parse_events(content)
        if parsed.damaged:
            copy_aside(path, content, "the run continues with what its other lines say")
            write_bytes(path, b"".join(line + b"\n" for line in parsed.lines))
        elif not content.endswith(b"\n"):
            write_bytes(path, content[: content.rfind(b"\n") + 1])

    def write_progress(self, fold: int, **values: Any) -> None:
        """Write where in the epoch a fold is."""
        write_json(self.fold_folder(fold) / "progress.json", {"fold": fold, **values})

    def clear_progress(self, fold: int) -> None:
        """Remove the progress of a fold that is not in training any more."""
        (self.fold_folder(fold) / "progress.json").unlink(missing_ok=True)

    def write_status(self, state: State, reason: str = "") -> None:
        """Write how the run ended; called last."""
        write_json(self.folder / "status.json", {"state": state, "reason": reason})

    def fold_folder(self, fold: int) -> Path:
        """The folder of a fold's weights and out-of-fold scores."""
        return self.folder / ("shared" if fold == SHARED_FOLD else f"fold-{fold}")


def create_run(workspace: Workspace, settings: RunSettings) -> Run:
    """Make the folder of a new run, with its settings; nothing is started."""
    if not Path(settings.dataset).exists():
        raise AudiotagError(f"{settings.dataset} does not exist any more; choose another dataset.")
    name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{settings.recipe.name}"
    workspace.runs.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        folder = workspace.runs / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()  # fails if another run took the name in the same second
        except FileExistsError:
            continue
        write_json(folder / "settings.json", settings.to_dict())
        return Run(folder)
    raise AudiotagError(f"{workspace.runs} has a thousand runs named {name}; check the computer's clock.")


def list_runs(workspace: Workspace) -> list[Run]:
    """All runs of the workspace, newest first."""
    paths = [path for path in workspace.runs.glob("*/settings.json") if path.parent.name != DELETED_FOLDER]
    return [Run(path.parent) for path in sorted(paths, reverse=True)]


def find_run(workspace: Workspace, name: str) -> Run:
    """The run of this name; raises `AudiotagError` if there is none."""
    runs = {run.name: run for run in list_runs(workspace)}
    if name not in runs:
        newest = f"the newest are {', '.join(list(runs)[:5])}" if runs else "there are no runs yet"
        raise AudiotagError(f"there is no run named {name}; {newest}.")
    return runs[name]
