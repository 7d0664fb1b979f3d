"""Three small ensembles with different networks, front-ends and orders of labels, that held out the same clips."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from audiotag.data.layouts import open_dataset
from audiotag.features.settings import SpectrogramSettings
from audiotag.metrics import accuracy, lwlrap
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.tagging import known_clips, out_of_fold
from audiotag.tagging.card import Card, FoldCard
from audiotag.tagging.known_clips import KnownClips
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.training.clip_contents import content_of

LABELS = ("Bark", "Bell", "Hiss")
FOLDS = (1, 2, 3)
CLIPS = 12


class Trained(NamedTuple):
    """A dataset, and the folders of ensembles that know which fold held out which of its clips."""

    dataset: Path
    members: tuple[Path, ...]
    contents: tuple[str, ...]
    folds: np.ndarray


def write_member(
    folder: Path,
    spectrogram: SpectrogramSettings,
    network: XResNetSettings,
    labels: Sequence[str],
    contents: Sequence[str],
    folds: np.ndarray,
    fingerprint: str,
) -> Path:
    """An ensemble of untrained folds with random out-of-fold scores of the clips with these contents."""
    import torch
    from safetensors.torch import save

    folder.mkdir(parents=True)
    seed = int.from_bytes(hashlib.sha256(folder.name.encode()).digest()[:4], "little")
    targets = np.eye(3, dtype=np.float32)[np.arange(len(contents)) % 3][:, [LABELS.index(label) for label in labels]]
    scores = np.clip(0.6 * targets + 0.4 * np.random.default_rng(seed).random(targets.shape), 0, 1).astype(np.float32)
    cards = []
    for fold in FOLDS:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + fold)
            weights = save(network.build(len(labels), spectrogram.channels).state_dict())
        (folder / f"fold-{fold}.safetensors").write_bytes(weights)
        own = folds == fold
        cards.append(
            FoldCard(fold, f"fold-{fold}.safetensors", hashlib.sha256(weights).hexdigest(), int(own.sum()), 0.5, 0.5)
        )
    trained = [[fold != of_clip for fold in FOLDS] for of_clip in folds]
    known = KnownClips.of(zip(contents, trained, strict=True), len(FOLDS)).to_bytes()
    held_out = OutOfFold(scores, targets, folds).to_bytes()
    (folder / known_clips.FILE).write_bytes(known)
    (folder / out_of_fold.FILE).write_bytes(held_out)
    card = Card(
        name=folder.name,
        about="Untrained, for tests.",
        labels=tuple(labels),
        thresholds=(0.5,) * 3,
        spectrogram=spectrogram,
        network=network,
        windows="max",
        folds=tuple(cards),
        lwlrap=round(lwlrap(targets, scores), 5),
        accuracy=round(accuracy(targets, scores), 5),
        dataset={"name": "clips", "clips": len(contents), "fingerprint": fingerprint},
        recipe={"title": "Untrained"},
        licence="CC BY 4.0" if folder.name == "first" else "CC0-1.0",
        created="2026-01-01",
        out_of_fold=hashlib.sha256(held_out).hexdigest(),
        known_clips=hashlib.sha256(known).hexdigest(),
    )
    (folder / "card.json").write_text(json.dumps(card.to_dict()), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A dataset of 12 clips, 1.5 to 2.6 s long, of three labels, and three ensembles of three folds each."""
    root = tmp_path_factory.mktemp("blending")
    dataset, draw = root / "tones", np.random.default_rng(0)
    dataset.mkdir()
    rows = ["fname,label"]
    for number in range(CLIPS):
        time_s = np.arange(round((1.5 + 0.1 * number) * 16_000)) / 16_000
        tone = 0.3 * np.sin(2 * np.pi * (300 + 1500 * (number % 3)) * time_s)
        soundfile.write(dataset / f"{number}.wav", tone + 0.02 * draw.normal(size=len(time_s)), 16_000)
        rows.append(f"{number}.wav,{LABELS[number % 3]}")
    (dataset / "clips.csv").write_text("\n".join(rows) + "\n")
    contents = tuple(content_of(dataset / f"{number}.wav") for number in range(CLIPS))
    folds = np.array([FOLDS[(number // 3) % 3] for number in range(CLIPS)])
    held_out = (contents, folds, open_dataset(dataset).fingerprint)
    small = {"trim_db": 0, "n_fft": 512, "win_length": 512, "hop_length": 200}
    members = (
        (SpectrogramSettings(sample_rate=16_000, f_max=8000.0, clip_s=0.5, n_mels=32, **small), 1 / 16, LABELS),
        (SpectrogramSettings(sample_rate=8000, f_max=4000.0, clip_s=1.0, n_mels=16, **small), 1 / 16, LABELS[::-1]),
        (SpectrogramSettings(sample_rate=16_000, f_max=8000.0, clip_s=0.75, n_mels=32, **small), 1 / 8, LABELS),
    )
    folders = tuple(
        write_member(root / name, settings, XResNetSettings(depth=18, width=width, stem=4), labels, *held_out)
        for name, (settings, width, labels) in zip(("first", "second", "third"), members, strict=True)
    )
    return Trained(dataset, folders, contents, folds)


@pytest.fixture(scope="session")
def blends(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``blends("plain")`` or ``blends("stacked")``: the folder of a blend of the three, made once."""
    from audiotag.blending.blend import make_blend
    from audiotag.blending.settings import PUBLISHED_STACKERS, BlendSettings, FitSettings

    parent = tmp_path_factory.mktemp("blends")

    def make(name: str) -> Path:
        if not (parent / name).exists():
            stackers = PUBLISHED_STACKERS[:2] if name == "stacked" else ()
            fit = FitSettings(max_epochs=2, draws=16)
            settings = BlendSettings(name, trained.members, stackers=stackers, fit=fit)
            make_blend(settings, parent, trained.dataset if stackers else None)
        return parent / name

    return make
