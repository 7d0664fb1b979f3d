"""Before a training is started: how long it will take, and which learning rate suits it.

``python -m audiotag.training.estimate FOLDER [--rates]``, detached, trains a few batches of each stage as a run does. The
folder is named by all that matters, so that whoever asks the same finds the answer, ``result.json``, in it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from filelock import FileLock

from audiotag import jobs
from audiotag.data.index import scan
from audiotag.data.saved_options import open_remembered
from audiotag.data.stamp import dataset_stamp
from audiotag.errors import AudiotagError
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.metrics import multi_hot
from audiotag.training.clips import LabelledClips, prepare_clips
from audiotag.training.devices import check_device, devices
from audiotag.training.folds import assign_folds, available_folds, check_folds, one_split
from audiotag.training.recipe import Stage
from audiotag.training.runs import Run, RunSettings, list_runs
from audiotag.training.subsets import stages_for
from audiotag.training.worker import reason_of
from audiotag.workspace import Workspace, read_json, write_json

BATCHES, HELD_OUT_BATCHES = 4, 2  # of one measured epoch; the first batch of an epoch waits for its clips
EPOCHS, ENOUGH_S = 6, 8.0  # after so long no other epoch is begun: a slow device is measured by its first one
RATES, FEWEST_RATES, RATES_S = 100, 12, 60.0  # batches of the learning-rate finder, and how long they may take
RATES_CLIPS = 32  # batches' worth
NO_RATES: dict[str, Any] = {"rates": [], "losses": [], "suggested_lr": None}


@dataclass(frozen=True)
class Estimate:
    """A measurement on disk, done or to be done."""

    folder: Path
    settings: RunSettings

    @classmethod
    def of(cls, settings: RunSettings, workspace: Workspace) -> Estimate:
        """The one for these settings and the dataset as it is now, on this machine; nothing is written yet."""
        dataset = Path(settings.dataset).expanduser().absolute()
        values = settings.to_dict() | {"dataset": str(dataset)}
        for text in ("name", "title", "about"):
            del values["recipe"][text]
        machine = [device.name for device in devices()]
        asked = [values, workspace.dataset_options(dataset), dataset_stamp(dataset), machine]
        key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
        return cls(workspace.root / "probes" / key, settings)

    def start(self, rates: bool = False) -> None:
        """Have the time measured by a detached process, or ``rates``, and the time only where it is not known yet.

        What the other one found is kept. Does nothing while a process is at it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".start.lock"):
            if self.is_active():
                return
            for name in ("status.json", "process.json", "log.txt"):
                (self.folder / name).unlink(missing_ok=True)
            write_json(self.folder / "settings.json", self.settings.to_dict())
            arguments = [str(self.folder), *(["--rates"] if rates else [])]
            process = jobs.start_detached("audiotag.training.estimate", arguments, self.folder / "log.txt")
            Run(self.folder).write_process(process.pid, process.create_time())

    def is_active(self) -> bool:
        """Whether a process is at it."""
        return (self.folder / "process.json").exists() and Run(self.folder).is_active()

    def result(self) -> dict[str, Any] | None:
        """What was measured last; None where nothing is yet.

        ``total_s``, of the whole run; in ``batch_s`` (loading included), ``held_out_batch_s`` and ``batches`` (training
        batches of an epoch) a value for each stage that the dataset has clips for; ``memory_gib``, the most that was
        used of a CUDA device, else by the process; ``lr``, the highest of the last stage. Of the finder ``rates`` and
        smoothed ``losses``, empty where it was not asked for, and ``suggested_lr``, None where the loss did not fall.
        """
        return read_json(self.folder / "result.json")

    def problem(self) -> str:
        """Why it could not be measured, as a sentence; empty while a process is at it and when all went well."""
        if not (self.folder / "process.json").exists() or Run(self.folder).state() != "interrupted":
            return Run(self.folder).reason()
        return f"The measuring ended without a word; try again, and if it does so again, see {self.folder / 'log.txt'}."


