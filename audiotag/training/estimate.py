"""Measure before a training how long it will take, and which learning rate suits it.

``python -m audiotag.training.estimate FOLDER [--rates]``, detached, trains a few batches of each stage as a run does.
The folder's name is a digest of all that matters, so the same settings find the ``result.json`` that is already there.
"""

from __future__ import annotations

import faulthandler
import hashlib
import json
import logging
import math
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from audiotag import in_hand, jobs
from audiotag.data.left_out import left_out_clips
from audiotag.data.stamp import dataset_stamp
from audiotag.data.verdicts import VerdictJournal
from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.state import is_number, json_parser, read_state
from audiotag.training.device_queue import devices_of
from audiotag.training.devices import check_device, devices
from audiotag.training.failures import reason_of
from audiotag.training.interruption import how_it_died, notes_path
from audiotag.training.measured_batches import macs_per_input, measure_batches, measure_packing, plan_measurements
from audiotag.training.preparation import FILE, PreparationWriter, Preparing, Report, read_preparing
from audiotag.training.runs import Run, RunSettings, list_runs
from audiotag.training.session import Session
from audiotag.training.shorter_runs import SHAPE, find_shorter
from audiotag.workspace import Workspace, write_json

MAX_RATES, MIN_RATES, RATES_S = 100, 12, 60.0  # batches of the learning-rate finder, and the seconds they may take
MAX_RATES_CLIPS = 32  # in batches
RESULT_SHAPE = {
    "total_s": float, "batch_s": [float], "held_out_batch_s": [float], "batches": [int], "memory_gib": (float, None),
    "lr": float, "stage_s?": [float], "packing_s?": float, "inputs?": int, "macs?": (int, None),
    "shorter?": SHAPE, "rates": [float], "losses": [is_number],
    "suggested_lr": (float, None),
}  # fmt: skip
NO_RATES: dict[str, Any] = {"rates": [], "losses": [], "suggested_lr": None}


