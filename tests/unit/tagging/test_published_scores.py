"""A published ensemble scores as its folds did in training: its out-of-fold scores are what tagging gives today."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag.augmentation.mask import Mask
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.training.publish import publish
from audiotag.training.recipe import Recipe
from audiotag.training.runs import RunSettings, create_run
from audiotag.training.stage import Stage
from audiotag.training.worker import train_run_folder
from audiotag.workspace import Workspace

RATE = 16_000
HALF_PRECISION_ERROR = 0.002  # of scores with weights and out-of-fold scores in float16; 0.001 is the largest seen
LABELS = ("Clicks", "Hiss", "Hum")
RECIPE = Recipe(
    "tiny", "Tiny", "For tests.", (Stage("curated", 12, 1e-2, mixup=0.2),), folds=2, batch_size=8,
    spectrogram=SpectrogramSettings(
        sample_rate=RATE, clip_s=1.0, n_fft=512, win_length=512, hop_length=256, n_mels=24, f_max=8000.0
    ),
    network=XResNetSettings(depth=18, width=1 / 16, stem=4), augment=(Mask(axis="time", width=4),),
)  # fmt: skip


@dataclass(frozen=True)
class Published:
    """An ensemble, its training sounds, and the clips of each fold in the order of its out-of-fold scores."""

    folder: Path
    sounds: Path
    clips: dict[int, list[str]]


def write_sounds(folder: Path) -> Path:
    """36 clips of 0.3 to 0.95 s, all shorter than the window; every fourth has silence around it."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True)
    lines = ["fname,labels"]
    for number in range(36):
        audible = sorted({LABELS[number % 3], LABELS[rng.integers(3)]} if number % 5 == 4 else {LABELS[number % 3]})
        time_s = np.arange(round(rng.uniform(0.3, 0.75) * RATE)) / RATE
        parts = {
            "Hum": np.sin(2 * np.pi * rng.uniform(450, 550) * time_s),
            "Hiss": 0.5 * rng.normal(size=len(time_s)),
            "Clicks": np.exp(-(time_s % 0.125) * 400) * rng.normal(size=len(time_s)),
        }
        sound = np.clip(rng.uniform(0.2, 0.7) * sum(parts[label] for label in audible), -1, 1)
        soundfile.write(folder / f"{number:02}.wav", np.pad(sound, 1600 * (number % 4 == 3)), RATE)
        lines.append(f'{number:02}.wav,"{",".join(audible)}"')
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sounds(tmp_path_factory.mktemp("published") / "sounds")


def train_and_publish(folder: Path, sounds: Path, recipe: Recipe) -> Published:
    workspace = Workspace(folder / "home")
    run = create_run(workspace, RunSettings(str(sounds), recipe, device="cpu"))
    train_run_folder(run)
    assert run.state() == "finished", run.reason()
    clips = {fold: json.loads((run.fold_folder(fold) / "clips.json").read_text()) for fold in run.finished_folds()}
    return Published(publish(run, "mine", workspace.ensembles), sounds, clips)


def largest_difference(published: Published) -> float:
    """Between the published out-of-fold scores and what the same fold scores for the same file now."""
    stored = read_out_of_fold(published.folder, read_card(published.folder))
    assert stored is not None
    differences = []
    for fold, names in published.clips.items():
        tagger = Tagger(published.folder, TagSettings(folds=(fold,)))
        now = np.stack([tagger.tag(published.sounds / name).scores for name in names])
        assert now.std(axis=0).min() > 0.05  # the scores differ between clips, so that agreement means something
        differences.append(np.abs(now - stored.scores[stored.folds == fold]).max())
    return float(max(differences))


@pytest.mark.parametrize(
    "changes",
    [{}, {"normalise": "clip", "deltas": 1, "resize": 40, "padding": "repeat", "trim_db": 0}],
    ids=["trimmed, padded with zeros", "untrimmed, repeated, normalised, with deltas, resized"],
)
def test_each_fold_scores_its_held_out_clips_as_it_did_in_training(
    tmp_path: Path, sounds: Path, changes: dict[str, Any]
) -> None:
    recipe = RECIPE.with_spectrogram(RECIPE.spectrogram.with_changes(**changes))
    assert largest_difference(train_and_publish(tmp_path, sounds, recipe)) <= HALF_PRECISION_ERROR