class _Sketch:
    """What `audiotag.training.worker.Training` knows of a run, from tables and headers alone: no clip is decoded."""

    def __init__(self, settings: RunSettings, workspace: Workspace) -> None:
        self.settings, self.recipe = settings, settings.recipe
        self.dataset = open_remembered(Path(settings.dataset), workspace)
        self.stages = stages_for(self.dataset, self.recipe)
        check_folds(self.dataset, self.recipe, settings.folds, settings.held_out)
        self.folds = settings.folds or available_folds(self.dataset, self.recipe, settings.held_out)
        measures = MeasurementJob.of(self.dataset.root, self.dataset.name, workspace).table()
        self.known = with_measures(scan(self.dataset, workspace.indexes), measures)
        kinds = {(stage.subset, stage.shared) for _, stage in self.stages}
        self.splits = {kind: self._split(*kind) for kind in sorted(kinds)}

    def _split(self, subset: str, shared: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows that the first fold trains on and holds out, without those that are known to be broken."""
        rows, labels = self.dataset.subset(subset), self.dataset.labels
        broken = self.known.loc[self.known["error"].notna() | self.known["measure_error"].notna(), "path"]
        rows = rows[~rows["path"].isin(list(broken))]
        if self.settings.held_out is not None:
            rows = rows[rows["fold"] != self.settings.held_out]
        rows = rows.reset_index(drop=True)
        fold = self.folds[0]
        out = one_split(rows, labels, self.recipe) if shared else assign_folds(rows, labels, self.recipe) == fold
        if out.all() or not out.any():
            raise AudiotagError(f"fold {fold} must hold out some of the {len(rows)} {subset} clips; use other folds.")
        train = rows[~out]
        return train.sample(max(1, round(self.recipe.fraction * len(train))), random_state=self.recipe.seed), rows[out]

    def batches(self, stage: Stage) -> tuple[int, int]:
        """Training and held-out ones of an epoch; a fold's noisy stage is measured on curated clips, too."""
        train, held_out = self.splits[stage.subset, stage.shared]
        also = self.splits.get(("curated", False)) if stage.subset == "noisy" and not stage.shared else None
        counts, size = [len(held_out), len(also[1]) if also else 0], self.recipe.batch_size
        return max(1, len(train) // size), sum(math.ceil(count / (2 * size)) for count in counts)

    def drawn(self, rows: pd.DataFrame, count: int) -> LabelledClips:
        """So many of the clips at most, drawn by the seed and decoded."""
        rows = rows.sample(min(count, len(rows)), random_state=self.recipe.seed)
        clips, problems = prepare_clips(rows, self.recipe.spectrogram, self.known)
        if len(problems) == len(clips):
            raise AudiotagError(f"none of {len(clips)} clips can be used; of the first: {problems[0].reason}")
        labels = rows["labels"][[clip is not None for clip in clips]]
        return LabelledClips([clip for clip in clips if clip is not None], multi_hot(list(labels), self.dataset.labels))


def work(probe: Estimate, rates: bool) -> None:
    """Measure what is asked for, and write it as it comes."""
    workspace = Workspace(probe.folder.parents[1])
    keys = check_device(probe.settings.device)
    for run in list_runs(workspace):
        if run.is_active() and set(check_device(run.settings().device)) & set(keys):
            raise AudiotagError(
                f"run {run.name} is {run.state()} on this device; wait for its end, or they would slow each other down."
            )
    sketch = _Sketch(probe.settings, workspace)
    result = probe.result()
    if result is None or not rates:
        result = NO_RATES | (result or {}) | _time(sketch, keys)
        write_json(probe.folder / "result.json", result)
    if rates:
        write_json(probe.folder / "result.json", result | _rates(sketch, keys[0], result["batch_s"][-1]))


def _time(sketch: _Sketch, keys: tuple[str, ...]) -> dict[str, Any]:
    counts = [sketch.batches(stage) for _, stage in sketch.stages]
    seconds = [_time_stage(sketch, number, stage, keys[0]) for number, stage in sketch.stages]
    epochs = [(1, stage.epochs - 1) for _, stage in sketch.stages]
    rounds = [1 if stage.shared else math.ceil(len(sketch.folds) / len(keys)) for _, stage in sketch.stages]
    return {
        "total_s": float(np.einsum("s,se,sb,seb", rounds, epochs, counts, seconds)),
        "batch_s": [later[0] for _, later in seconds],
        "held_out_batch_s": [later[1] for _, later in seconds],
        "batches": [batches for batches, _ in counts],
        "memory_gib": _peak_memory_gib(keys[0]),
        "lr": sketch.stages[-1][1].lr,
    }


def _time_stage(sketch: _Sketch, number: int, stage: Stage, device: str) -> list[tuple[float, float]]:
    """Median seconds of a training batch and a held-out one, in a first epoch, which loads all clips, and in others."""
    from audiotag.training.backend.learner import FoldTrainer
    from audiotag.training.progress import FoldSplit, TrainingCallbacks

    rows, held_out_rows = sketch.splits[stage.subset, stage.shared]
    size = min(sketch.recipe.batch_size, max(2, len(rows)))
    train, held_out = sketch.drawn(rows, BATCHES * size), sketch.drawn(held_out_rows, HELD_OUT_BATCHES * 2 * size)
    again = np.resize(np.arange(len(train.clips)), BATCHES * size)  # a small fold's clips more than once
    train = LabelledClips([train.clips[row] for row in again], train.targets[again])
    in_epoch = BATCHES + math.ceil(len(held_out.clips) / (2 * size))
    began, ends = time.perf_counter(), []

    def must_stop() -> bool:  # asked at the end of each batch
        ends.append(time.perf_counter())
        return len(ends) % in_epoch == 0 and ends[-1] - began > ENOUGH_S

    watch = TrainingCallbacks(on_epoch=lambda *_: None, on_batch=lambda *_: None, must_stop=must_stop)
    trainer = FoldTrainer(replace(sketch.recipe, batch_size=size), sketch.dataset.labels, sketch.folds[0], device)
    trainer.train(number, replace(stage, epochs=EPOCHS), FoldSplit(train, held_out), watch)
    steps = np.diff(np.reshape(ends, (-1, in_epoch)))
    return [
        (float(np.median(part[:, : BATCHES - 1])), float(np.median(part[:, BATCHES - 1 :])))
        for part in (steps[:1], steps[len(steps) > 1 :])
    ]


def _rates(sketch: _Sketch, device: str, batch_s: float) -> dict[str, Any]:
    """From fresh weights, over all rates in the time there is: a slow device takes wider steps."""
    from audiotag.training.backend.learner import FoldTrainer

    recipe, (_, stage) = sketch.recipe, sketch.stages[-1]
    batches = max(FEWEST_RATES, min(RATES, int(RATES_S / batch_s)))
    part = sketch.drawn(sketch.splits[stage.subset, False][0], min(RATES_CLIPS, batches) * recipe.batch_size)
    trainer = FoldTrainer(recipe, sketch.dataset.labels, sketch.folds[0], device)
    rates, losses, suggested = trainer.find_rates(stage, part, batches, most_s=1.5 * RATES_S)
    return {"rates": rates, "losses": losses, "suggested_lr": suggested}


def _peak_memory_gib(device: str) -> float:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_reserved(device) / 2**30
    with suppress(OSError, IndexError):  # Linux, where `getrusage` may give the parent's
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 2**20
    info = psutil.Process().memory_info()
    return getattr(info, "peak_wset", info.rss) / 2**30


def main() -> None:
    """Measure in the folder given; whatever goes wrong is written there as a sentence, the traceback in the log."""
    run, me = Run(Path(sys.argv[1])), psutil.Process()
    run.write_process(me.pid, me.create_time())
    if hasattr(os, "nice"):
        os.nice(5)  # as the worker of a run
    try:
        with FileLock(run.folder.parent / ".lock"):  # two at once would measure each other
            work(Estimate(run.folder, run.settings()), rates="--rates" in sys.argv)
        run.write_status("finished")
    except BaseException as error:
        if not isinstance(error, AudiotagError):
            traceback.print_exc()
        run.write_status("failed", reason_of(error))


if __name__ == "__main__":
    main()
