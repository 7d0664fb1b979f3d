"""The worker of a run: ``python -m audiotag.training.worker RUN_FOLDER``, detached from whoever started it.

It goes on from the last epoch that is on disk, whatever ended the worker before it. On several devices it starts a
worker a device, ``… RUN_FOLDER --lane 1 --parent PID``, each with its share of the folds.
"""

from __future__ import annotations

import argparse
import errno
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from audiotag.data.dataset import Dataset
from audiotag.data.saved_options import open_remembered
from audiotag.errors import AudiotagError
from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class
from audiotag.training.clips import LabelledClips
from audiotag.training.device_queue import wait_for_device
from audiotag.training.devices import check_device
from audiotag.training.folds import available_folds, check_folds
from audiotag.training.recipe import Stage
from audiotag.training.runs import SHARED_FOLD, Run, plan_of
from audiotag.training.subsets import SubsetClips, fingerprint, read_subset, stages_for
from audiotag.workspace import Workspace, read_json, write_bytes, write_json

if TYPE_CHECKING:
    from audiotag.training.backend.learner import FoldTrainer
    from audiotag.training.progress import EpochResult, TrainingCallbacks

RESERVE = b"\0" * 2**16  # on a full disk this makes room for the status that says so


class Training:
    """A run with all that its folds need: clips, folds, stages that the dataset has clips for."""

    def __init__(self, run: Run) -> None:
        self.run, self.settings = run, run.settings()
        self.recipe = self.settings.recipe
        workspace = Workspace(run.folder.parents[1])
        self.dataset: Dataset = open_remembered(Path(self.settings.dataset), workspace)
        self.labels = self.dataset.labels
        self.stages = stages_for(self.dataset, self.recipe)
        check_folds(self.dataset, self.recipe, self.settings.folds, self.settings.held_out)
        self.folds = self.settings.folds or available_folds(self.dataset, self.recipe, self.settings.held_out)
        names = dict.fromkeys(stage.subset for _, stage in self.stages)
        self.subsets: dict[str, SubsetClips] = {
            name: read_subset(self.dataset, name, self.settings, workspace) for name in names
        }
        for _, stage in self.stages:
            for fold in (SHARED_FOLD,) if stage.shared else self.folds:
                self.subsets[stage.subset].check_fold(fold, stage.subset)

    @property
    def has_shared(self) -> bool:
        """Whether some first stages are trained once, for all folds."""
        return any(stage.shared for _, stage in self.stages)

    def begin(self, devices: tuple[str, ...]) -> None:
        """Write what the run will do, or that it goes on; refuse to go on with other clips."""
        for problem in [problem for subset in self.subsets.values() for problem in subset.problems]:
            print(f"left out: {problem}", flush=True)
        mark = fingerprint(self.subsets, self.labels)
        if (begun := plan_of(self.run.events())) is not None:
            if begun["fingerprint"] != mark:
                raise AudiotagError(
                    f"the clips or labels of {self.dataset.name} have changed since this run began; start a new run."
                )
            self.run.write_event("run-resumed")
            return
        stages = []
        for number, stage in self.stages:
            clips = len(self.subsets[stage.subset].train(SHARED_FOLD if stage.shared else self.folds[0]).clips)
            picture = self.recipe.spectrogram_of(stage)
            stages.append(
                {
                    "stage": number,
                    "subset": stage.subset,
                    "epochs": stage.epochs,
                    "clips": len(self.subsets[stage.subset].clips),
                    "batches": max(1, clips // self.recipe.batch_size),
                    "pixels": picture.height * picture.width,
                    "shared": stage.shared,
                }
            )
        self.run.write_event(
            "run-started", folds=self.folds, labels=self.labels, devices=devices, stages=stages, fingerprint=mark
        )


def work(run: Run, devices: tuple[str, ...] = ("cpu",)) -> None:
    """Train the run's folds that are not done yet, one after the other on each device, and write what comes of them."""
    run.mend_events()
    training = Training(run)
    training.begin(devices)
    write_bytes(run.folder / ".reserve", RESERVE)
    went_on = not training.has_shared or _train_fold(training, SHARED_FOLD, devices[0])
    if went_on and len(devices) == 1:
        went_on = all(_train_fold(training, fold, devices[0]) for fold in training.folds)
    elif went_on:
        went_on = _in_lanes(training, devices)
    run.write_status("finished" if went_on else "stopped")


def _in_lanes(training: Training, devices: tuple[str, ...]) -> bool:
    """A worker a device, its share of the folds each; False if they were stopped."""
    run = training.run
    for old in run.folder.glob(".lane-*"):
        old.unlink()
    command = [
        sys.executable,
        "-m",
        "audiotag.training.worker",
        str(run.folder),
        "--parent",
        str(os.getpid()),
        "--lane",
    ]
    cores = max(1, (psutil.cpu_count() or 1) // len(devices))
    threads = {"OMP_NUM_THREADS": str(cores)} if set(devices) == {"cpu"} else {}
    lanes = [subprocess.Popen([*command, str(lane)], env=os.environ | threads) for lane in range(len(devices))]
    codes = [lane.wait() for lane in lanes]
    if any(codes):
        reason = next((path.read_text(encoding="utf-8") for path in sorted(run.folder.glob(".lane-*"))), "")
        raise AudiotagError(reason or "the worker of a device ended without a word; see the log, then resume the run.")
    return set(training.folds) <= set(run.finished_folds())


def work_in_lane(run: Run, lane: int, parent: psutil.Process) -> None:
    """One device's share of the folds; ends with the worker that started it."""
    training = Training(run)
    devices = check_device(training.settings.device)
    for fold in training.folds[lane :: len(devices)]:
        if not _lives(parent) or not _train_fold(training, fold, devices[lane], parent):
            return


def _train_fold(training: Training, fold: int, device: str, parent: psutil.Process | None = None) -> bool:
    """Train a fold through its stages, from where it was; False if it was stopped before its end."""
    from audiotag.training.backend.learner import FoldTrainer
    from audiotag.training.checkpoints import load_checkpoint, remove_checkpoint, save_checkpoint
    from audiotag.training.progress import FoldSplit

    run, folder = training.run, training.run.fold_folder(fold)
    is_shared = fold == SHARED_FOLD
    stages = [(number, stage) for number, stage in training.stages if stage.shared == is_shared]
    told = {(event["event"], event.get("fold")) for event in run.events()}
    if ("shared-finished" if is_shared else "fold-finished", fold) in told:
        if not is_shared:
            remove_checkpoint(folder)  # a kill may have left it
        return True
    kept = load_checkpoint(folder)
    trainer = FoldTrainer(training.recipe, training.labels, fold, device)
    at_stage, done, best = stages[0][0], 0, -1.0
    if kept is not None:
        trainer.restore(kept["state"])
        at_stage, done, best = kept["stage"], kept["epoch"], kept["best"]
        written = {(e["fold"], e["stage"], e["epoch"]) for e in run.events() if e["event"] == "epoch"}
        if (fold, at_stage, done) not in written:  # killed between the two
            run.write_event("epoch", **kept["event"])
        print(f"fold {fold} goes on after epoch {done} of stage {at_stage + 1}", flush=True)
    else:
        run.write_event("fold-started", fold=fold)
        shared = None if is_shared else load_checkpoint(run.fold_folder(SHARED_FOLD))
        if shared is not None:
            trainer.restore(shared["state"])

    last_stage = stages[-1][0]
    for number, stage in stages:
        if number < at_stage:
            continue
        subset = training.subsets[stage.subset]
        curated = training.subsets.get("curated") if stage.subset == "noisy" and not is_shared else None
        train = subset.train(fold)
        if stage.agreed and "noisy" in training.subsets:
            train = train + _agreed(training, fold, number, stage, trainer)
        split = FoldSplit(train, subset.held_out(fold), curated.held_out(fold) if curated else None)

        def on_epoch(epoch: EpochResult, state: dict[str, Any], number: int = number, stage: Stage = stage) -> None:
            nonlocal best
            event = {"fold": fold, "stage": number, "subset": stage.subset, **vars(epoch)}
            if number == last_stage and epoch.lwlrap > best:
                best = epoch.lwlrap
                _save_weights(trainer, folder / "best.safetensors")
            # The checkpoint first: an epoch that is told of can be gone on from.
            save_checkpoint(
                folder, {"stage": number, "epoch": epoch.epoch, "best": best, "event": event, "state": state}
            )
            run.write_event("epoch", **event)
            print(
                f"fold {fold}, {stage.subset}, epoch {epoch.epoch}/{stage.epochs}: lwlrap {epoch.lwlrap:.4f}, "
                f"loss {epoch.train_loss:.4f} / {epoch.valid_loss:.4f}, {epoch.seconds:.1f} s",
                flush=True,
            )

        watch = _watch(run, fold, number, stage, on_epoch, parent)
        if not trainer.train(number, stage, split, watch, done if number == at_stage else 0):
            run.clear_progress(fold)
            return False
    subset = training.subsets[stages[-1][1].subset]
    part = subset.held_out(fold)
    scores = trainer.scores(part, stages[-1][1])
    per_class, _ = lwlrap_per_class(part.targets, scores)
    if not is_shared:
        _save_fold(run, fold, trainer, [clip.name for clip in part.clips], part.targets, scores)
    run.write_event(
        "fold-finished" if not is_shared else "shared-finished",
        fold=fold,
        clips=len(part.clips),
        lwlrap=lwlrap(part.targets, scores),
        accuracy=accuracy(part.targets, scores),
        per_class=[round(float(value), 4) if value == value else None for value in per_class],
    )
    run.clear_progress(fold)
    if not is_shared:  # what the folds start from stays
        remove_checkpoint(folder)
    return True


def _agreed(training: Training, fold: int, number: int, stage: Stage, trainer: FoldTrainer) -> LabelledClips:
    """The noisy clips that the stage adds, chosen when it begins and written down: a resumed one has the same."""
    from audiotag.training.noisy_selection import agreeing_rows

    path = training.run.fold_folder(fold) / f"agreed-{number + 1}.json"
    noisy = training.subsets["noisy"].train(fold)
    names = read_json(path)
    if names is None:
        rows = agreeing_rows(trainer.scores(noisy, stage), noisy.targets, stage.agreed)
        names = [noisy.clips[row].name for row in rows]
        write_json(path, names)
        training.run.write_event("agreed", fold=fold, stage=number, clips=len(names), of=len(noisy.clips))
        print(f"fold {fold}: {len(names)} of {len(noisy.clips)} noisy clips agree and are added", flush=True)
    chosen = set(names)
    return noisy.rows([row for row, clip in enumerate(noisy.clips) if clip.name in chosen])


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _watch(
    run: Run, fold: int, number: int, stage: Stage, on_epoch: Any, parent: psutil.Process | None
) -> TrainingCallbacks:
    from audiotag.training.progress import TrainingCallbacks

    began: dict[tuple[int, bool], float] = {}

    def on_batch(epoch: int, batch: int, batches: int, loss: float, measuring: bool) -> None:
        start = began.setdefault((epoch, measuring), time.monotonic())
        left_s = (time.monotonic() - start) / batch * (batches - batch)
        run.write_progress(
            fold, subset=stage.subset, stage=number, epoch=epoch, epochs=stage.epochs, batch=batch, batches=batches,
            loss=loss, phase="measuring" if measuring else "training", seconds_left_in_epoch=round(left_s, 1),
        )  # fmt: skip

    def must_stop() -> bool:
        return (run.folder / "stop").exists() or (parent is not None and not _lives(parent))

    return TrainingCallbacks(on_epoch, on_batch, must_stop)


def _save_fold(run: Run, fold: int, trainer: FoldTrainer, names: list[str], targets: Any, scores: Any) -> None:
    from safetensors.numpy import save as save_arrays

    folder = run.fold_folder(fold)
    write_json(folder / "clips.json", names)
    write_bytes(folder / "scores.safetensors", save_arrays({"scores": scores, "targets": targets}))
    _save_weights(trainer, folder / "weights.safetensors")


def _save_weights(trainer: FoldTrainer, path: Path) -> None:
    import torch
    from safetensors.torch import save as save_tensors

    weights = trainer.recipe.network.for_inference(trainer.network).state_dict()
    tensors = {
        name: weight.detach().to("cpu", memory_format=torch.contiguous_format) for name, weight in weights.items()
    }
    write_bytes(path, save_tensors(tensors))


def reason_of(error: BaseException) -> str:
    """What went wrong and what to do, as a sentence for the page."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, AudiotagError):
        return text
    if isinstance(error, FloatingPointError):
        return f"The training diverged: {text}"
    out_of_memory = isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text
    if out_of_memory:
        return "Memory ran out; use a smaller batch_size, picture or network, or close what else needs the device."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full; make room, then resume the run: it goes on from its last epoch."
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} is gone; bring it back, then resume the run."
    return f"{type(error).__name__}: {text}"


def main() -> None:
    """Run the folder given; whatever goes wrong is written there as a sentence, the traceback in the log."""
    parser = argparse.ArgumentParser(prog="audiotag.training.worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lane", type=int, default=0)
    parser.add_argument("--parent", type=int)
    options = parser.parse_args()
    run = Run(options.folder)
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # as `devices` counts them; torch is not imported yet
    if hasattr(os, "nice"):
        os.nice(5)  # the page that watches stays quick
    try:
        if options.parent is not None:
            work_in_lane(run, options.lane, psutil.Process(options.parent))
            return
        me = psutil.Process()
        run.write_process(me.pid, me.create_time())
        devices = check_device(run.settings().device)
        with wait_for_device(run, devices) as is_ours:
            if is_ours:
                work(run, devices)
            else:
                run.write_status("stopped")
    except BaseException as error:
        reason = reason_of(error)
        if not isinstance(error, AudiotagError):
            traceback.print_exc()
        if options.parent is not None:
            write_bytes(run.folder / f".lane-{options.lane}", reason.encode())
            sys.exit(1)
        print(reason, flush=True)
        (run.folder / ".reserve").unlink(missing_ok=True)
        run.write_status("failed", reason)
        if not isinstance(error, AudiotagError):
            sys.exit(1)


if __name__ == "__main__":
    main()
