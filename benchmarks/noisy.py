"""Measure training on several sounds per clip with wrong labels: ``python benchmarks/noisy.py [FOLDER] --seeds 1,2,3``.

This is the real task on a small scale. From the recordings of ESC-10, for each seed: 100 curated clips with exact
labels, 400 noisy clips of whose labels 40 % are wrong or missing, 200 test clips with exact labels. A clip is a mix of
two or three recordings of different classes at random levels; no recording is in more than one of the sets. The same
recipe is trained in these ways, all with about the same number of network inputs (``--inputs``):

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
figures, ``--pairs`` what the ways and their blends gain over curated clips alone.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from accuracy_results import RESULTS, digest, is_recorded, parser_of, read_results, record, seconds_of
from esc10 import ESC10

from audiotag.audio.reading import read_sound
from audiotag.data.layouts import open_dataset
from audiotag.metrics import accuracy, lwlrap, multi_hot
from audiotag.training.agreement import Agreement
from audiotag.training.losses.base import LossesByKind
from audiotag.training.losses.soft_bootstrapping import SoftBootstrapping
from audiotag.training.paired_bootstrap import sums_of
from audiotag.training.pools import Pools
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_blocking import train_run
from audiotag.training.runs import Run, RunSettings
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace

FILE = RESULTS / "noisy.jsonl"
SETS = 2  # the sets of 2026-11-27 and before had no recordings of their own for the held-out clips
RATE = 44_100
CLIP_S = 5
CLIPS = {"curated": 100, "noisy": 400, "test": 200}
SHARES = {"curated": 0.2, "noisy": 0.4, "held-out": 0.1, "test": 0.3}  # of each class's recordings
WRONG_LABEL_SHARE = 0.4
MIN_LEVEL_DB = -12.0  # of the quieter recordings of a clip, relative to the loudest
INPUTS = 12_000  # network inputs of each training
DRAWS = 400  # of an epoch of the way pools
WAYS = {  # and the titles of the table
    "curated": "curated only",
    "noisy": "noisy only",
    "noisy-curated": "noisy, then curated",
    "agreed": "noisy, curated, then also the noisy clips whose labels the network agrees with",
    "pools": "one stage, 80 % curated and 20 % noisy with soft bootstrapping",
    "warm-up": "noisy, curated, then twice also the noisy clips that other networks agree with",
    "curated-again": "curated only, another seed",
}
HELD_OUT = 1  # the fold that is scored; measuring its epochs needs a few clips
OTHER_FOLDS = (2, 3, 4, 5)  # of the other clips; only the way warm-up trains these folds, to choose noisy clips
HELD_OUT_CLIPS = 20
POOLS = Pools(curated=0.8, noisy=0.2)
BLENDS = (  # of two ways of one recipe, or of two
    (("default", "curated"), ("default", "curated-again")),
    (("default", "curated"), ("default", "noisy-curated")),
    (("default", "curated"), ("default", "pools")),
    (("default", "curated"), ("default", "warm-up")),
    (("default", "curated"), ("noisy-argus", "curated")),
    (("default", "curated"), ("noisy-argus", "pools")),
    (("noisy-argus", "curated"), ("noisy-argus", "curated-again")),
    (("noisy-argus", "curated"), ("noisy-argus", "pools")),
    (("noisy-argus", "curated"), ("default", "pools")),
)


def main() -> None:
    """Make the sets, then train and score each combination that is not recorded yet."""
    parser = parser_of(__doc__, ESC10)
    parser.add_argument("--recipe", default="default", help="name or .toml file; its stages are replaced")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--inputs", type=int, default=INPUTS, help="network inputs of each training")
    parser.add_argument("--pairs", action="store_true", help="print paired differences without training")
    options = parser.parse_args()
    if options.table:
        print(table(read_results(FILE)))
        return
    if options.pairs:
        print(pairs_table([int(seed) for seed in options.seeds.split(",")], options.inputs))
        return
    if not options.folder.is_dir():
        sys.exit(f"{options.folder} is not a folder; give the folder of ESC-10.")
    for seed in map(int, options.seeds.split(",")):
        folder = sets_folder(seed)
        make_sets(options.folder, folder, seed)
        for way in options.ways.split(","):
            train_and_record_way(folder, way, replace(load_recipe(options.recipe), seed=seed), options.inputs)


def sets_folder(seed: int) -> Path:
    """The folder of the sets of a seed."""
    return Workspace().root / "noisy-benchmark-2" / f"seed-{seed}"


def make_sets(esc10: Path, folder: Path, seed: int) -> None:
    """Write the three sets in the layout of Freesound Audio Tagging 2019; the noisy table is written last."""
    if (folder / "train_noisy.csv").exists():
        return
    clips = open_dataset(esc10).clips
    clips["label"] = [labels[0].replace(" ", "_") for labels in clips["labels"]]
    sounds = [_at_common_level(read_sound(path, RATE).waveform) for path in clips["path"]]
    rng = np.random.default_rng((2019, seed))
    pools = _split_recordings(clips, rng)
    rows: dict[str, list[tuple[str, str, int]]] = {"test": [], "train_curated": [], "train_noisy": []}
    wanted = [
        ("test", "test", (HELD_OUT,), CLIPS["test"]),
        ("curated", "train_curated", OTHER_FOLDS, CLIPS["curated"]),
        ("held-out", "train_curated", (HELD_OUT,), HELD_OUT_CLIPS),
        ("noisy", "train_noisy", OTHER_FOLDS, CLIPS["noisy"]),
        ("held-out", "train_noisy", (HELD_OUT,), HELD_OUT_CLIPS),
    ]
    for pool, subset, folds, count in wanted:
        (folder / subset).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            waveform, labels = _mix(pools[pool], clips["label"].to_numpy(), sounds, rng)
            if subset == "train_noisy":
                labels = _corrupt_labels(labels, sorted(set(clips["label"])), rng)
            name = f"{pool}-{number:03}.wav"
            soundfile.write(folder / subset / name, waveform, RATE)
            rows[subset].append((name, ",".join(labels), folds[number % len(folds)]))
    for subset, lines in rows.items():
        table = "test_truth.csv" if subset == "test" else f"{subset}.csv"
        with (folder / table).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("fname", "labels", "fold"), *lines])


def train_and_record_way(folder: Path, way: str, base: Recipe, inputs: int) -> None:
    """Train in one way and record the figures, unless they are recorded already."""
    recipe = replace(base, name=f"{base.name}-{way}", stages=stages_of(way, base, inputs))
    if way == "pools":
        recipe = replace(recipe, losses=LossesByKind(noisy=SoftBootstrapping()))
    if way == "curated-again":
        recipe = replace(recipe, seed=recipe.seed + 1000)
    key = {
        "sets": SETS,
        "way": way,
        "recipe": base.name,
        "inputs": inputs,
        "settings": digest(recipe),
        "seed": base.seed,
    }
    if is_recorded(FILE, key):
        return
    folds = (HELD_OUT, *OTHER_FOLDS) if way == "warm-up" else (HELD_OUT,)
    run = train_run(RunSettings(str(folder.resolve()), recipe, folds, device="cpu"), Workspace())
    truth, scores = test_scores(run, folder, recipe)
    stored = scores_path(base.name, way, base.seed, inputs)
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


def scores_path(recipe: str, way: str, seed: int, inputs: int) -> Path:
    """The file with the scores of the test clips."""
    return RESULTS / "noisy" / f"{recipe}-{way}-{inputs}-{seed}.npz"


def stages_of(way: str, base: Recipe, inputs: int) -> tuple[Stage, ...]:
    """Stages with about so many network inputs in all, and the learning rate and MixUp of the recipe's last stage."""
    last = base.stages[-1]
    curated, noisy = CLIPS["curated"], CLIPS["noisy"]

    def stage(subset: Any, share: float, clips: int, **changes: Any) -> Stage:
        epochs = max(1, round(share * inputs / clips))
        return replace(last, subset=subset, epochs=epochs, **changes)

    if way in ("curated", "curated-again"):
        return (stage("curated", 1, curated),)
    if way == "pools":
        return (stage("curated", 1, DRAWS, pools=POOLS, draws=DRAWS),)
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
    frame = pd.DataFrame([row for row in rows if row.get("sets") == SETS])
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


