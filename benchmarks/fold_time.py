"""What a fold of each recipe costs on ESC-10: ``python benchmarks/fold_time.py [FOLDER]``.

Trains fold 1 by ``default`` and by the published method in one stage (capstone-single.toml), a few epochs of each by
turns in one run on all cores, held-out clips and a checkpoint after each epoch included. A fold's seconds are the
median epoch's, the first of each round left out as it computes what is kept, times the recipe's epochs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
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
from audiotag.training.recipe import Recipe, load_recipe

OURS, THEIRS = "default", str(Path(__file__).with_name("capstone-single.toml"))
EPOCHS = {OURS: 16, THEIRS: 2}  # of a round: about as long
FOLD = 1


def main() -> None:
    """Train by turns and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=ESC10, help="of ESC-10")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, {precision_of(torch.device('cpu'))}", flush=True)
    recipes = {name: load_recipe(name) for name in EPOCHS}
    took: dict[str, list[float]] = {name: [] for name in EPOCHS}
    for number in range(options.rounds):
        for name, recipe in recipes.items():
            took[name] += epochs_of(recipe, EPOCHS[name], options.folder)[1:]
            print(f"round {number + 1}, {recipe.title}: {np.median(took[name]):.2f} s an epoch", flush=True)
    fold = {name: float(np.median(took[name])) * recipe.stages[-1].epochs for name, recipe in recipes.items()}
    for name, recipe in recipes.items():
        print(f"{recipe.title}: {recipe.stages[-1].epochs} epochs, {fold[name]:.0f} s a fold")
    print(f"default over the published method: {fold[OURS] / fold[THEIRS]:.2f}")


def epochs_of(recipe: Recipe, epochs: int, folder: Path) -> list[float]:
    """Wall seconds of so many epochs from the first on, each with its checkpoint."""
    dataset = open_dataset(folder)
    clips = dataset.subset("curated")
    prepared, problems = prepare_clips(clips, recipe.spectrogram)
    if problems:
        sys.exit(f"{len(problems)} of its clips cannot be used: {problems[0].reason}")
    whole = LabelledClips([clip for clip in prepared if clip], multi_hot(list(clips["labels"]), dataset.labels))
    held_out = (clips["fold"] == FOLD).to_numpy()
    split = FoldSplit(whole.rows(np.flatnonzero(~held_out)), whole.rows(np.flatnonzero(held_out)))
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as kept:

        def on_epoch(epoch: EpochResult, state: dict[str, Any]) -> None:
            save_checkpoint(Path(kept), {"state": state})
            ends.append(time.perf_counter())

        trainer = FoldTrainer(recipe, dataset.labels, FOLD, "cpu")
        began = time.perf_counter()
        stage = replace(recipe.stages[-1], epochs=epochs)
        trainer.train(0, stage, split, TrainingCallbacks(on_epoch, lambda *_: None, lambda: False))
    return np.diff([began, *ends]).tolist()


if __name__ == "__main__":
    main()
