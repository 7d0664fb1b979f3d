"""Measure training on several sounds per clip with wrong labels: ``python benchmarks/noisy.py [FOLDER] --seeds 1,2,3``.

This is the real task on a small scale. From the recordings of ESC-10, for each seed: 100 curated clips with exact
labels, 400 noisy clips of whose labels 40 % are wrong or missing, 200 test clips with exact labels. A clip is a mix of
two or three recordings of different classes at random levels; no recording is in more than one of the three sets. The
same recipe is trained in four ways, all with about the same number of training examples:

- curated: the curated clips alone
- noisy: the noisy clips alone
- noisy-curated: first the noisy, then the curated clips
- agreed: then also the curated clips and those noisy clips whose labels the network agrees with

and scored on whole test clips with the last weights. An interrupted training is resumed by the same command. Figures
are appended to ``results/noisy.jsonl``; ``--table`` prints them.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from accuracy_results import RESULTS, is_recorded, parser_of, read_results, record, seconds_of
from esc10 import ESC10, digest

from audiotag.audio.reading import read_sound
from audiotag.data.layouts import open_dataset
from audiotag.metrics import accuracy, lwlrap, multi_hot
from audiotag.training.recipe import Recipe, Stage
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_blocking import train_run
from audiotag.training.runs import Run, RunSettings
from audiotag.workspace import Workspace

FILE = RESULTS / "noisy.jsonl"
RATE = 44_100
CLIP_S = 5
CLIPS = {"curated": 100, "noisy": 400, "test": 200}
SHARES = {"curated": 0.2, "noisy": 0.5, "test": 0.3}  # of each class's recordings
WRONG_LABEL_SHARE = 0.4
MIN_LEVEL_DB = -12.0  # of the quieter recordings of a clip, relative to the loudest
TRAINING_EXAMPLES = 24_000
WAYS = {  # and the titles of the table
    "curated": "curated only",
    "noisy": "noisy only",
    "noisy-curated": "noisy, then curated",
    "agreed": "noisy, curated, then also the noisy clips whose labels the network agrees with",
}
HELD_OUT, TRAINED_ON = 1, 2  # folds: measuring epochs needs a few clips, which are made of test recordings
HELD_OUT_CLIPS = 20


def main() -> None:
    """Make the sets, then train and score each combination that is not recorded yet."""
    parser = parser_of(__doc__, ESC10)
    parser.add_argument("--recipe", default="default", help="name or .toml file; its stages are replaced")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--seeds", default="1,2,3")
    options = parser.parse_args()
    if options.table:
        print(table(read_results(FILE)))
        return
    if not options.folder.is_dir():
        sys.exit(f"{options.folder} is not a folder; give the folder of ESC-10.")
    for seed in map(int, options.seeds.split(",")):
        folder = Workspace().root / "noisy-benchmark" / f"seed-{seed}"
        make_sets(options.folder, folder, seed)
        for way in options.ways.split(","):
            train_and_record_way(folder, way, replace(load_recipe(options.recipe), seed=seed))


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
        ("test", "test", HELD_OUT, CLIPS["test"]),
        ("curated", "train_curated", TRAINED_ON, CLIPS["curated"]),
        ("test", "train_curated", HELD_OUT, HELD_OUT_CLIPS),
        ("noisy", "train_noisy", TRAINED_ON, CLIPS["noisy"]),
        ("test", "train_noisy", HELD_OUT, HELD_OUT_CLIPS),
    ]
    for pool, subset, fold, count in wanted:
        (folder / subset).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            waveform, labels = _mix(pools[pool], clips["label"].to_numpy(), sounds, rng)
            if subset == "train_noisy":
                labels = _corrupt_labels(labels, sorted(set(clips["label"])), rng)
            name = f"{pool}-{number:03}.wav"
            soundfile.write(folder / subset / name, waveform, RATE)
            rows[subset].append((name, ",".join(labels), fold))
    for subset, lines in rows.items():
        table = "test_truth.csv" if subset == "test" else f"{subset}.csv"
        with (folder / table).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("fname", "labels", "fold"), *lines])


def train_and_record_way(folder: Path, way: str, base: Recipe) -> None:
    """Train in one way and record the figures, unless they are recorded already."""
    recipe = replace(base, name=f"{base.name}-{way}", stages=stages_of(way, base))
    key = {"way": way, "recipe": base.name, "settings": digest(recipe), "seed": base.seed}
    if is_recorded(FILE, key):
        return
    settings = RunSettings(str(folder.resolve()), recipe, (HELD_OUT,), device="cpu")
    run = train_run(settings, Workspace())
    truth, scores = test_scores(run, folder, recipe)
    agreed = next((event["clips"] for event in run.events() if event["event"] == "agreed"), None)
    row = key | {
        "lwlrap": round(lwlrap(truth, scores), 5),
        "accuracy": round(accuracy(truth, scores), 5),
        "seconds": round(seconds_of(run)),
        "agreed": agreed,
    }
    record(FILE, row)
    print(json.dumps(row), flush=True)


def stages_of(way: str, base: Recipe) -> tuple[Stage, ...]:
    """Stages with about `TRAINING_EXAMPLES` in all, and the learning rate and MixUp of the recipe's last stage."""
    last = base.stages[-1]
    curated, noisy = CLIPS["curated"], CLIPS["noisy"]

    def stage(subset: Any, share: float, clips: int, start: Any = "weights", agreed: int = 0) -> Stage:
        epochs = max(1, round(share * TRAINING_EXAMPLES / clips))
        return replace(last, subset=subset, epochs=epochs, start=start, agreed=agreed)

    if way == "curated":
        return (stage("curated", 1, curated),)
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
    trainer.network.load_state_dict(load_file(run.fold_folder(HELD_OUT) / "weights.safetensors"))
    return truth, trainer.scores(LabelledClips([clip for clip in prepared if clip], truth), recipe.stages[-1])


def table(rows: list[dict[str, Any]]) -> str:
    """Mean and standard deviation over seeds of each training strategy, with the newest settings, in Markdown."""
    lines = ["| training strategy | lwlrap | accuracy | each seed, lwlrap | seconds |", "|---|---|---|---|---|"]
    frame = pd.DataFrame(rows)
    for way, title in WAYS.items():
        newest = frame[frame["way"] == way]
        newest = newest[newest["settings"] == newest["settings"].iloc[-1]].sort_values("seed")
        each = ", ".join(f"{value:.3f}" for value in newest["lwlrap"])
        lines.append(
            f"| {title} | {newest.lwlrap.mean():.3f} ± {newest.lwlrap.std(ddof=1):.3f} | "
            f"{newest.accuracy.mean():.3f} ± {newest.accuracy.std(ddof=1):.3f} | {each} | {newest.seconds.mean():.0f} |"
        )
    return "\n".join(lines)


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