def pairs_table(seeds: list[int], inputs: int) -> str:
    """What each way, and the mean of the scores of two, gains over the curated clips alone, in Markdown.

    The intervals are over test clips of all seeds; clips of one seed share recordings, so they are a little too narrow.
    """
    lines = ["| compared with curated only | lwlrap | difference | 95 % interval |", "|---|---|---|---|"]
    singles = [((recipe, way),) for recipe in ("default", "noisy-argus") for way in WAYS if way != "curated"]
    for parts in (*singles, *BLENDS):
        ways = ("curated", "curated-again") if len(parts) > 1 else ("curated",)
        reference = tuple((parts[0][0], way) for way in ways)
        if not all(
            scores_path(recipe, way, seed, inputs).exists() for seed in seeds for recipe, way in (*parts, *reference)
        ):
            continue
        truth, scores = _mean_scores(seeds, inputs, parts)
        difference = sums_of(
            truth, _mean_scores(seeds, inputs, reference)[1], scores, None, np.arange(len(truth))
        ).differences()[0]
        names = " and ".join(f"{recipe}, {way}" for recipe, way in parts)
        gain = f"{difference.difference:+.3f} | {difference.low:+.3f} to {difference.high:+.3f}"
        lines.append(f"| {names} | {difference.second:.3f} | {gain if parts != reference else '|'} |")
    notes = "Blends are compared with the mean of two trainings of their first recipe on curated clips alone."
    return "\n".join([*lines, "", notes])


