"""Train the folds of a dataset with several recipes and seeds, record each, and compare recipes in pairs.

Shared by ``esc10.py``, ``kitchen20.py`` and ``trials.py``; `fold_tables` prints what is recorded. Each fold of each
recipe and seed is a run of its own; its figures are those of the last epoch, never of the best. They are appended to
``results/NAME.jsonl``, and the scores of the clips that the fold held out are in ``results/NAME``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from accuracy_results import digest, is_recorded, parser_of, record, seconds_of
from fold_records import Records, Split
from fold_scores import ClipScores
from fold_tables import People, folds_table, newest_settings, pairs_table, people_lines, together_lines
from trainings import Training, add_training_options, train_all

from audiotag.data.layouts import open_dataset
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_progress import plan_of
from audiotag.training.runs import Run, RunSettings


@dataclass(frozen=True)
class FoldedSet:
    """A dataset with folds.

    Attributes
    ----------
    name : str
        Of its `Records`.
    title : str
    folder : Path
        Where it is by default.
    people : People
    prepare : callable
        Gives the folder with the folds to use, from that of the dataset.
    """

    name: str
    title: str
    folder: Path
    people: People
    prepare: Callable[[Path], Path] = Path


def add_recipe_options(parser: argparse.ArgumentParser, recipes: str = "default") -> None:
    """Add the options that say what is trained."""
    parser.add_argument("--recipes", default=recipes, help="names or .toml files, separated by commas")
    parser.add_argument("--seeds", default="42", help="separated by commas")
    parser.add_argument("--epochs", type=int, help="of each stage instead of the recipe's; recorded as other settings")


def recipes_of(options: argparse.Namespace) -> list[Recipe]:
    """The recipes that the command names, without seeds."""
    recipes = [load_recipe(name) for name in options.recipes.split(",")]
    return [recipe.with_epochs((options.epochs,)) for recipe in recipes] if options.epochs else recipes


def trainings_of(
    records: Records, folder: Path, recipes: Sequence[Recipe], seeds: Sequence[int], splits: Sequence[Split], **key: Any
) -> list[Training]:
    """The trainings that are not recorded yet; recipes alternate, so that their times can be compared.

    Parameters
    ----------
    records : Records
    folder : Path
        The dataset, with folds of its own.
    recipes : sequence of Recipe
    seeds : sequence of int
    splits : sequence of Split
    **key
        What else a result says of a training.
    """
    clips = open_dataset(folder).clips
    sources = pd.Series(clips["group"].to_numpy(), index=clips["clip"])

    def training(recipe: Recipe, split: Split, row: dict[str, Any]) -> Training:
        settings = RunSettings(str(folder.resolve()), recipe, (split.fold,), split.held_out, device="cpu")
        return Training(settings, lambda run: _record_fold(records, run, row, sources))

    return [
        training(replace(recipe, seed=seed), split, row)
        for seed in seeds
        for split in splits
        for recipe in recipes
        if not is_recorded(records.file, row := _key_of(recipe, seed, split, key))
    ]


def _key_of(recipe: Recipe, seed: int, split: Split, key: dict[str, Any]) -> dict[str, Any]:
    return key | {"recipe": recipe.name, "settings": digest(recipe), "seed": seed} | split.key()


def _record_fold(records: Records, run: Run, key: dict[str, Any], sources: pd.Series) -> None:
    """Store the scores of a finished fold, then its figures."""
    recipe, events = run.settings().recipe, run.events()
    final = next(event for event in events if event["event"] == "fold-finished")
    last = [event for event in events if event["event"] == "epoch"][-1]
    plan = plan_of(events)
    assert plan is not None  # it has finished
    scores = ClipScores.of_fold(run, key["fold"], sources)
    scores.save(records.scores_path(key))
    spectrogram, labels = recipe.final_spectrogram, len(plan["labels"])
    network = recipe.network.build(labels, spectrogram.channels)
    row: dict[str, Any] = key | {
        "clips": final["clips"],
        **{name: round(value, 5) for name, value in scores.figures().items()},
        "seconds": round(seconds_of(run)),
        "epochs": last["epoch"],
        "network_input": f"{spectrogram.height} × {spectrogram.width}",
        "parameters": sum(weight.numel() for weight in network.parameters()),
    }
    if recipe.augment_held_out:
        row["augmented"] = {name: round(last[name], 5) for name in ("lwlrap", "accuracy")}
    record(records.file, row)
    print(json.dumps(row, ensure_ascii=False), flush=True)


def cross_validate(dataset: FoldedSet, about: str) -> None:
    """The command of a benchmark; ``about`` is the script's docstring."""
    parser = parser_of(about, dataset.folder, dataset.title)
    parser.add_argument("--folds", default="1,2,3,4,5")
    parser.add_argument("--pairs", action="store_true", help="compare the recipes with the first one, without training")
    add_recipe_options(parser)
    add_training_options(parser)
    options = parser.parse_args()
    records = Records(dataset.name)
    if options.table:
        rows = records.rows()
        together = together_lines(records, rows)
        print("\n".join([folds_table(rows), "", *people_lines(records, rows, dataset.people), *together]))
        return
    recipes = recipes_of(options)
    if options.pairs:
        print(pairs_table(records, {recipe.name: newest_settings(records.rows(), recipe.name) for recipe in recipes}))
        return
    if not options.folder.is_dir():
        sys.exit(f"{options.folder} is not a folder; give the folder of {dataset.title}.")
    splits = [Split(int(fold)) for fold in options.folds.split(",")]
    seeds = [int(seed) for seed in options.seeds.split(",")]
    trainings = trainings_of(records, dataset.prepare(options.folder), recipes, seeds, splits)
    sys.exit(0 if train_all(trainings, options.at_once, options.limit_minutes) else 1)