@dataclass(frozen=True)
class Estimate:
    """An estimate on disk, measured or still to be measured."""

    folder: Path
    settings: RunSettings

    @classmethod
    def of(cls, settings: RunSettings, workspace: Workspace) -> Estimate:
        """The estimate for these settings, the dataset as it is now and this machine; nothing is written yet."""
        dataset = Path(settings.dataset).expanduser().absolute()
        values = settings.to_dict() | {"dataset": str(dataset)}
        for text in ("name", "title", "about"):
            del values["recipe"][text]
        for stage in values["recipe"]["stages"]:
            del stage["lr"]  # changes neither the time nor what the finder measures
        machine = [device.name for device in devices()]
        left_out = sorted((clip.subset, clip.clip) for clip in left_out_clips(dataset, workspace))
        dependencies: list[Any] = [
            values,
            workspace.dataset_options(dataset),
            dataset_stamp(dataset),
            machine,
            left_out,
        ]
        dependencies.append(settings.recipe.lists.stamp())
        if settings.recipe.negatives:
            dependencies.append(settings.recipe.negatives.stamp())
        if settings.corrected and (journal := VerdictJournal.of(dataset, workspace).path).exists():
            dependencies.append(journal.stat().st_size)  # it only grows, and labels may make clips usable
        key = hashlib.sha256(json.dumps(dependencies, sort_keys=True).encode()).hexdigest()[:16]
        return cls(workspace.root / "probes" / key, settings)

    def start(self, rates: bool = False) -> None:
        """Measure the time in a detached process; with ``rates``, the rates, and the time if it is not known yet.

        Results of the other measurement stay. Does nothing while a process is measuring.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / "start", wait_s=-1):
            if self.is_active():
                return
            for name in ("status.json", "process.json", "log.txt", FILE):
                (self.folder / name).unlink(missing_ok=True)
            write_json(self.folder / "settings.json", self.settings.to_dict())
            arguments = [str(self.folder), *(["--rates"] if rates else [])]
            process = jobs.start_detached("audiotag.training.estimate", arguments, self.folder / "log.txt")
            Run(self.folder).write_process(process.pid, process.create_time())

    def is_active(self) -> bool:
        """Whether a process is measuring."""
        return (self.folder / "process.json").exists() and Run(self.folder).is_active()

    def preparing(self) -> Preparing | None:
        """What the process that is measuring does now; None if it has not said so."""
        return read_preparing(self.folder)

    def result(self) -> dict[str, Any] | None:
        """The last result; None if nothing was measured yet.

        ``total_s`` is for the whole run, ``stage_s`` its part for each stage, ``packing_s`` that in which a run
        on a GPU packs waveforms, unless an earlier one has; ``inputs`` are the network inputs that a fold
        trains on, ``macs`` the multiply-accumulates for one of the main stage. ``batch_s`` (loading included),
        ``held_out_batch_s`` and ``batches`` (training batches of an epoch) have one value for each stage that
        the dataset has clips for. ``memory_gib`` is the peak of a CUDA device, else of the process; ``lr`` the
        highest learning rate of the main stage. ``rates`` and smoothed ``losses`` are those of the
        learning-rate finder, empty if it did not run; ``suggested_lr`` is None if the loss did not fall.
        ``shorter`` says what takes less time, see `audiotag.training.shorter_runs`.
        """
        result = read_state(self.folder / "result.json", _parse_result, None, "measure again")
        if result:
            result["lr"] = self.settings.recipe.main_stage.lr  # other rates find the same result
        return result

    def problem(self) -> str:
        """Why the measurement failed, as a sentence; empty while it is running and if it succeeded."""
        if not (self.folder / "process.json").exists() or Run(self.folder).state() != "interrupted":
            return Run(self.folder).reason()
        log = self.folder / "log.txt"
        return f"The measurement ended without giving a reason; try again, or see {log}. {how_it_died(self.folder)}"


def _parse_result(content: bytes) -> dict[str, Any]:
    result = json_parser(RESULT_SHAPE)(content)
    if len(result["rates"]) != len(result["losses"]) or len(result["batches"]) != len(result["batch_s"]):
        raise ValueError("two lists of the same things have other lengths")
    return result


def run_estimate(estimate: Estimate, rates: bool) -> None:
    """Measure what is asked for, and write each result when it is known.

    Raises
    ------
    AudiotagError
        If a run is active on the device, or the settings do not fit the dataset.
    """
    workspace = Workspace(estimate.folder.parents[1])
    keys = check_device(estimate.settings.device)
    for run in list_runs(workspace):
        if run.is_active() and _uses_device(run, keys):
            raise AudiotagError(
                f"run {run.name} is {run.state()} on this device; wait for its end, or they would slow each other down."
            )
    report = PreparationWriter(estimate.folder)
    session = Session.open(estimate.settings, workspace, report=report)
    result = estimate.result()
    if result is None or not rates:
        result = NO_RATES | (result or {}) | _measure_time(session, keys, report)
        write_json(estimate.folder / "result.json", result)
    if rates:
        report("Trying learning rates")
        write_json(estimate.folder / "result.json", result | _find_rates(session, keys[0], result["batch_s"]))
    report.end()


def _uses_device(run: Run, keys: tuple[str, ...]) -> bool:
    with suppress(AudiotagError):  # a run whose settings cannot be read holds up nothing
        return bool(set(devices_of(run.settings())) & set(keys))
    return False


def _measure_time(session: Session, keys: tuple[str, ...], report: Report) -> dict[str, Any]:
    batches = [session.count_batches(stage) for _, stage in session.stages]
    plan = plan_measurements(session, keys[0])
    report("Loading libraries", 0, 0)
    seconds_of = {measurement: measure_batches(session, measurement, keys[0], report) for measurement in set(plan)}
    packing_s = measure_packing(session, keys[0], report)
    batch_seconds = [seconds_of[measurement] for measurement in plan]
    epochs = [(1, stage.epochs - 1) for _, stage in session.stages]
    rounds = [1 if stage.shared else math.ceil(len(session.folds) / len(keys)) for _, stage in session.stages]
    stage_seconds = np.einsum("s,se,sb,seb->s", rounds, epochs, batches, batch_seconds)
    size, main = session.recipe.batch_size, session.recipe.main_of([stage for _, stage in session.stages])
    inputs = sum(
        stage.epochs * training * size for (_, stage), (training, _) in zip(session.stages, batches, strict=True)
    )
    return {
        "total_s": packing_s + float(stage_seconds.sum()),
        "packing_s": packing_s,
        "inputs": inputs,
        "macs": macs_per_input(session.recipe, main, len(session.labels)),
        "shorter": find_shorter(session, batches, batch_seconds, rounds),
        "stage_s": stage_seconds.tolist(),
        "batch_s": [later[0] for _, later in batch_seconds],
        "held_out_batch_s": [later[1] for _, later in batch_seconds],
        "batches": [training for training, _ in batches],
        "memory_gib": _peak_memory_gib(keys[0]),
        "lr": session.recipe.main_stage.lr,
    }


def describe_cost(result: dict[str, Any]) -> str:
    """How much a fold trains on, and what its network computes for each input; empty for an older result.

    >>> describe_cost({"inputs": 22937600, "macs": 8171347968})
    '22,937,600 network inputs per fold; 8.17 GMAC each, three times as many with the backward pass'
    """
    if not result.get("inputs"):
        return ""
    inputs = f"{result['inputs']:,} network inputs per fold"
    if not result.get("macs"):
        return inputs
    return f"{inputs}; {result['macs'] / 1e9:.3g} GMAC each, three times as many with the backward pass"


def _find_rates(session: Session, device: str, batch_s: Sequence[float]) -> dict[str, Any]:
    """Run the learning-rate finder on fresh weights; a slow device takes fewer, wider steps.

    It trains the main one of the stages that the dataset has clips for. The rates are those of the recipe's main stage:
    where that is another one, they keep their ratio.
    """
    from audiotag.training.backend.learner import FoldTrainer

    recipe, stages = session.recipe, [stage for _, stage in session.stages]
    stage = recipe.main_of(stages)
    ratio = recipe.main_stage.lr / stage.lr
    batches = max(MIN_RATES, min(MAX_RATES, int(RATES_S / batch_s[stages.index(stage)])))
    rows, _ = session.stage_rows(stage, session.folds[0])
    clips = session.sample(rows, min(MAX_RATES_CLIPS, batches) * recipe.batch_size)
    trainer = FoldTrainer(recipe, session.labels, session.folds[0], device)
    rates, losses, suggested = trainer.find_rates(stage, clips, batches, max_s=1.5 * RATES_S)
    return {
        "rates": [ratio * rate for rate in rates],
        "losses": losses,
        "suggested_lr": None if suggested is None else ratio * suggested,
    }


def _peak_memory_gib(device: str) -> float:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_reserved(device) / 2**30
    with suppress(OSError, IndexError):  # Linux, where `getrusage` may give the parent's
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 2**20
    info = psutil.Process().memory_info()
    return getattr(info, "peak_wset", info.rss) / 2**30


def main() -> None:
    """Measure in the folder given; a failure is written there as a sentence, its traceback in the log."""
    run, process = Run(Path(sys.argv[1])), psutil.Process()
    run.write_process(process.pid, process.create_time())
    if hasattr(os, "nice"):
        os.nice(5)  # as the worker of a run
    faulthandler.enable(2)
    logging.basicConfig()
    try:
        # Two at once would measure each other.
        with locked(run.folder.parent / "measuring", wait_s=-1), in_hand.noting(notes_path(run.folder)):
            run_estimate(Estimate(run.folder, run.settings()), rates="--rates" in sys.argv)
        run.write_status("finished")
    except BaseException as error:
        if not isinstance(error, AudiotagError):
            traceback.print_exc()
        run.write_status("failed", reason_of(error))


if __name__ == "__main__":
    main()
