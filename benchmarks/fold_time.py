"""Measure the training time of one fold of each recipe on ESC-10: ``python benchmarks/fold_time.py [FOLDER]``.

Trains fold 1 with ``default`` and with the published method in one stage (capstone-single.toml), a few epochs of each
alternately in one run on all cores, including the measurement and a checkpoint after each epoch. The seconds of a fold
are the median epoch of each curated stage (without the first of each round, which fills the cache of frames) times the
epochs of the stage.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from esc10 import ESC10

from audiotag.data.layouts import open_dataset
from audiotag.metrics import multi_hot
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.backend.precision import precision_of
from audiotag.training.checkpoints import save_checkpoint
from audiotag.training.clips import LabelledClips, prepare_clips
from audiotag.training.progress import EpochResult, FoldSplit, TrainingCallbacks
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.stage import Stage

OURS, THEIRS = "default", str(Path(__file__).with_name("capstone-single.toml"))
PASSES = {OURS: 16, THEIRS: 2}  # over the clips per round and stage; they take about as long
FOLD = 1


def main() -> None:
    """Train the recipes alternately and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=ESC10, help="folder of ESC-10")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, {precision_of(torch.device('cpu'))}", flush=True)
    recipes = {name: load_recipe(name) for name in PASSES}
    stages = {name: [stage for stage in recipe.stages if stage.subset == "curated"] for name, recipe in recipes.items()}
    seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
    for number in range(options.rounds):
        for name, recipe in recipes.items():
            for place, stage in enumerate(stages[name]):
                seconds[name, place] += time_epochs(recipe, stage, PASSES[name], options.folder)[1:]
                median = np.median(seconds[name, place])
                print(f"round {number + 1}, {recipe.title}, stage {place + 1}: {median:.2f} s per epoch", flush=True)
    fold_s = {}
    for name, recipe in recipes.items():
        each_s = [stage.epochs * float(np.median(seconds[name, place])) for place, stage in enumerate(stages[name])]
        fold_s[name] = sum(each_s)
        epochs = " + ".join(str(stage.epochs) for stage in stages[name])
        print(f"{recipe.title}: {epochs} epochs, {fold_s[name]:.0f} s per fold")
    print(f"default relative to the published method: {fold_s[OURS] / fold_s[THEIRS]:.2f}")


def time_epochs(recipe: Recipe, stage: Stage, passes: int, folder: Path) -> list[float]:
    """Seconds of wall time of each epoch of a stage, with its checkpoint, for about so many passes over the clips."""
    dataset = open_dataset(folder)
    clips = dataset.subset("curated")
    prepared, problems = prepare_clips(clips, recipe.spectrogram)
    if problems:
        sys.exit(f"{len(problems)} of the clips cannot be used: {problems[0].reason}")
    whole = LabelledClips([clip for clip in prepared if clip], multi_hot(list(clips["labels"]), dataset.labels))
    held_out = (clips["fold"] == FOLD).to_numpy()
    split = FoldSplit(whole.rows(np.flatnonzero(~held_out)), whole.rows(np.flatnonzero(held_out)))
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as checkpoints:

        def on_epoch(epoch: EpochResult, state: dict[str, Any]) -> None:
            save_checkpoint(Path(checkpoints), {"state": state})
            ends.append(time.perf_counter())

        trainer = FoldTrainer(recipe, dataset.labels, FOLD, "cpu")
        began = time.perf_counter()
        passes_per_epoch = recipe.clips_per_epoch(stage, len(split.train.clips)) / len(split.train.clips)
        timed = replace(stage, epochs=max(2, round(passes / passes_per_epoch)))
        trainer.train(0, timed, split, TrainingCallbacks(on_epoch, lambda *_: None, lambda: False))
    return np.diff([began, *ends]).tolist()


if __name__ == "__main__":
    main()
