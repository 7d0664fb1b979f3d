"""A network that takes waveforms goes the whole way: from recipe and training to tags, graphs and explanations."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import torch

from audiotag.augmentation.base import augmentation_from_dict
from audiotag.augmentation.mixup import MixUp
from audiotag.errors import AudiotagError
from audiotag.features.crop_features import crop_features
from audiotag.features.log_mel import network_inputs
from audiotag.features.torch_log_mel import NetworkInput
from audiotag.features.torch_log_mel import crop_features as torch_crop_features
from audiotag.networks.base import default_network
from audiotag.networks.env_net import EnvNetSettings
from audiotag.networks.flip_labels.settings import FlipLabelsSettings
from audiotag.tagging import engine_comparison
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_selection import choice_of
from audiotag.tagging.engines import ENGINES, Outputs
from audiotag.tagging.explanation import explain_section
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.tagging.section import Section
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.standalone.files import export_tagger
from audiotag.tagging.tagger import Tagger
from audiotag.training.batches import Batches
from audiotag.training.clips import Clip, LabelledClips
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
title = "Waveforms"
about = "For tests."
folds = 2
batch_size = 4

[[stages]]
subset = "curated"
epochs = 2
lr = 3e-3

[spectrogram]
sample_rate = 8000
clip_s = 2.6
n_fft = 256
win_length = 256
hop_length = 64
n_mels = 16
f_max = 4000.0
trim_db = 0.0
network_input = "waveform"

[network]
kind = "env-net-v2"
width = 0.0625
hidden = 16

[[augment]]
kind = "mixup"
domain = "waveform"
"""


class Published(NamedTuple):
    ensemble: Path
    sounds: Path
    clips: dict[int, list[str]]  # held-out clips of each fold, in the order of its out-of-fold scores


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    path = tmp_path_factory.mktemp("recipes") / "waveforms.toml"
    path.write_text(RECIPE)
    return load_recipe(str(path))


@pytest.fixture(scope="module")
def published(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """An ensemble of two folds, trained for two epochs on sixteen clips of 2.3 to 3.05 s."""
    folder = tmp_path_factory.mktemp("waveforms")
    rng = np.random.default_rng(0)
    for number in range(16):
        samples = round((2.3 + 0.05 * number) * RATE)
        phases = 2 * np.pi * rng.uniform(200, 900) * np.arange(samples) / RATE
        sound = rng.normal(size=samples) if number % 2 == 0 else np.sin(phases)
        path = folder / "sounds" / LABELS[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.2 * sound.clip(-3, 3), RATE)
    workspace = Workspace(folder / "home")
    run = create_run(workspace, RunSettings(str(folder / "sounds"), recipe, device="cpu"))
    train_run_folder(run)
    assert run.state() == "finished", run.reason()
    clips = {fold: json.loads((run.fold_folder(fold) / "clips.json").read_text()) for fold in run.finished_folds()}
    return Published(publish(run, "waveforms", workspace.ensembles), folder / "sounds", clips)


def paths_of(published: Published) -> list[Path]:
    return sorted(published.sounds.glob("*/*.wav"))


def test_recipe_comes_back_from_json(recipe: Recipe) -> None:
    assert recipe.network == EnvNetSettings(width=1 / 16, hidden=16)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda recipe: {"network": default_network()},
            r"^spectrogram\.network_input must be log-mel for this network",
        ),
        (
            lambda recipe: {"spectrogram": recipe.spectrogram.with_changes(network_input="log-mel")},
            r"^spectrogram\.network_input must be waveform for this network \(EnvNet-v2, width 0\.0625\), got log-mel; "
            r'set network_input = "waveform"',
        ),
        (lambda recipe: {"spectrogram": recipe.spectrogram.with_changes(clip_s=2.5)}, "at least 20570 samples"),
        (lambda recipe: {"stages": (replace(recipe.stages[0], size=64),)}, r"^stages\.size must be 0 where"),
        (
            lambda recipe: {"augment": (augmentation_from_dict({"kind": "mask", "axis": "mel", "width": 4}), MixUp())},
            r"^augment must change only waveforms .*, got mask, mixup; give it domain",
        ),
    ],
)
def test_what_does_not_fit_waveforms_is_refused(
    recipe: Recipe, change: Callable[[Recipe], dict[str, Any]], message: str
) -> None:
    with pytest.raises(AudiotagError, match=message):
        replace(recipe, **change(recipe))


def test_a_network_around_another_takes_what_that_takes() -> None:
    assert FlipLabelsSettings(EnvNetSettings()).takes == "waveform"
    assert FlipLabelsSettings().takes == "log-mel"


