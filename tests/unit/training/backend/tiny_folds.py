"""Folds of 26 clips that train within a moment, and what their trainer passes on."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from audiotag.augmentation.mask import Mask
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.progress import EpochResult, FoldSplit, TrainingCallbacks
from audiotag.training.recipe import Recipe
from audiotag.training.stage import Stage

RATE = 8000
LABELS = ("Buzz", "Hiss", "Hum")
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=64, n_mels=16, f_max=4000.0
)
FIRST, SECOND = Stage("noisy", 2, 1e-2), Stage("curated", 2, 5e-3, mixup=0.4)
RECIPE = Recipe(
    "tiny", "Tiny", "For tests.", (FIRST, SECOND), batch_size=6, augment=(Mask("time", 3),), spectrogram=SETTINGS,
    network=XResNetSettings(depth=18, width=1 / 16, stem=4, activation="relu", dropout=0.1),
)  # fmt: skip
TINY_LR = 1e-12  # leaves weights as they are
CPU = torch.device("cpu")


def waveform(number: int) -> np.ndarray:
    rng, time_s = np.random.default_rng(number), np.arange(1500 + 250 * (number % 7)) / RATE
    tones = (np.sign(np.sin(1500 * time_s)), rng.normal(size=len(time_s)), np.sin(2 * np.pi * 500 * time_s))
    return (0.2 * tones[number % 3]).astype(np.float32)


@dataclass
class Calls:
    """What the trainer passed to its callbacks."""

    epochs: list[EpochResult] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    batches: list[tuple] = field(default_factory=list)
    stop_questions: int = 0


def recording(calls: Calls, stop_after: int = 10**9) -> TrainingCallbacks:
    def on_epoch(epoch: EpochResult, state: dict[str, Any]) -> None:
        calls.epochs.append(epoch)
        calls.states.append(state)

    def must_stop() -> bool:
        calls.stop_questions += 1
        return calls.stop_questions >= stop_after

    return TrainingCallbacks(on_epoch, lambda *batch: calls.batches.append(batch), must_stop)


def trained(
    split: FoldSplit, recipe: Recipe = RECIPE, fold: int = 1, stages: int = 2, **changes: Any
) -> tuple[FoldTrainer, Calls]:
    """A fold after so many of its stages, all of them with these changes."""
    trainer, calls = FoldTrainer(recipe, LABELS, fold, "cpu"), Calls()
    for number, stage in enumerate(recipe.stages[:stages]):
        assert trainer.train(number, replace(stage, **changes), split, recording(calls))
    return trainer, calls


def weights(trainer: FoldTrainer) -> torch.Tensor:
    """All parameters of the network, in one row."""
    return torch.cat([weight.detach().flatten() for weight in trainer.network.parameters()])


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def figures(epoch: EpochResult) -> dict[str, Any]:
    """All but the seconds."""
    return {name: value for name, value in vars(epoch).items() if "seconds" not in name}
