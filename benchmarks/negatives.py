"""Train with and without negatives, and count the tags of sounds that should get none.

``python benchmarks/negatives.py STARTER_AND_ESC10 KITCHEN20 [--epochs 40] [--shares 0,0.1,0.2] [--speech FOLDER]``,
where the first folder is the dataset of the shipped ensemble, which ``models/make_starter.py`` gathers.

Each training is one fold of the shipped ensemble's recipe with fewer epochs, on curated clips alone, and one network,
so its figures are lower than those of the shipped ensemble and are meant for comparison. Held-out clips are those of
the fold. Noises, hum and speech are those of the noise gate, with the thresholds that the fold chooses for itself; wind
and babble have no counterpart among the negatives. Areas under the ROC curve are of the highest score: that a held-out
clip has a higher one than an unknown sound, of kitchen20 (without chopping, which is a Tap) or of the gate.
``--ensemble FOLDER`` measures an ensemble instead of training one.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from unknown import EXCLUDED, area, markdown

from audiotag.audio.header import Header, Sound
from audiotag.augmentation.overlay import Overlay
from audiotag.data.layouts import open_dataset
from audiotag.metrics import accuracy, lwlrap
from audiotag.tagging.noise_gate_measurement import LEVELS_DBFS, SEED, gate_tagger
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.tagging.tagger import Tagger
from audiotag.training.negatives import Negatives
from audiotag.training.publish import publish
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_blocking import train_run
from audiotag.training.runs import RunSettings
from audiotag.trust.noise_sounds import NOISES, SILENCE, Kind, at_level
from audiotag.trust.speech import OWN_LABELS, babble, speech_kind
from audiotag.workspace import Workspace

WINDOWS = 12  # of each kind of sound at each level
UNKNOWN_CLIPS = 120  # of kitchen20


def main() -> None:
    """Train what is missing, then print one row per training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained_on", type=Path)
    parser.add_argument("kitchen20", type=Path)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--shares", default="0,0.1,0.2")
    parser.add_argument("--speech", default="", help="folder of speech that is added to the rendered negatives")
    parser.add_argument("--ensemble", type=Path, help="measure this ensemble; nothing is trained")
    options = parser.parse_args()
    unknown = kitchen_clips(options.kitchen20)
    if options.ensemble:
        print(markdown(pd.DataFrame({options.ensemble.name: row_of(options.ensemble, unknown)}).T), flush=True)
        return
    rows = {}
    for share in map(float, options.shares.split(",")):
        negatives = Negatives(share, folder=options.speech) if share else Negatives()
        ensemble = trained(options.trained_on, recipe_of(options.epochs, negatives))
        rows[f"{100 * share:g} %{' with speech' * bool(share and options.speech)}"] = row_of(ensemble, unknown)
        print(markdown(pd.DataFrame(rows).T), flush=True)


def recipe_of(epochs: int, negatives: Negatives) -> Recipe:
    """The shipped ensemble's recipe without its noisy stage, with fewer epochs and these negatives."""
    default = load_recipe("default")
    both = tuple(replace(item, labels="both") if isinstance(item, Overlay) else item for item in default.augment)
    stage = replace(default.stages[-1], epochs=epochs)
    return replace(default, augment=both, stages=(stage,), negatives=negatives)


def trained(dataset: Path, recipe: Recipe) -> Path:
    """The folder of an ensemble of the first fold, trained unless it is there."""
    workspace = Workspace()
    run = train_run(RunSettings(str(dataset.resolve()), recipe, folds=(1,), device="cpu"), workspace)
    name = f"negatives-{run.name}"[:60]
    if not (workspace.ensembles / name).exists():
        publish(run, name, workspace.ensembles)
    return workspace.ensembles / name


def kitchen_clips(folder: Path) -> list[Path]:
    """Some clips of kitchen20, the same each time."""
    clips = open_dataset(folder).clips
    clips = clips[[not set(labels) & set(EXCLUDED) for labels in clips["labels"]]]
    return list(clips.sample(UNKNOWN_CLIPS, random_state=0)["path"])


def row_of(ensemble: Path, unknown: list[Path]) -> dict[str, str]:
    """What one ensemble gives: figures of held-out clips, false tags per hour of each kind, areas."""
    tagger, row = gate_tagger(ensemble, print), {}
    found = read_out_of_fold(ensemble, tagger.card)
    assert found is not None
    row["lwlrap"] = f"{lwlrap(found.targets, found.scores):.3f}"
    row["accuracy"] = f"{accuracy(found.targets, found.scores):.3f}"
    known, noises = found.scores.max(axis=1), []
    speech, _ = speech_kind()
    for number, kind in enumerate([*NOISES, speech, Kind("babble", babble, OWN_LABELS)]):
        scores = gate_scores(tagger, kind, number)
        row[f"{kind.name}, per hour"] = f"{tags_per_hour(tagger, scores):.0f}"
        noises.append(scores.max(axis=1))
    row["all, per hour"] = f"{np.mean([float(value) for name, value in row.items() if 'per hour' in name]):.0f}"
    row["area, gate"] = f"{area(known, np.concatenate(noises)):.3f}"
    row["area, kitchen20"] = f"{area(known, np.array([tagger.tag(path).scores.max() for path in unknown])):.3f}"
    return row


def gate_scores(tagger: Tagger, kind: Kind, number: int) -> np.ndarray:
    """Scores of windows of one kind at each level, shape ``(windows, labels)``; the gate's first take."""
    size, rate = tagger.card.spectrogram.clip_samples, tagger.card.spectrogram.sample_rate
    waveform = kind.render(np.random.default_rng((SEED, number, 0)), WINDOWS * size, rate)
    levels = LEVELS_DBFS[:1] if kind.name == SILENCE else LEVELS_DBFS
    scores = []
    for level in levels:
        for window in at_level(waveform, level).reshape(WINDOWS, size):
            sound = Sound(kind.name, window, rate, Header(size, rate, 1, "WAV", "FLOAT"))
            scores.append(tagger.tag_sound(sound).scores)
    return np.array(scores)


def tags_per_hour(tagger: Tagger, scores: np.ndarray) -> float:
    """Tags per hour of sound, of all labels."""
    tags = (scores >= np.array(tagger.card.thresholds)) & (scores > 0)
    return float(tags.sum() / len(scores) * 3600 / tagger.card.spectrogram.clip_s)


if __name__ == "__main__":
    main()
