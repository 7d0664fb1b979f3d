"""A sweep is a folder: runs that are trained on the same folds and differ in a few settings.

sweep.json      what all runs have in common, what is varied, and the settings of each run; only where it is
                trained (``on``) ever changes
runs.json       the name of each run that was created, by its number
costs.json      parameters and multiplications of each run's network; written when the sweep is first trained
process.json, progress.json, status.json, stop, log.txt    as of every detached job

`audiotag.training.sweep_job` is the process that trains what is missing. The runs are runs like all others.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from audiotag.data.saved_options import open_remembered
from audiotag.detached_job import DetachedJob
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason
from audiotag.state import fits, read_json_state
from audiotag.training.run_blocking import check_run
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import Run, RunSettings
from audiotag.training.sweep_settings import Combination, Varied, combinations
from audiotag.workspace import Workspace, write_json

FOLDER = "sweeps"
VALUE = (bool, int, float, str)
SHAPE = {
    "options": dict,
    "vary": [{"name": str, "values": [VALUE]}],
    "runs": [{"values": dict, "settings": dict}],
}
COST_SHAPE = {"parameters": (int, None), "macs": (int, None)}


@dataclass(frozen=True)
class SweepSettings:
    """What a sweep trains.

    Attributes
    ----------
    options : RunOptions
        What all runs have in common, as the user gave it.
    varied : tuple[Varied, ...]
    runs : tuple[Combination, ...]
    """

    options: RunOptions
    varied: tuple[Varied, ...]
    runs: tuple[Combination, ...]

    @classmethod
    def of(cls, options: RunOptions, varied: Sequence[Varied], workspace: Workspace) -> SweepSettings:
        """The settings of all runs, checked as those of any run, and on the dataset.

        Raises
        ------
        AudiotagError
            If an option, a varied field or a combination of values does not fit.
        """
        dataset = open_remembered(Path(options.dataset), workspace)
        common = options.settings(workspace)
        found = combinations(common, varied, workspace, options.preset)
        check_run(dataset, common, workspace)
        return cls(options, tuple(varied), found)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``sweep.json``."""
        return {
            "options": asdict(self.options),
            "vary": [asdict(each) for each in self.varied],
            "runs": [{"values": each.values, "settings": each.settings.to_dict()} for each in self.runs],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SweepSettings:
        """Read the plain values of ``sweep.json``."""
        if not fits(values, SHAPE):
            raise AudiotagError("a field is missing or has another type")
        given = values["options"].items()
        options: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given}
        varied = tuple(Varied(each["name"], tuple(each["values"])) for each in values["vary"])
        runs = tuple(Combination(each["values"], RunSettings.from_dict(each["settings"])) for each in values["runs"])
        return cls(RunOptions(**options), varied, runs)


@dataclass(frozen=True)
class Sweep(DetachedJob):
    """A sweep on disk; its progress counts epochs of all folds of all runs."""

    module: ClassVar[str] = "audiotag.training.sweep_job"
    activity: ClassVar[str] = "Training"
    past: ClassVar[str] = "trained"
    unit: ClassVar[str] = "epochs"

    @property
    def name(self) -> str:
        """The folder's name: date, time and recipe."""
        return self.folder.name

    @property
    def workspace(self) -> Workspace:
        """The workspace that the sweep is in."""
        return Workspace(self.folder.parents[1])

    def arguments(self) -> list[str]:
        """The arguments of the process."""
        return [str(self.folder)]

    def settings(self) -> SweepSettings:
        """What the sweep trains.

        Raises
        ------
        AudiotagError
            If ``sweep.json`` is damaged, or was written by a version of audiotag with other fields.
        """
        path = self.folder / "sweep.json"
        try:
            return SweepSettings.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            fault = f" ({plain_reason(error)})" if isinstance(error, AudiotagError) else ""
            raise AudiotagError(
                f"the settings of sweep {self.name} cannot be read: {path} is damaged or of another version{fault}; "
                "start a new sweep. Its runs are not lost."
            ) from error

    def runs(self) -> dict[int, Run]:
        """The runs that were created and not deleted since, by their numbers from 1."""
        otherwise = f"which runs sweep {self.name} has trained is not known; started again, it trains all of them"
        names = read_json_state(self.folder / "runs.json", dict, {}, otherwise)
        found = {}
        for number, name in names.items():
            if number.isdecimal() and isinstance(name, str) and Path(name).name == name:
                run = Run(self.workspace.runs / name)
                if (run.folder / "settings.json").exists():
                    found[int(number)] = run
        return found

    def add_run(self, number: int, run: Run) -> None:
        """Note that a run was created; called by the process."""
        names = {str(each): known.name for each, known in self.runs().items()}
        write_json(self.folder / "runs.json", names | {str(number): run.name})

    def costs(self) -> list[dict[str, int | None]]:
        """``parameters`` and ``macs`` (multiplications per network input) of each run; empty where not known yet."""
        otherwise = f"parameters and multiplications of sweep {self.name} are counted again when it is started"
        return read_json_state(self.folder / "costs.json", [COST_SHAPE], [], otherwise)

    def write_costs(self, costs: Sequence[dict[str, int | None]]) -> None:
        """Write what `costs` reads; called by the process."""
        write_json(self.folder / "costs.json", list(costs))

    def missing(self) -> list[int]:
        """Numbers of the runs that are not finished."""
        runs = self.runs()
        count = len(self.settings().runs)
        return [n for n in range(1, count + 1) if n not in runs or runs[n].state() != "finished"]