def test_network_inputs_are_the_crops_and_torch_makes_the_same(published: Published, recipe: Recipe) -> None:
    paths = paths_of(published)[:4]
    sounds = [soundfile.read(path, dtype="float32")[0] for path in paths]
    clips = [Clip(path.name, path, 0, len(sound), True) for path, sound in zip(paths, sounds, strict=True)]
    labelled = LabelledClips(clips, np.eye(4, dtype=np.float32))
    settings = recipe.spectrogram
    held_out = Batches(labelled, recipe, recipe.stages[0], 0, training=False).input_batch(0, 0)
    crops = np.stack([clip.crop(settings, (clip.samples - settings.clip_samples) // 2) for clip in clips])
    np.testing.assert_array_equal(held_out.values, crops[:, None, None])

    batches = Batches(labelled, recipe, recipe.stages[0], 0, training=True)
    mixed, waveforms = batches.input_batch(0, 0), next(batches.epoch(0, as_inputs=False))
    assert mixed.values.shape == (4, 1, 1, settings.clip_samples)
    mixer = MixUp(domain="waveform")
    params = mixer.sample(waveforms.rng, waveforms.values.shape)
    np.testing.assert_allclose(mixed.values[:, 0, 0], mixer.apply(waveforms.values, params), atol=1e-6)
    np.testing.assert_allclose(mixed.targets, mixer.mix_targets(waveforms.targets, params), atol=1e-6)

    there = NetworkInput(settings)(torch_crop_features(settings)(torch.from_numpy(crops)))
    here = network_inputs(np.stack([crop_features(crop, settings) for crop in crops]), settings)
    np.testing.assert_array_equal(there, here)


def test_each_fold_scores_as_in_training(published: Published) -> None:
    card = read_card(published.ensemble)
    assert card.network == EnvNetSettings(width=1 / 16, hidden=16)
    stored = read_out_of_fold(published.ensemble, card)
    assert stored is not None
    for fold, names in published.clips.items():
        tagger = Tagger(published.ensemble, TagSettings(folds=(fold,), windows="max"))
        paths = [next(published.sounds.glob(f"*/{Path(name).name}")) for name in names]
        short = [soundfile.info(path).duration <= card.spectrogram.clip_s for path in paths]  # of one window
        scores = np.stack([tagger.tag(path).scores for path in paths])
        assert scores.std(axis=0).min() > 0.001
        expected = stored.scores[stored.folds == fold]
        np.testing.assert_allclose(scores[short], expected[short], atol=HALF_PRECISION)


def test_a_card_whose_network_input_is_another_is_refused(published: Published, tmp_path: Path) -> None:
    card = json.loads((published.ensemble / "card.json").read_text())
    del card["spectrogram"]["network_input"]
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(AudiotagError, match=r"network_input must be waveform for this network"):
        read_card(tmp_path)


def test_every_engine_and_an_exported_graph_tag_alike(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", exc_type=ImportError)
    monkeypatch.setattr(engine_comparison, "N_INPUTS", 4)
    monkeypatch.setattr(engine_comparison, "MAX_TRIAL_SLOWDOWN", float("inf"))
    paths = paths_of(published)[::5]
    expected = np.stack([Tagger(published.ensemble).tag(path).scores for path in paths])
    assert expected.std(axis=0).min() > 0.001
    session = onnxruntime.InferenceSession(export_tagger(published.ensemble, tmp_path / "tagger.onnx").model)
    unknown = [soundfile.read(path, dtype="float32")[0][::-1].copy() for path in paths]  # so that all folds vote
    exported = [session.run(None, {"waveform": sound[None]})[0][0] for sound in unknown]
    tagger = Tagger(published.ensemble)
    np.testing.assert_allclose(exported, [tagger.tag(one, sample_rate=RATE).scores for one in unknown], atol=1e-3)
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


def test_embeddings_are_those_of_the_hidden_layer(published: Published) -> None:
    tagger = Tagger(published.ensemble, keep_embeddings=True)
    tags = tagger.tag(paths_of(published)[0])
    assert tags.embeddings is not None
    assert tags.embeddings.shape[::2] == (2, 16)


def test_an_explanation_removes_parts_of_the_waveform(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = Tagger(published.ensemble)
    times_s = np.arange(tagger.card.spectrogram.clip_samples) / RATE
    chirp = np.where((times_s > 1.5) & (times_s < 1.8), np.sin(2 * np.pi * 2000 * times_s), 0)
    waveform = (0.1 * chirp + 0.3 * np.sin(2 * np.pi * 300 * times_s)).astype(np.float32)
    bins = slice(*(np.array([1900, 2100]) * len(times_s) // RATE))

    def engine(inputs: np.ndarray) -> Outputs:
        """Hiss is the power around 2 kHz, Hum is always the same."""
        assert inputs.shape[1:] == (1, 1, len(times_s))
        energy = np.square(np.abs(np.fft.rfft(inputs[:, 0, 0])[:, bins])).sum(axis=1)
        hiss = energy / (energy + 5e4)
        scores = np.stack([hiss, np.full(len(inputs), 0.5)], axis=1)
        return Outputs(np.stack([scores, scores]).astype(np.float32), np.zeros((2, len(inputs), 0), np.float32))

    monkeypatch.setattr(tagger.networks, "run", engine)
    explanation = explain_section(tagger, Section("mix", waveform, RATE))
    needed = explanation.map_of("Hiss")
    band, frame = np.unravel_index(np.argmax(needed.values), needed.values.shape)
    assert needed.frequencies_hz[band] == pytest.approx(2000, rel=0.35)
    assert 1.4 < needed.times_s[frame] < 1.9
    away = np.abs(needed.times_s - 1.65) > 0.6
    assert np.abs(needed.values[:, away]).max() < 0.05 * needed.values.max()
    assert np.abs(explanation.map_of("Hum").values).max() < 1e-6
