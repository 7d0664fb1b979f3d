"""Try settings where they may be tuned: ``python benchmarks/trials.py SET --recipes default,new.toml --seeds 1,2``.

Nothing here sees a clip that the reported figure of its fold is from:

- ``esc10``: folds 2, 3, 4 and 5 of ESC-10, each trained on the other three of them; fold 1 takes no part;
- ``kitchen20``: inside the training part of fold 1 and inside that of fold 2 of `kitchen20.py`. Without fold 1, fold 3
  is measured and folds 2, 4 and 5 are trained on; without fold 2, fold 4 is measured and folds 1, 3 and 5 are trained
  on. These folds keep the sources together, too.

Each of these is a run of its own, two are trained at once, and an interrupted one is resumed by the same command. The
figures of the last epoch are appended to ``results/trials.jsonl``, the scores are in ``results/trials``. Then accuracy,
lwlrap and binary cross-entropy (nats per clip and label) are printed per fold, and the differences of the recipes from
the first one on the same clips, with intervals over sources; ``--table`` prints them without training. A file that was
changed is another recipe, although it has the same name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_results import digest
from cross_validation import add_recipe_options, recipes_of, trainings_of
from esc10 import ESC10
from fold_records import Records, Split
from fold_scores import MEASURES
from fold_tables import pairs_table
from kitchen20 import KITCHEN20, with_folds
from trainings import add_training_options, train_all

from audiotag.training.recipe import Recipe

FOLDERS = {"esc10": ESC10, "kitchen20": KITCHEN20}
SPLITS = {
    "esc10": (Split(2, 1), Split(3, 1), Split(4, 1), Split(5, 1)),
    "kitchen20": (Split(3, 1), Split(4, 2)),
}
RECORDS = Records("trials")


def main() -> None:
    """Train what is not recorded yet, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=list(SPLITS), metavar="SET", help="esc10 or kitchen20")
    parser.add_argument("--folder", type=Path, help="of the dataset")
    parser.add_argument("--folds", help="measure only these, separated by commas")
    parser.add_argument("--table", action="store_true", help="print the recorded figures without training")
    add_recipe_options(parser)
    add_training_options(parser)
    parser.set_defaults(at_once=2)
    options = parser.parse_args()
    recipes, seeds = recipes_of(options), [int(seed) for seed in options.seeds.split(",")]
    wanted = {int(fold) for fold in options.folds.split(",")} if options.folds else None
    splits = [split for split in SPLITS[options.set] if wanted is None or split.fold in wanted]
    all_finished = True
    if not options.table:
        folder = options.folder or FOLDERS[options.set]
        if not folder.is_dir():
            sys.exit(f"{folder} is not a folder; give the folder of {options.set} with --folder.")
        if options.set == "kitchen20":
            folder = with_folds(folder)
        trainings = trainings_of(RECORDS, folder, recipes, seeds, splits, set=options.set)
        all_finished = train_all(trainings, options.at_once, options.limit_minutes)
    rows = {recipe.name: rows_of(options.set, recipe, seeds, splits) for recipe in recipes}
    rows = {name: of_recipe for name, of_recipe in rows.items() if of_recipe}
    if rows:
        print(figures_table(rows))
    if len(rows) > 1:
        print("\n" + pairs_table(RECORDS, rows))
    sys.exit(0 if all_finished else 1)


def rows_of(dataset: str, recipe: Recipe, seeds: Sequence[int], splits: Sequence[Split]) -> list[dict[str, Any]]:
    """The recorded results of exactly these settings, seeds and splits."""
    wanted = {"set": dataset, "recipe": recipe.name, "settings": digest(recipe)}
    keys = [split.key() | {"seed": seed} | wanted for seed in seeds for split in splits]
    return [row for row in RECORDS.rows() if any(key.items() <= row.items() for key in keys)]


def figures_table(rows: dict[str, list[dict[str, Any]]]) -> str:
    """Each measure of each recipe per fold, the mean over seeds, in Markdown."""
    splits = list(dict.fromkeys(Split(row["fold"], row["held_out"]) for each in rows.values() for row in each))
    head = " | ".join(map(str, splits))
    lines = [f"| recipe | seeds | measure | {head} | mean | seconds |", "|---|---|---|" + "---|" * (len(splits) + 2)]
    for name, each in rows.items():
        seeds = ", ".join(str(seed) for seed in sorted({row["seed"] for row in each}))
        for measure in MEASURES:
            means = [
                np.mean([row[measure] for row in each if row.items() >= split.key().items()] or [np.nan])
                for split in splits
            ]
            cells = " | ".join(f"{value:.4f}" for value in (*means, np.mean(means)))
            seconds = np.mean([row["seconds"] for row in each])
            lines.append(f"| `{name}` | {seeds} | {measure} | {cells} | {seconds:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