def find_or_create_sweep(settings: SweepSettings, workspace: Workspace) -> tuple[Sweep, bool]:
    """The sweep of these settings, and whether it is a new one; nothing is started.

    One whose runs have the same settings is taken up again, so the same command trains only what is missing, where it
    says now. That holds too where the workspace has since got verdicts or near-duplicates, and the options leave open
    whether to use them.
    """
    known: list[tuple[Sweep, SweepSettings]] = []
    for sweep in list_sweeps(workspace):
        with suppress(AudiotagError):  # damaged, or of another version
            known.append((sweep, sweep.settings()))
    for what in (_run_settings, _given_settings):
        for sweep, stored in known:
            if what(stored) == what(settings):
                _change_place(sweep, stored, settings)
                return sweep, False
    name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{settings.runs[0].settings.recipe.name}"
    parent = workspace.root / FOLDER
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:  # another sweep took the name in the same second
            continue
        write_json(folder / "sweep.json", settings.to_dict())
        return Sweep(folder), True
    raise AudiotagError(f"{parent} has a thousand sweeps named {name}; check the computer's clock.")


def _run_settings(settings: SweepSettings) -> list[RunSettings]:
    return [each.settings for each in settings.runs]


def _given_settings(settings: SweepSettings) -> list[RunSettings]:
    """The settings of the runs without what the options leave to the state of the workspace."""
    left_open = [name for name in ("corrected", "keep_together") if getattr(settings.options, name) is None]
    changes: dict[str, Any] = dict.fromkeys(left_open)
    return [replace(each.settings, **changes) for each in settings.runs]


def _change_place(sweep: Sweep, stored: SweepSettings, wanted: SweepSettings) -> None:
    """Have what is missing of a sweep trained where the wanted settings say; not while it is being trained."""
    on = wanted.runs[0].settings.on
    if stored.runs[0].settings.on == on or sweep.is_active():
        return
    runs = tuple(replace(each, settings=replace(each.settings, on=on)) for each in stored.runs)
    options = replace(stored.options, on=wanted.options.on)
    write_json(sweep.folder / "sweep.json", replace(stored, options=options, runs=runs).to_dict())
    for run in sweep.runs().values():
        with suppress(AudiotagError):  # damaged: the sweep says so when it comes to it
            if run.state() != "finished" and not run.is_active():
                write_json(run.folder / "settings.json", replace(run.settings(), on=on).to_dict())


def list_sweeps(workspace: Workspace) -> list[Sweep]:
    """All sweeps of the workspace, newest first."""
    paths = sorted((workspace.root / FOLDER).glob("*/sweep.json"), reverse=True)
    return [Sweep(path.parent) for path in paths]


def find_sweep(workspace: Workspace, name: str = "") -> Sweep:
    """The sweep of this name, or the newest for an empty one; raises `AudiotagError` if there is none."""
    sweeps = {sweep.name: sweep for sweep in list_sweeps(workspace)}
    if not sweeps:
        raise AudiotagError("there are no sweeps yet; start one with audiotag sweep DATASET --vary n_mels=64,128.")
    if name and name not in sweeps:
        raise AudiotagError(f"there is no sweep named {name}; the newest are {', '.join(list(sweeps)[:5])}.")
    return sweeps[name] if name else next(iter(sweeps.values()))
