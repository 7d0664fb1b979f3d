"""Measure the accuracy on real recordings.

``python benchmarks/esc10.py [FOLDER] --recipes default --folds 1,2,3,4,5 --seeds 42``

ESC-10 (Piczak 2015): 400 field recordings of five seconds, ten classes, five official folds that share no recording.
Each fold of each recipe and seed is a run of its own, trained on the other four folds; after an interruption the same
command resumes it after its last epoch. Its figures are those of the last epoch, never of the best, and are appended to
``results/esc10.jsonl``:

- ``lwlrap`` and ``accuracy`` of the middle crops of the held-out clips, as a published ensemble scores them;
- ``augmented``: the same figures of clips cropped at random and masked, if the recipe measures its epochs so, as the
  published method does;
- the seconds of its epochs, the size of the network inputs, the number of weights.

``--table`` prints the newest settings of each recipe, for docs/accuracy.md. Settings are tuned elsewhere: on folds 2 to
5 alone, each held out in turn, and with noisy.py.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accuracy_results import RESULTS, is_recorded, parser_of, read_results, record, seconds_of

from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_blocking import train_run
from audiotag.training.run_progress import plan_of
from audiotag.training.runs import RunSettings
from audiotag.workspace import Workspace

ESC10 = Path(__file__).parents[2] / "shared" / "data" / "esc10"
FILE = RESULTS / "esc10.jsonl"
FOLDS = (1, 2, 3, 4, 5)
OLD_KEYS = {"picture": "network_input"}  # keys of results that audiotag 0.1 recorded, and what they are now


def main() -> None:
    """Train and score each combination that is not recorded yet."""
    parser = parser_of(__doc__, ESC10)
    parser.add_argument("--recipes", default="default", help="names or .toml files, separated by commas")
    parser.add_argument("--folds", default="1,2,3,4,5")
    parser.add_argument("--seeds", default="42")
    options = parser.parse_args()
    if options.table:
        print(table(read_results(FILE)))
        return
    if not options.folder.is_dir():
        sys.exit(f"{options.folder} is not a folder; give the folder of ESC-10.")
    folds, seeds = ([int(part) for part in text.split(",")] for text in (options.folds, options.seeds))
    recipes = [load_recipe(name) for name in options.recipes.split(",")]
    for seed in seeds:
        for fold in folds:  # recipes alternate, so that their times can be compared
            for recipe in recipes:
                train_and_record_fold(options.folder, replace(recipe, seed=seed), fold)


def train_and_record_fold(folder: Path, recipe: Recipe, fold: int) -> None:
    """Train one fold and record its figures, unless they are recorded already."""
    key = {"recipe": recipe.name, "settings": digest(recipe), "seed": recipe.seed, "fold": fold}
    if is_recorded(FILE, key):
        return
    run = train_run(RunSettings(str(folder.resolve()), recipe, (fold,), device="cpu"), Workspace())
    events = run.events()
    final = next(event for event in events if event["event"] == "fold-finished")
    last = [event for event in events if event["event"] == "epoch"][-1]
    plan = plan_of(events)
    assert plan is not None  # it has finished
    spectrogram, labels = recipe.final_spectrogram, len(plan["labels"])
    row: dict[str, Any] = key | {
        "clips": final["clips"],
        "lwlrap": round(final["lwlrap"], 5),
        "accuracy": round(final["accuracy"], 5),
        "seconds": round(seconds_of(run)),
        "epochs": last["epoch"],
        "network_input": f"{spectrogram.height} × {spectrogram.width}",
        "parameters": sum(weight.numel() for weight in recipe.network.build(labels, spectrogram.channels).parameters()),
    }
    if recipe.augment_held_out:
        row["augmented"] = {name: round(last[name], 5) for name in ("lwlrap", "accuracy")}
    record(FILE, row)
    print(json.dumps(row, ensure_ascii=False), flush=True)


def digest(recipe: Recipe) -> str:
    """A digest of all settings except the seed and the texts."""
    values = recipe.to_dict()
    for name in ("seed", "title", "about"):
        values.pop(name)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def table(rows: list[dict[str, Any]]) -> str:
    """Mean and standard deviation over folds, after averaging seeds, of each recipe's newest settings; in Markdown."""
    lines = [
        "| recipe | lwlrap | accuracy | folds 1–5, lwlrap (accuracy) | seconds per fold | threads | network input "
        "| weights |",
        "|---|---|---|---|---|---|---|---|",
    ]
    frame = pd.DataFrame([{OLD_KEYS.get(key, key): value for key, value in row.items()} for row in rows])
    for name in dict.fromkeys(frame["recipe"]):
        newest = frame[frame["recipe"] == name]
        newest = newest[newest["settings"] == newest["settings"].iloc[-1]]
        by_fold = newest.groupby("fold")[["lwlrap", "accuracy", "seconds"]].mean()
        each = ", ".join(f"{row.lwlrap:.3f} ({row.accuracy:.3f})" for row in by_fold.itertuples())
        spread = by_fold.std(ddof=1) if len(by_fold) > 1 else by_fold.iloc[0] * np.nan
        last = newest.iloc[-1]
        lines.append(
            f"| `{name}` | {by_fold.lwlrap.mean():.4f} ± {spread.lwlrap:.3f} | {by_fold.accuracy.mean():.4f} ± "
            f"{spread.accuracy:.3f} | {each} | {by_fold.seconds.mean():.0f} | {last.threads} | {last.network_input} | "
            f"{last.parameters / 1e6:.1f} M |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
