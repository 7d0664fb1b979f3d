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
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.torch import load_file
from unknown import EXCLUDED, area, markdown

from audiotag.audio.header import Header, Sound
from audiotag.audio.reading import read_sound
from audiotag.augmentation.overlay import Overlay
from audiotag.data.layouts import open_dataset
from audiotag.features.log_mel import log_mel, network_inputs
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import fit_length
from audiotag.metrics import accuracy, best_f1_thresholds, lwlrap
from audiotag.tagging.noise_gate_measurement import LEVELS_DBFS, SEED, gate_tagger
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.training.held_out import read_held_out
from audiotag.training.negatives import Negatives
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_blocking import train_run
from audiotag.training.runs import Run, RunSettings
from audiotag.trust.noise_sounds import NOISES, SILENCE, Kind, at_level
from audiotag.trust.speech import OWN_LABELS, babble, speech_kind
from audiotag.workspace import Workspace

WINDOWS = 12  # of each kind of sound at each level
UNKNOWN_CLIPS = 120  # of kitchen20

Scorer = Callable[[np.ndarray], np.ndarray]  # a waveform as long as a clip -> scores


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
    unknown, rows = kitchen_clips(options.kitchen20), {}
    if options.ensemble:
        rows[options.ensemble.name] = row_of_ensemble(options.ensemble, unknown)
    for share in [] if options.ensemble else map(float, options.shares.split(",")):
        negatives = Negatives(share, folder=options.speech) if share else Negatives()
        settings = RunSettings(
            str(options.trained_on.resolve()), recipe_of(options.epochs, negatives), folds=(1,), device="cpu"
        )
        rows[f"{100 * share:g} %"] = row_of_run(train_run(settings, Workspace()), unknown)
    print(markdown(pd.DataFrame(rows)))


def recipe_of(epochs: int, negatives: Negatives) -> Recipe:
    """The shipped ensemble's recipe in one curated stage of fewer epochs, with these negatives from the first on."""
    default = load_recipe("default")
    both = tuple(replace(item, labels="both") if isinstance(item, Overlay) else item for item in default.augment)
    stage = replace(default.main_stage, epochs=epochs, min_clips=0)
    return replace(default, augment=both, stages=(stage,), negatives=negatives)


def kitchen_clips(folder: Path) -> list[Path]:
    """Some clips of kitchen20, the same each time."""
    clips = open_dataset(folder).clips
    clips = clips[[not set(labels) & set(EXCLUDED) for labels in clips["labels"]]]
    return list(clips.sample(UNKNOWN_CLIPS, random_state=0)["path"])


def row_of_ensemble(folder: Path, unknown: list[Path]) -> dict[str, str]:
    """What all folds of an ensemble give together."""
    tagger = gate_tagger(folder, print)
    settings, found = tagger.card.spectrogram, read_out_of_fold(folder, tagger.card)
    assert found is not None

    def scores(waveform: np.ndarray) -> np.ndarray:
        header = Header(len(waveform), settings.sample_rate, 1, "WAV", "FLOAT")
        return tagger.tag_sound(Sound("window", waveform, settings.sample_rate, header)).scores

    return row_of(scores, settings, found.targets, found.scores, np.array(tagger.card.thresholds), unknown)


def row_of_run(run: Run, unknown: list[Path]) -> dict[str, str]:
    """What the fold of a run gives, with thresholds that give its held-out clips the highest F1 per label."""
    import torch

    recipe, held_out = run.settings().recipe, read_held_out(run)
    settings = recipe.final_spectrogram
    network = recipe.network.for_inference(recipe.network.build(held_out.targets.shape[1], settings.channels)).eval()
    network.load_state_dict(load_file(run.fold_folder(1) / "weights.safetensors"))

    def scores(waveform: np.ndarray) -> np.ndarray:
        inputs = network_inputs(log_mel(waveform, settings)[None], settings)
        with torch.inference_mode():
            return network(torch.from_numpy(inputs)).sigmoid().numpy()[0]

    thresholds = best_f1_thresholds(held_out.targets, held_out.scores)
    return row_of(scores, settings, held_out.targets, held_out.scores, thresholds, unknown)


def row_of(
    score: Scorer,
    settings: SpectrogramSettings,
    targets: np.ndarray,
    held_out: np.ndarray,
    thresholds: np.ndarray,
    unknown: list[Path],
) -> dict[str, str]:
    """Figures of held-out clips, false tags per hour of each kind of sound, and areas."""
    row = {"lwlrap": f"{lwlrap(targets, held_out):.3f}", "accuracy": f"{accuracy(targets, held_out):.3f}"}
    known, noises, rates = held_out.max(axis=1), [], []
    speech, _ = speech_kind()
    for number, kind in enumerate([*NOISES, speech, Kind("babble", babble, OWN_LABELS)]):
        scores = gate_scores(score, settings, kind, number)
        tags = (scores >= thresholds) & (scores > 0)
        rates.append(float(tags.sum() / len(tags) * 3600 / settings.clip_s))
        row[f"{kind.name}, tags per hour"] = f"{rates[-1]:.0f}"
        noises.append(scores.max(axis=1))
    row["all kinds, tags per hour"] = f"{np.mean(rates):.0f}"
    row["area, noise gate"] = f"{area(known, np.concatenate(noises)):.3f}"
    clips = [read_sound(path, settings.sample_rate).waveform for path in unknown]
    others = np.array([score(fit_length(clip, settings)).max() for clip in clips])
    return row | {"area, kitchen20": f"{area(known, others):.3f}"}


def gate_scores(score: Scorer, settings: SpectrogramSettings, kind: Kind, number: int) -> np.ndarray:
    """Scores of windows of one kind at each level, shape ``(windows, labels)``; the gate's first take."""
    waveform = kind.render(
        np.random.default_rng((SEED, number, 0)), WINDOWS * settings.clip_samples, settings.sample_rate
    )
    levels = LEVELS_DBFS[:1] if kind.name == SILENCE else LEVELS_DBFS
    windows = [at_level(waveform, level).reshape(WINDOWS, -1) for level in levels]
    return np.array([score(window) for window in np.concatenate(windows)])


if __name__ == "__main__":
    main()
