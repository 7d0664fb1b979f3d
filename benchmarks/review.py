"""Measure whether doubts find label errors: ``python benchmarks/review.py --sets starter --shares 10 --seeds 1,2,3``.

Known errors are put into the labels of a dataset (review_sets.py), five folds are trained on these labels, and their
out-of-fold scores rank all pairs of clip and label, and all clips, by how doubtful they are:

- ours: as the Review page lists them (`audiotag.review.ranking`), those that it does not list behind the others
- cleanlab: its default multi-label quality, without adjustment; of a clip the exponential moving average of its labels
- loss: the binary cross-entropy; of a clip its mean over the labels
- lwlrap (clips only): the clip's own lwlrap
- random: the expected value

An interrupted training is resumed by the same command. Figures are appended to ``results/review.jsonl``; ``--table``
prints them. Nothing about the ranking was chosen on these sets: that was done on starter sounds that another seed
renders, ``--sets starter-7``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accuracy_results import RESULTS, digest, is_recorded, read_results, record, seconds_of
from esc10 import ESC10
from review_measures import area_under_roc, precision_at, recall_at
from review_sets import true_labels, write_set

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.metrics import lwlrap, multi_hot
from audiotag.review.label_quality import clip_lwlrap
from audiotag.review.ranking import find_doubts, pair_quality
from audiotag.review.scored_clips import ScoredClips, match_scores
from audiotag.starter.render import render_starter
from audiotag.training.held_out import HeldOutScores, read_held_out
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_blocking import train_run
from audiotag.training.runs import Run, RunSettings
from audiotag.workspace import Workspace

FILE = RESULTS / "review.jsonl"
RECIPE = Path(__file__).parent / "review.toml"
KITCHEN20 = ESC10.parent / "kitchen20"
COUNTS = (10, 25, 50, 100)
EPOCHS = {"kitchen20": 0.4}  # of the recipe's, because it has more clips


def main() -> None:
    """Make the sets, train and rank each combination that is not recorded yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="starter", help="starter, starter-SEED, starter-noisy, esc10, kitchen20")
    parser.add_argument("--shares", default="5,10,20", help="of clips with an error, in per cent")
    parser.add_argument("--seeds", default="1,2,3", help="of errors, folds and training")
    parser.add_argument("--recipe", default=str(RECIPE), help="name or .toml file")
    parser.add_argument("--table", action="store_true", help="print the recorded figures without training")
    options = parser.parse_args()
    if options.table:
        print(table(read_results(FILE)))
        return
    for name in options.sets.split(","):
        for seed in map(int, options.seeds.split(",")):
            for share in map(int, options.shares.split(",")):
                rank_and_record(name, share, seed, options.recipe)


def rank_and_record(name: str, share: int, seed: int, recipe_name: str) -> None:
    """Train on a set with errors and record how well they are found, unless that is recorded already."""
    recipe = recipe_of(name, seed, recipe_name)
    key = {"part": "ranking", "set": name, "share": share, "seed": seed, "settings": digest(recipe)}
    if is_recorded(FILE, key):
        return
    folder = make_set(name, share, seed, recipe)
    run = train(folder, recipe)
    subset = "noisy" if name.endswith("noisy") else "curated"
    row: dict[str, Any] = key | {"seconds": round(seconds_of(run))} | figures(folder, run, subset)
    record(FILE, row)
    print(json.dumps(row), flush=True)


def recipe_of(name: str, seed: int, recipe_name: str) -> Recipe:
    """The recipe for a set; without its noisy stages where the set has no noisy clips."""
    recipe = replace(load_recipe(recipe_name), seed=seed)
    stages = [stage for stage in recipe.stages if name.endswith("noisy") or stage.subset != "noisy"]
    share = EPOCHS.get(name, 1.0)
    return replace(recipe, stages=tuple(replace(s, epochs=max(1, round(share * s.epochs))) for s in stages))


def make_set(name: str, share: int, seed: int, recipe: Recipe) -> Path:
    """The folder of a set; its sounds are rendered if they are not there."""
    home = Workspace().root / "review-benchmark"
    source = {"esc10": ESC10, "kitchen20": KITCHEN20}.get(name)
    if source is None:
        render_seed = int(name.removeprefix("starter-")) if name not in ("starter", "starter-noisy") else 2019
        source = render_starter(home / f"starter-{render_seed}", render_seed)
    return write_set(source, home / f"{name}-{share}-{seed}", share / 100, seed, recipe, name.endswith("noisy"))


def train(folder: Path, recipe: Recipe, corrected: bool = False) -> Run:
    """The finished run of all folds on a set."""
    settings = RunSettings(str(folder.resolve()), recipe, device="cpu", corrected=corrected)
    return train_run(settings, Workspace())


def figures(folder: Path, run: Run, subset: str) -> dict[str, Any]:
    """How well each ranking finds the errors of a subset, and how well the folds score its right labels."""
    dataset, held_out = open_dataset(folder), read_held_out(run)
    scored = match_scores(dataset, held_out)
    truth = truth_of(folder, scored)
    rows = np.array([name == subset for name in scored.subsets])
    given, right, scores = scored.given[rows], truth[rows], scored.scores[rows]
    is_error = (given != right).astype(int)
    pairs, clips = suspicions(dataset, held_out, scored, rows)
    of_clips = is_error.max(axis=1)
    is_listed = pairs["ours"] > 0  # see `suspicions`
    return {
        "lwlrap": round(lwlrap(right, scores), 4),
        "listed": describe_list(is_error, is_listed),
        "pairs": describe(is_error.ravel(), {name: values.ravel() for name, values in pairs.items()}),
        "clips": describe(of_clips, clips),
    }


