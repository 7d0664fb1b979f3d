"""The worker of a run: ``python -m audiotag.training.worker RUN_FOLDER``, detached from whoever started it."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

from audiotag.data.dataset import Dataset
from audiotag.data.remembered import open_remembered
from audiotag.errors import AudiotagError
from audiotag.metrics import accuracy, lwlrap, multi_hot
from audiotag.training.folds import assign_folds, available_folds, check_folds
from audiotag.training.pictures import Clip, prepare_clips
from audiotag.training.recipe import Stage
from audiotag.training.runs import Run
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.training.learner import Epoch, FoldTrainer, Split, Watch


class Subset:
    """The usable clips of one subset, their targets and folds."""

    def __init__(self, dataset: Dataset, name: str, run: Run, held_out: int | None) -> None:
        recipe = run.settings().recipe
        rows = dataset.subset(name)
        if held_out is not None:
            rows = rows[rows["fold"] != held_out].reset_index(drop=True)
        prepared, problems = prepare_clips(rows, recipe.spectrogram)
        for problem in problems:
            print(f"left out: {problem.reason}", flush=True)
        usable = [clip is not None for clip in prepared]
        rows = rows[usable].reset_index(drop=True)
        self.clips: list[Clip] = [clip for clip in prepared if clip is not None]
        self.targets = multi_hot(list(rows["labels"]), dataset.labels)
        self.folds = assign_folds(rows, dataset.labels, recipe)

    def split(self, fold: int) -> Split:
        """Train and validation clips of a fold."""
        from audiotag.training.learner import Split

        out = self.folds == fold
        return Split(
            [clip for clip, is_out in zip(self.clips, out, strict=True) if not is_out],
            self.targets[~out],
            [clip for clip, is_out in zip(self.clips, out, strict=True) if is_out],
            self.targets[out],
        )


def work(run: Run) -> None:
    """Train the run's folds, one after the other, and write what comes of them."""
    settings = run.settings()
    recipe = settings.recipe
    dataset = open_remembered(Path(settings.dataset), Workspace())
    stages = [(number, stage) for number, stage in enumerate(recipe.stages) if stage.subset in dataset.subsets]
    if not stages:
        wanted = ", ".join(dict.fromkeys(stage.subset for stage in recipe.stages))
        raise AudiotagError(f"recipe {recipe.name} trains on {wanted} clips, {dataset.name} has none; choose another.")
    check_folds(dataset, recipe, settings.folds, settings.held_out)
    subsets: dict[str, Subset] = {
        name: Subset(dataset, name, run, settings.held_out) for name in dict.fromkeys(s.subset for _, s in stages)
    }
    folds = settings.folds or available_folds(dataset, recipe, settings.held_out)
    for name, subset in subsets.items():
        for fold in folds:
            if not 0 < np.count_nonzero(subset.folds == fold) < len(subset.folds):
                raise AudiotagError(
                    f"fold {fold} must hold out some of the {len(subset.folds)} {name} clips and train on others; "
                    "use other folds, or hold out fewer."
                )
    run.write_event(
        "run-started",
        folds=folds,
        labels=dataset.labels,
        stages=[
            {"stage": number, "subset": s.subset, "epochs": s.epochs, "clips": len(subsets[s.subset].clips)}
            for number, s in stages
        ],
    )
    for fold in folds:
        if not _train_fold(run, fold, stages, subsets, dataset.labels):
            run.write_status("stopped")
            return
    run.write_status("finished")


def _train_fold(
    run: Run, fold: int, stages: list[tuple[int, Stage]], subsets: dict[str, Subset], labels: tuple[str, ...]
) -> bool:
    from audiotag.training.learner import FoldTrainer

    run.write_event("fold-started", fold=fold)
    trainer = FoldTrainer(run.settings().recipe, labels, fold)
    for number, stage in stages:
        split = subsets[stage.subset].split(fold)
        if not trainer.train(number, stage, split, _watch(run, fold, number, stage)):
            return False
    scores = trainer.scores(split.valid)
    _save_fold(run, fold, trainer, split, scores)
    run.write_event(
        "fold-finished",
        fold=fold,
        clips=len(split.valid),
        lwlrap=lwlrap(split.valid_targets, scores),
        accuracy=accuracy(split.valid_targets, scores),
    )
    return True


def _watch(run: Run, fold: int, number: int, stage: Stage) -> Watch:
    from audiotag.training.learner import Watch

    epochs_done = 0

    def on_epoch(epoch: Epoch) -> None:
        nonlocal epochs_done
        epochs_done = epoch.epoch
        run.write_event("epoch", fold=fold, stage=number, subset=stage.subset, **vars(epoch))
        print(
            f"fold {fold}, {stage.subset}, epoch {epoch.epoch}/{stage.epochs}: "
            f"lwlrap {epoch.lwlrap:.4f}, loss {epoch.train_loss:.4f} / {epoch.valid_loss:.4f}, {epoch.seconds:.1f} s",
            flush=True,
        )

    def on_batch(batch: int, batches: int, loss: float) -> None:
        run.write_progress(
            fold=fold, subset=stage.subset, epoch=epochs_done + 1, epochs=stage.epochs, batch=batch, batches=batches,
            loss=loss,
        )  # fmt: skip

    return Watch(on_epoch, on_batch, (run.folder / "stop").exists)


def _save_fold(run: Run, fold: int, trainer: FoldTrainer, split: Split, scores: np.ndarray) -> None:
    import torch
    from safetensors.numpy import save as save_arrays
    from safetensors.torch import save as save_tensors

    from audiotag.networks import fold_spectral_norm
    from audiotag.workspace import write_bytes, write_json

    folder = run.fold_folder(fold)
    weights = fold_spectral_norm(trainer.network).state_dict()
    tensors = {
        name: weight.detach().to("cpu", memory_format=torch.contiguous_format) for name, weight in weights.items()
    }
    write_json(folder / "clips.json", [clip.name for clip in split.valid])
    write_bytes(folder / "scores.safetensors", save_arrays({"scores": scores, "targets": split.valid_targets}))
    write_bytes(folder / "weights.safetensors", save_tensors(tensors))


def main() -> None:
    """Run the folder given; whatever goes wrong is written there as a sentence, the traceback in the log."""
    run = Run(Path(sys.argv[1]))
    me = psutil.Process()
    run.write_process(me.pid, me.create_time())
    if hasattr(os, "nice"):
        os.nice(5)  # the page that watches stays quick
    try:
        work(run)
    except AudiotagError as error:
        print(error, flush=True)
        run.write_status("failed", str(error))
    except MemoryError:
        traceback.print_exc()
        run.write_status("failed", "Memory ran out; use a smaller batch_size or network.")
    except Exception as error:
        traceback.print_exc()
        run.write_status("failed", f"{type(error).__name__}: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