def _mean_scores(seeds: list[int], inputs: int, parts: Sequence[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    """Targets of the test clips of all seeds, and the mean scores of these trainings."""
    truths, means = [], []
    for seed in seeds:
        stored = [np.load(scores_path(recipe, way, seed, inputs)) for recipe, way in parts]
        truths.append(stored[0]["truth"])
        means.append(np.mean([one["scores"] for one in stored], axis=0))
    return np.concatenate(truths), np.concatenate(means)


def _split_recordings(clips: pd.DataFrame, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Rows of each set's recordings; clips of one source stay together, and each class is split in the same shares."""
    rows: dict[str, list[int]] = {name: [] for name in SHARES}
    for _, of_class in clips.groupby("label", sort=True):
        sources = rng.permutation(of_class["group"].unique())
        ends = np.round(np.cumsum(list(SHARES.values())) * len(sources)).astype(int)
        for name, part in zip(SHARES, np.split(sources, ends[:-1]), strict=True):
            rows[name] += of_class.index[of_class["group"].isin(part)].tolist()
    return {name: np.array(numbers) for name, numbers in rows.items()}


def _mix(
    pool: np.ndarray, labels: np.ndarray, sounds: list[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, list[str]]:
    """Mix two or three recordings of different classes, rotated in time, the others up to 12 dB below the first."""
    classes = rng.permutation(np.unique(labels[pool]))[: rng.integers(2, 4)]
    waveform = np.zeros(CLIP_S * RATE, dtype=np.float32)
    for number, label in enumerate(classes):
        sound = sounds[rng.choice(pool[labels[pool] == label])]
        gain_db = rng.uniform(MIN_LEVEL_DB, 0) if number else 0.0
        waveform += np.roll(sound, rng.integers(len(sound))) * np.float32(10 ** (gain_db / 20))
    return waveform * np.float32(0.5 / max(np.abs(waveform).max(), 1e-9)), sorted(classes)


def _at_common_level(sound: np.ndarray) -> np.ndarray:
    """Five seconds whose loudest tenth of a second has −20 dBFS."""
    sound = np.resize(sound, CLIP_S * RATE)
    tenths = np.square(sound.reshape(-1, RATE // 10)).mean(axis=1)
    return (sound * (0.1 / max(np.sqrt(tenths.max()), 1e-9))).astype(np.float32)


def _corrupt_labels(labels: list[str], classes: list[str], rng: np.random.Generator) -> list[str]:
    """Drop each label, or replace it by a wrong one, with a probability of `WRONG_LABEL_SHARE`; one label is left."""
    corrupted = []
    for label in labels:
        if rng.random() >= WRONG_LABEL_SHARE:
            corrupted.append(label)
        elif rng.random() < 0.5:
            wrong = [other for other in classes if other not in (*labels, *corrupted)]
            corrupted.append(str(rng.choice(wrong)))
    return sorted(corrupted) or [str(rng.choice([other for other in classes if other not in labels]))]


if __name__ == "__main__":
    main()