def describe_list(is_error: np.ndarray, is_listed: np.ndarray) -> dict[str, Any]:
    """How long the list of doubts is, and which share of it has errors, and of the errors is in it."""
    described: dict[str, Any] = {}
    for level, errors, listed in (
        ("pairs", is_error, is_listed),
        ("clips", is_error.max(axis=1), is_listed.max(axis=1)),
    ):
        hits = int(errors[listed].sum())
        precision, recall = hits / max(1, int(listed.sum())), hits / max(1, int(errors.sum()))
        described[level] = {"count": int(listed.sum()), "precision": round(precision, 4), "recall": round(recall, 4)}
    return described


def truth_of(folder: Path, scored: ScoredClips) -> np.ndarray:
    """The right labels of scored clips, multi-hot."""
    by_clip = true_labels(folder)
    keys = zip(scored.subsets, scored.clips, strict=True)
    return multi_hot([tuple(set(by_clip[key]) & set(scored.labels)) for key in keys], scored.labels)


def suspicions(
    dataset: Dataset, held_out: HeldOutScores, scored: ScoredClips, rows: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """How doubtful each ranking finds the pairs, and the clips, of these rows; the highest is the most doubtful."""
    from cleanlab.multilabel_classification import get_label_quality_scores
    from cleanlab.multilabel_classification.rank import get_label_quality_scores_per_class

    given, scores = scored.given[rows], scored.scores[rows]
    position = {key: n for n, key in enumerate(zip(scored.subsets, scored.clips, strict=True))}
    ours = -pair_quality(scored)
    for doubt in find_doubts(dataset, held_out):
        row, label = position[doubt.subset, doubt.clip], scored.labels.index(doubt.label)
        ours[row, label] += 2  # above 0, and so before those that are not listed
    ours = ours[rows]
    lists = [np.flatnonzero(row).tolist() for row in given]
    probability = np.clip(np.where(given > 0, scores, 1 - scores), 1e-7, 1)
    pairs = {
        "ours": ours,
        "cleanlab": -np.asarray(get_label_quality_scores_per_class(lists, scores)),
        "loss": -np.log(probability),
    }
    clips = {
        "ours": ours.max(axis=1),
        "cleanlab": -get_label_quality_scores(lists, scores),
        "loss": pairs["loss"].mean(axis=1),
        "lwlrap": -np.nan_to_num(clip_lwlrap(given, scores), nan=1.0),
    }
    return pairs, clips


def describe(is_error: np.ndarray, rankings: dict[str, np.ndarray]) -> dict[str, Any]:
    """Counts, and precision, recall and area under the ROC curve of each ranking."""
    errors, items = int(is_error.sum()), len(is_error)
    share = errors / items
    random = {"precision": {str(k): round(share, 4) for k in COUNTS}, "recall": round(share, 4), "auc": 0.5}
    measured = {
        name: {
            "precision": {str(k): round(precision_at(is_error, suspicion, k), 4) for k in COUNTS},
            "recall": round(recall_at(is_error, suspicion, errors), 4),
            "auc": round(area_under_roc(is_error, suspicion), 4),
        }
        for name, suspicion in rankings.items()
    }
    return {"items": items, "errors": errors, **measured, "random": random}


def table(rows: list[dict[str, Any]]) -> str:
    """Mean over seeds of each set, share, level and ranking, with the newest settings, in Markdown."""
    lines = [
        "| set | clips with an error | level | ranking | precision at 10 / 25 / 50 / 100 | recall | area under ROC |",
        "|---|---|---|---|---|---|---|",
    ]
    lists = [
        "| set | clips with an error | seeds | lwlrap | pairs listed | precision | recall | clips listed | precision "
        "| recall |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    frame = pd.DataFrame([row for row in rows if row["part"] == "ranking"])
    for _, of_set in frame.groupby(["set", "share"], sort=False):
        newest = of_set[of_set["settings"] == of_set["settings"].iloc[-1]]
        name, clips = newest["set"].iloc[-1], newest["clips"].iloc[-1]
        errors = f"{clips['errors']} of {clips['items']}"
        for level in ("pairs", "clips"):
            found = newest[level].tolist()
            for ranking in [key for key in found[0] if key not in ("items", "errors")]:
                each = [of_seed[ranking] for of_seed in found]
                precision = " / ".join(f"{np.mean([e['precision'][str(k)] for e in each]):.2f}" for k in COUNTS)
                recall, auc = (f"{np.mean([e[figure] for e in each]):.3f}" for figure in ("recall", "auc"))
                lines.append(f"| {name} | {errors} | {level} | {ranking} | {precision} | {recall} | {auc} |")
        cells = []
        for level in ("pairs", "clips"):
            means = pd.DataFrame([of_seed[level] for of_seed in newest["listed"]]).mean()
            cells.append(f"{means['count']:.0f} | {means['precision']:.2f} | {means['recall']:.2f}")
        lists.append(f"| {name} | {errors} | {len(newest)} | {newest['lwlrap'].mean():.3f} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *lists])


if __name__ == "__main__":
    main()
