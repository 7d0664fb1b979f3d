"""A network of one file goes the whole way: from a recipe through training to tags, with torch and as an ONNX graph."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
from torch import nn

from audiotag.errors import AudiotagError
from audiotag.networks.base import NETWORKS, NetworkSettings, network_from_dict, register_network
from audiotag.tagging import engine_comparison
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_selection import choice_of
from audiotag.tagging.engines import ENGINES
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.training.publish import publish
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import RunSettings, create_run
from audiotag.training.worker import train_run_folder
from audiotag.workspace import Workspace

RATE = 8000
LABELS = ("Hiss", "Hum")
HALF_PRECISION = 0.002  # largest change of a score by the half precision of published weights
RECIPE = """
title = "Small CNN"
about = "For tests."
folds = 2
batch_size = 4

[[stages]]
subset = "curated"
epochs = 2
lr = 1e-2

[spectrogram]
sample_rate = 8000
clip_s = 0.25
n_fft = 256
win_length = 256
hop_length = 64
n_mels = 16
f_max = 4000.0

[network]
kind = "small-cnn"
filters = 6
"""


# What a new file in audiotag/networks would hold. Its class is registered by a fixture below; the file would have the
# decorator `@register_network("small-cnn")` instead.


@dataclass(frozen=True)
class SmallCNNSettings(NetworkSettings):
    """Two convolutions and the mean over all places."""

    filters: int = 16
    dropout: float = 0.1

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        return nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, self.filters, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(self.filters, 2 * self.filters, 3, stride=2),
            nn.GELU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(self.dropout),
            nn.Linear(2 * self.filters, n_labels),
        )

    @property
    def fewest_frames(self) -> int:
        return 5  # 3 columns after the first convolution, as wide as the second kernel

    def columns(self, frames: int) -> int:
        return -(-frames // 2)

    def describe(self) -> str:
        return f"small CNN, {self.filters} filters"


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    register_network("small-cnn")(SmallCNNSettings)
    yield
    del NETWORKS._parts["small-cnn"]


class Published(NamedTuple):
    ensemble: Path
    sounds: Path
    clips: dict[int, list[str]]  # held-out clips of each fold, in the order of its out-of-fold scores


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    path = tmp_path_factory.mktemp("recipes") / "small.toml"
    path.write_text(RECIPE)
    return load_recipe(str(path))


@pytest.fixture(scope="module")
def published(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """An ensemble of two folds, trained for two epochs on sixteen clips."""
    folder = tmp_path_factory.mktemp("small-cnn")
    rng = np.random.default_rng(0)
    for number in range(16):
        time_s = np.arange(2000) / RATE
        sound = rng.normal(size=2000) if number % 2 == 0 else np.sin(2 * np.pi * rng.uniform(200, 900) * time_s)
        path = folder / "sounds" / LABELS[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.2 * sound.clip(-3, 3), RATE)
    workspace = Workspace(folder / "home")
    run = create_run(workspace, RunSettings(str(folder / "sounds"), recipe, device="cpu"))
    train_run_folder(run)
    assert run.state() == "finished", run.reason()
    clips = {fold: json.loads((run.fold_folder(fold) / "clips.json").read_text()) for fold in run.finished_folds()}
    return Published(publish(run, "small", workspace.ensembles), folder / "sounds", clips)


def test_recipe_names_the_network_and_comes_back_from_json(recipe: Recipe) -> None:
    assert recipe.network == SmallCNNSettings(filters=6)
    assert recipe.network.describe() == "small CNN, 6 filters"
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_unknown_setting_is_refused_with_the_networks_name() -> None:
    with pytest.raises(AudiotagError, match="colour"):
        network_from_dict({"kind": "small-cnn", "colour": "red"})


def test_inputs_narrower_than_the_network_takes_are_refused(recipe: Recipe) -> None:
    with pytest.raises(AudiotagError, match="at least 5 frames"):
        recipe.with_spectrogram(recipe.spectrogram.with_changes(clip_s=0.1, hop_length=256))


def test_card_describes_the_network_and_each_fold_scores_as_in_training(published: Published) -> None:
    card = read_card(published.ensemble)
    assert card.network == SmallCNNSettings(filters=6)
    assert card.labels == LABELS
    stored = read_out_of_fold(published.ensemble, card)
    assert stored is not None
    for fold, names in published.clips.items():
        tagger = Tagger(published.ensemble, TagSettings(folds=(fold,)))
        paths = [next(published.sounds.glob(f"*/{Path(name).name}")) for name in names]
        scores = np.stack([tagger.tag(path).scores for path in paths])
        assert scores.std(axis=0).min() > 0.01
        np.testing.assert_allclose(scores, stored.scores[stored.folds == fold], atol=HALF_PRECISION)


def test_every_engine_tags_alike(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_comparison, "N_INPUTS", 4)
    monkeypatch.setattr(engine_comparison, "MAX_TRIAL_SLOWDOWN", float("inf"))
    paths = sorted(published.sounds.glob("*/*.wav"))[::5]
    expected = np.stack([Tagger(published.ensemble).tag(path).scores for path in paths])
    monkeypatch.delenv("AUDIOTAG_ENGINE")
    Tagger(published.ensemble)
    measured = choice_of(published.ensemble, read_card(published.ensemble))["measured"]
    assert [row["engine"] for row in measured] == list(ENGINES)
    for name in ("onnxruntime", "openvino"):
        pytest.importorskip(name, exc_type=ImportError)
        monkeypatch.setenv("AUDIOTAG_ENGINE", name)
        tagger = Tagger(published.ensemble)
        assert tagger.engine_name == name
        np.testing.assert_allclose([tagger.tag(path).scores for path in paths], expected, atol=1e-4)
