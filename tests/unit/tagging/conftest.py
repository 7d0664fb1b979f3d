"""Sounds, changed ensembles and a tagger that the tests of tagging share."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from audiotag.audio.header import Header, Sound
from audiotag.features.log_mel import log_mel
from audiotag.tagging.tagger import Tagger
from audiotag.tagging.weights import load_networks

RATE = 44_100
WINDOW = RATE  # samples; the tiny ensemble has windows of 1 s


@pytest.fixture(scope="module")
def tagger(tiny_ensemble: Path) -> Tagger:
    """The tiny ensemble in memory."""
    return Tagger(tiny_ensemble)


def noise(duration_s: float, seed: int = 0) -> np.ndarray:
    """Noise and a sweep that change over time, so that no two windows are alike; float32."""
    white = np.random.default_rng(seed).normal(size=round(duration_s * RATE))
    slow = np.sin(2 * np.pi * 300 * (1 + np.arange(len(white)) / len(white)) * np.arange(len(white)) / RATE)
    return (0.05 * white * (np.arange(len(white)) / len(white)) + 0.3 * slow).astype(np.float32)


def sound(waveform: np.ndarray, notes: tuple[str, ...] = ()) -> Sound:
    return Sound("made.wav", waveform, RATE, Header(len(waveform), RATE, 1, "WAV", "PCM_16"), notes)


def with_card(tiny_ensemble: Path, to: Path, **changes: object) -> Path:
    folder = shutil.copytree(tiny_ensemble, to)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))
    return folder


def window_scores(folder: Path, tagger: Tagger, windows: list[np.ndarray]) -> np.ndarray:
    """Scores of one window and one network at a time, shape (folds, windows, labels)."""
    networks = load_networks(folder, tagger.card)
    scores = np.zeros((len(networks), len(windows), len(tagger.card.labels)))
    with torch.no_grad():
        for fold, network in enumerate(networks):
            for number, window in enumerate(windows):
                decibels = torch.from_numpy(log_mel(window, tagger.card.spectrogram))
                scores[fold, number] = torch.sigmoid(network(decibels[None, None]))[0].numpy()
    return scores


def touch(folder: Path, *names: str) -> Path:
    """Make empty files in a folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder
