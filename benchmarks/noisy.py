"""Measure training on several sounds per clip with wrong labels: ``python benchmarks/noisy.py [FOLDER] --seeds 1,2,3``.

This is the real task on a small scale. From the recordings of ESC-10, for each seed: 100 curated clips with exact
labels, 400 noisy clips of whose labels 40 % are wrong or missing, 200 test clips with exact labels. A clip is a mix of
two or three recordings of different classes at random levels; no recording is in more than one of the sets. ``--set
kitchen20`` makes twice as many clips from kitchen20, ``--set both`` three times as many from both datasets; ``--labels
fsd`` makes clips of one or two sounds, of which as many carry one label as in Freesound Audio Tagging 2019 (84 % of the
noisy ones). The same recipe is trained in these ways, all with about the same number of network inputs (``--inputs``):

- curated, curated-again: the curated clips alone, by two seeds
- noisy: the noisy clips alone
- noisy-curated: first the noisy, then the curated clips
- agreed: then also the curated clips and those noisy clips whose labels the network agrees with
- pools: one stage that draws curated clips with a probability of 0.8 and noisy ones with 0.2, whose loss is soft
  bootstrapping: the way of the winner of Freesound Audio Tagging 2019; ``--recipe benchmarks/noisy-argus.toml`` has his
  network and mixers
- warm-up: noisy, then curated clips, then twice also the noisy clips that networks agree with that were not trained on
  them: the way of É. Bouteillon

and scored on whole test clips with the last weights. An interrupted training is resumed by the same command. Figures
are appended to ``results/noisy.jsonl``, the scores of the test clips are in ``results/noisy``; ``--table`` prints the
figures of the set, ``--pairs`` what the ways and their blends gain over curated clips alone. A blend is the mean of
the scores of two trainings, as of one on curated and one on noisy clips; two on curated clips are what it must beat.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accuracy_results import RESULTS, digest, is_recorded, parser_of, read_results, record, seconds_of
from esc10 import ESC10
from kitchen20 import KITCHEN20
from noisy_sets import CLASSES, HELD_OUT, LABELS, OTHER_FOLDS, SETS, NoisySets, make_sets, read_recordings
from trainings import Training, add_training_options, train_all

from audiotag.data.layouts import open_dataset
from audiotag.metrics import accuracy, lwlrap, multi_hot
from audiotag.training.agreement import Agreement
from audiotag.training.losses.base import LossesByKind
from audiotag.training.losses.soft_bootstrapping import SoftBootstrapping
from audiotag.training.paired_bootstrap import sums_of
from audiotag.training.pools import Pools
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import Run, RunSettings
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace

FILE = RESULTS / "noisy.jsonl"
VERSION = 2  # the sets of 2026-11-27 and before had no recordings of their own for the held-out clips
INPUTS_OF_TEN_CLASSES = 12_000  # network inputs of each training
DRAWS_PER_CURATED_CLIP = 4  # in an epoch of the way pools
WAYS = {  # and the titles of the table
    "curated": "curated only",
    "noisy": "noisy only",
    "noisy-curated": "noisy, then curated",
    "agreed": "noisy, curated, then also the noisy clips whose labels the network agrees with",
    "pools": "one stage, 80 % curated and 20 % noisy with soft bootstrapping",
    "warm-up": "noisy, curated, then twice also the noisy clips that other networks agree with",
    "curated-again": "curated only, another seed",
}
DEFAULTS = {"set": SETS[0], "labels": LABELS[0]}  # of results that do not say them
POOLS = Pools(curated=0.8, noisy=0.2)
OWN_BLENDS = ("noisy", "noisy-curated", "pools", "warm-up", "agreed")  # each with the curated clips, of one recipe
OTHER_BLENDS = (  # of two recipes
    (("default", "curated"), ("noisy-argus", "curated")),
    (("default", "curated"), ("noisy-argus", "pools")),
    (("noisy-argus", "curated"), ("default", "pools")),
)


def main() -> None:
    """Make the sets, then train and score each combination that is not recorded yet."""
    parser = parser_of(__doc__, ESC10)
    parser.add_argument("--kitchen20", type=Path, default=KITCHEN20, metavar="FOLDER")
    parser.add_argument("--set", choices=SETS, default=SETS[0], help="recordings of which the clips are made")
    parser.add_argument(
        "--labels", choices=LABELS, default=LABELS[0], help="two or three labels per clip, or one or two"
    )
    parser.add_argument("--recipe", default="default", help="name or .toml file; its stages are replaced")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--inputs", type=int, help="network inputs of each training (default: 1,200 per class)")
    parser.add_argument("--pairs", action="store_true", help="print paired differences without training")
    add_training_options(parser)
    options = parser.parse_args()
    sets = NoisySets(options.set, options.labels)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    inputs = options.inputs or INPUTS_OF_TEN_CLASSES * CLASSES[options.set] // 10
    if options.table:
        print(table(rows_of(sets)))
        return
    if options.pairs:
        print(pairs_table(sets, seeds, inputs))
        return
    trainings = trainings_of(options, sets, seeds, inputs)
    sys.exit(0 if train_all(trainings, options.at_once, options.limit_minutes) else 1)


def trainings_of(options: argparse.Namespace, sets: NoisySets, seeds: Sequence[int], inputs: int) -> list[Training]:
    """Make the sets, and list the trainings that are not recorded yet."""
    folders = {"esc10": [options.folder], "kitchen20": [options.kitchen20]}
    for folder in folders.get(sets.recordings, [options.folder, options.kitchen20]):
        if not folder.is_dir():
            sys.exit(f"{folder} is not a folder; give the folder of ESC-10, and with --kitchen20 that of kitchen20.")
    recordings = read_recordings(sets.recordings, options.folder, options.kitchen20)
    trainings = []
    for seed in seeds:
        base = replace(load_recipe(options.recipe), seed=seed)
        make_sets(recordings, sets_folder(sets, seed), seed, sets)
        for way in options.ways.split(","):
            recipe = recipe_of(way, base, inputs, sets)
            key = key_of(way, base, recipe, inputs, sets)
            if not is_recorded(FILE, key, DEFAULTS):
                folds = (HELD_OUT, *OTHER_FOLDS) if way == "warm-up" else (HELD_OUT,)
                settings = RunSettings(str(sets_folder(sets, seed).resolve()), recipe, folds, device="cpu")
                trainings.append(Training(settings, partial(record_way, key=key, sets=sets)))
    return trainings


def sets_folder(sets: NoisySets, seed: int) -> Path:
    """The folder of the sets of a seed."""
    return Workspace().root / "noisy-benchmark-2" / sets.name / f"seed-{seed}"


def recipe_of(way: str, base: Recipe, inputs: int, sets: NoisySets) -> Recipe:
    """The recipe that trains in one way."""
    recipe = replace(base, name=f"{base.name}-{way}", stages=stages_of(way, base, inputs, sets.counts))
    if way == "pools":
        recipe = replace(recipe, losses=LossesByKind(noisy=SoftBootstrapping()))
    if way == "curated-again":
        recipe = replace(recipe, seed=recipe.seed + 1000)
    return recipe


def key_of(way: str, base: Recipe, recipe: Recipe, inputs: int, sets: NoisySets) -> dict[str, Any]:
    """What a result says of its training."""
    return {
        "sets": VERSION,
        "set": sets.recordings,
        "labels": sets.labels,
        "way": way,
        "recipe": base.name,
        "inputs": inputs,
        "settings": digest(recipe),
        "seed": base.seed,
    }


def record_way(run: Run, key: dict[str, Any], sets: NoisySets) -> None:
    """Score the test clips with a finished training, and record the figures."""
    settings = run.settings()
    truth, scores = test_scores(run, Path(settings.dataset), settings.recipe)
    stored = scores_path(sets, key["recipe"], key["way"], key["seed"], key["inputs"])
    stored.parent.mkdir(exist_ok=True)
    np.savez_compressed(stored, truth=truth.astype(bool), scores=scores.astype(np.float32))
    agreed = next((event["clips"] for event in run.events() if event["event"] == "agreed"), None)
    row = key | {
        "lwlrap": round(lwlrap(truth, scores), 5),
        "accuracy": round(accuracy(truth, scores), 5),
        "seconds": round(seconds_of(run)),
        "agreed": agreed,
    }
    record(FILE, row)
    print(json.dumps(row), flush=True)


def scores_path(sets: NoisySets, recipe: str, way: str, seed: int, inputs: int) -> Path:
    """The file with the scores of the test clips."""
    name = "-".join(filter(None, [sets.name, recipe, way, str(inputs), str(seed)]))
    return RESULTS / "noisy" / f"{name}.npz"


def rows_of(sets: NoisySets) -> list[dict[str, Any]]:
    """The results of these sets, oldest first."""
    wanted = {"sets": VERSION, "set": sets.recordings, "labels": sets.labels}
    return [row for row in (DEFAULTS | row for row in read_results(FILE)) if wanted.items() <= row.items()]


def stages_of(way: str, base: Recipe, inputs: int, counts: dict[str, int]) -> tuple[Stage, ...]:
    """Stages with about so many network inputs in all, and the learning rate and MixUp of the recipe's main stage."""
    main = replace(base.main_stage, min_clips=0)
    curated, noisy = counts["curated"], counts["noisy"]

    def stage(subset: Any, share: float, clips: int, **changes: Any) -> Stage:
        epochs = max(1, round(share * inputs / clips))
        return replace(main, subset=subset, epochs=epochs, **changes)

    if way in ("curated", "curated-again"):
        return (stage("curated", 1, curated),)
    if way == "pools":
        draws = DRAWS_PER_CURATED_CLIP * curated
        return (stage("curated", 1, draws, pools=POOLS, draws=draws),)
    if way == "warm-up":
        chosen = curated + noisy // 8  # about so many
        return (
            stage("noisy", 0.25, noisy),
            stage("curated", 0.25, curated),
            stage("curated", 0.25, chosen, agreement=Agreement((1, 2), at_least=0.5, most=5)),
            stage("curated", 0.25, chosen, agreement=Agreement((3,), at_least=1.0)),
        )
    if way == "noisy":
        return (stage("noisy", 1, noisy),)
    if way == "noisy-curated":
        return (stage("noisy", 0.5, noisy), stage("curated", 0.5, curated))
    return (
        stage("noisy", 0.25, noisy),
        stage("curated", 0.25, curated),
        stage("curated", 0.5, curated + noisy // 8, agreed=noisy),  # the network agrees with about so many
    )


def test_scores(run: Run, folder: Path, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Targets and scores of the test clips, with the run's last weights."""
    from safetensors.torch import load_file

    from audiotag.training.backend.learner import FoldTrainer
    from audiotag.training.clips import LabelledClips, prepare_clips

    dataset = open_dataset(folder)
    clips = dataset.subset("test")
    truth = multi_hot(list(clips["labels"]), dataset.labels)
    prepared, _ = prepare_clips(clips, recipe.spectrogram)
    trainer = FoldTrainer(recipe, dataset.labels, HELD_OUT, "cpu")
    network = recipe.network.for_inference(trainer.network)
    network.load_state_dict(load_file(run.fold_folder(HELD_OUT) / "weights.safetensors"))
    return truth, trainer.scores(LabelledClips([clip for clip in prepared if clip], truth), recipe.stages[-1], network)


def table(rows: list[dict[str, Any]]) -> str:
    """Mean and standard deviation over seeds of each training strategy, with the newest settings, in Markdown."""
    head = "| recipe | network inputs | training strategy | lwlrap | accuracy | each seed, lwlrap | seconds |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    frame = pd.DataFrame(rows, columns=None if rows else ["recipe", "way", "inputs"])
    for recipe, way, inputs in dict.fromkeys(zip(frame["recipe"], frame["way"], frame["inputs"], strict=True)):
        title = WAYS[way]
        newest = frame[(frame["way"] == way) & (frame["recipe"] == recipe) & (frame["inputs"] == inputs)]
        newest = newest[newest["settings"] == newest["settings"].iloc[-1]].sort_values("seed")
        each = ", ".join(f"{value:.3f}" for value in newest["lwlrap"])
        lines.append(
            f"| {recipe} | {inputs:,} | {title} | {newest.lwlrap.mean():.3f} ± {newest.lwlrap.std(ddof=1):.3f} | "
            f"{newest.accuracy.mean():.3f} ± {newest.accuracy.std(ddof=1):.3f} | {each} | {newest.seconds.mean():.0f} |"
        )
    return "\n".join(lines)


def pairs_table(sets: NoisySets, seeds: Sequence[int], inputs: int) -> str:
    """What each way, and the mean of the scores of two, gains over the curated clips alone, in Markdown.

    The intervals are over test clips of all seeds; clips of one seed share recordings, so they are a little too narrow.
    """
    head = "| compared with curated only | lwlrap | difference | 95 % interval | each seed |"
    lines = [head, "|---|---|---|---|---|"]
    recipes = list(dict.fromkeys(row["recipe"] for row in rows_of(sets)))
    singles = [((recipe, way),) for recipe in recipes for way in WAYS if way != "curated"]
    own = [((recipe, "curated"), (recipe, way)) for recipe in recipes for way in ("curated-again", *OWN_BLENDS)]
    for parts in (*singles, *own, *OTHER_BLENDS):
        ways = ("curated", "curated-again") if len(parts) > 1 else ("curated",)
        reference = tuple((parts[0][0], way) for way in ways)
        paths = [scores_path(sets, recipe, way, seed, inputs) for seed in seeds for recipe, way in (*parts, *reference)]
        if not all(path.exists() for path in paths):
            continue
        truths, scores = _mean_scores(sets, seeds, inputs, parts)
        of_reference = _mean_scores(sets, seeds, inputs, reference)[1]
        truth, first, second = (np.concatenate(each) for each in (truths, of_reference, scores))
        difference = sums_of(truth, first, second, None, np.arange(len(truth))).differences()[0]
        each_seed = ", ".join(
            f"{lwlrap(truth, after) - lwlrap(truth, before):+.3f}"
            for truth, before, after in zip(truths, of_reference, scores, strict=True)
        )
        names = " and ".join(f"{recipe}, {way}" for recipe, way in parts)
        gain = f"{difference.difference:+.3f} | {difference.low:+.3f} to {difference.high:+.3f} | {each_seed}"
        lines.append(f"| {names} | {difference.second:.3f} | {gain if parts != reference else '| |'} |")
    notes = "Blends are compared with the mean of two trainings of their first recipe on curated clips alone."
    return "\n".join([*lines, "", notes])


def _mean_scores(
    sets: NoisySets, seeds: Sequence[int], inputs: int, parts: Sequence[tuple[str, str]]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Targets of the test clips of each seed, and the mean scores of these trainings."""
    truths, means = [], []
    for seed in seeds:
        stored = [np.load(scores_path(sets, recipe, way, seed, inputs)) for recipe, way in parts]
        truths.append(stored[0]["truth"])
        means.append(np.mean([one["scores"] for one in stored], axis=0))
    return truths, means


if __name__ == "__main__":
    main()
