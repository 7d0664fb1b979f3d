"""Runs of a second on 28 short sounds: their recipes, and what the tests of the worker read of them."""

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load as load_arrays
from safetensors.torch import load as load_tensors

from audiotag.augmentation.mask import Mask
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.training import checkpoints, worker
from audiotag.training.recipe import Recipe
from audiotag.training.run_progress import epochs_done
from audiotag.training.runs import Run
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.training.worker import train_run_folder

from ..conftest import SHORT_SOUNDS_HZ as RATE
from ..conftest import SHORT_SOUNDS_LABELS as LABELS

NOISY, CURATED = Stage("noisy", 2, 1e-2), Stage("curated", 3, 1e-2, mixup=0.4)
SHARED = replace(NOISY, shared=True)
RECIPE = Recipe(
    "tiny", "Tiny", "For tests.", (NOISY, CURATED), folds=2, batch_size=4, augment=(Mask("time", 6), Mask("mel", 3)),
    spectrogram=SpectrogramSettings(
        sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=64, n_mels=16, f_max=4000.0
    ),
    network=XResNetSettings(depth=18, width=1 / 16, stem=4, activation="relu"),
)  # fmt: skip
THREE_FOLDS = replace(RECIPE, stages=(SHARED, CURATED), folds=3)


@dataclass(frozen=True)
class Finished:
    """A finished run, and every checkpoint that was written for it."""

    run: Run
    checkpoints: list[dict[str, Any]]


def work_and_record(run: Run) -> Finished:
    """Work in this process, and record the checkpoints."""
    recorded: list[dict[str, Any]] = []
    save = checkpoints.save_checkpoint

    def save_and_record(folder: Path, checkpoint: dict[str, Any]) -> None:
        recorded.append(checkpoint)
        save(folder, checkpoint)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpoints, "save_checkpoint", save_and_record)
        train_run_folder(run)
    assert run.state() == "finished"
    return Finished(run, recorded)


def events_of(run: Run, *names: str) -> list[dict[str, Any]]:
    return [event for event in run.events() if event["event"] in names]


def session_of(run: Run) -> Session:
    return Session.open(run.settings(), run.workspace)


def held_out(run: Run, fold: int) -> dict[str, np.ndarray]:
    return load_arrays((run.fold_folder(fold) / "scores.safetensors").read_bytes())


def stored(run: Run, fold: int, name: str) -> dict[str, torch.Tensor]:
    return load_tensors((run.fold_folder(fold) / f"{name}.safetensors").read_bytes())


def figures(run: Run) -> dict[tuple, tuple]:
    """What every epoch and fold gave, by fold and step."""
    epochs = {
        (e["fold"], e["step"]): (e["lwlrap"], e["train_loss"], e["valid_loss"]) for e in epochs_done(run.events())
    }
    return epochs | {(e["fold"], "end"): (e["lwlrap"], e["accuracy"]) for e in events_of(run, "fold-finished")}


# Failures


def run_main(run: Run, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """Call the worker's ``main`` in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["worker", str(run.folder), *options])
    try:
        worker.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def only_curated(sounds: Path, to: Path, folds: list[int]) -> Path:
    """The first curated clips, as links, with a table of files, labels and folds."""
    to.mkdir()
    lines = ["fname,label,fold"]
    for number, fold in enumerate(folds):
        os.link(sounds / "train_curated" / f"{number:02}.wav", to / f"{number:02}.wav")
        lines.append(f"{number:02}.wav,{LABELS[number % 3]},{fold}")
    (to / "clips.csv").write_text("\n".join(lines) + "\n")
    return to
