"""Publishing a run: the card says what was measured, and the ensemble appears whole or not at all."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from audiotag.data.dataset import Dataset
from audiotag.data.index import write_parquet
from audiotag.data.left_out import LeftOutClip, leave_out
from audiotag.data.saved_options import open_remembered
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.metrics import accuracy, lwlrap
from audiotag.networks.xresnet.model import build_network
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.known_clips import read_known_clips
from audiotag.tagging.learning_curves import Epoch, read_curves
from audiotag.tagging.weights import load_networks
from audiotag.training import publish as publish_module
from audiotag.training.begun import COLUMNS, TRAINED_ON
from audiotag.training.publish import publish
from audiotag.training.recipe import Recipe
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.training.stage import Stage
from audiotag.workspace import Workspace

LABELS = ("Buzz", "Hiss", "Hum")
STAGES = [
    {"stage": number, "subset": subset, "epochs": 1, "clips": 3, "pixels": 1600, "shared": False}
    for number, subset in enumerate(("noisy", "curated"))
]
RECIPE = Recipe(
    "tiny", "Tiny", "For tests.", (Stage("noisy", 1, 1e-3), Stage("curated", 1, 1e-3, size=40)), folds=2,
    spectrogram=SpectrogramSettings(clip_s=1.0, n_mels=32),
    network=XResNetSettings(depth=18, width=1 / 16, stem=4, self_attention=True),
)  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two folds as the worker leaves it, with networks that have seen noise alone; a third fold had begun."""
    folder = tmp_path_factory.mktemp("publish")
    dataset = folder / "sounds"
    dataset.mkdir()
    for number in range(3):
        soundfile.write(dataset / f"{number}.wav", np.zeros(100), 8000)
    lines = [f"{number}.wav,{label}" for number, label in enumerate(LABELS)]
    (dataset / "clips.csv").write_text("\n".join(["fname,label", *lines]) + "\n")
    run = create_run(Workspace(folder / "home"), RunSettings(str(dataset), RECIPE, device="cpu"))
    run.write_event("run-started", folds=[1, 2, 3], labels=LABELS, stages=STAGES)
    for fold in (2, 1):
        run.write_event("fold-started", fold=fold)
        rng = np.random.default_rng(fold)
        targets = np.eye(3, dtype=np.float32)[rng.integers(3, size=9)]
        scores = rng.random((9, 3)).astype(np.float32)
        fold_folder = run.fold_folder(fold)
        fold_folder.mkdir()
        (fold_folder / "scores.safetensors").write_bytes(save_arrays({"scores": scores, "targets": targets}))
        (fold_folder / "weights.safetensors").write_bytes(save_tensors(network_of(fold).state_dict()))
        run.write_event(
            "fold-finished", fold=fold, clips=9, lwlrap=lwlrap(targets, scores), accuracy=accuracy(targets, scores)
        )
    run.write_event("fold-started", fold=3)
    return run


@pytest.fixture
def run(original: Run, tmp_path: Path) -> Run:
    """A copy of it, to change."""
    return Run(shutil.copytree(original.folder, tmp_path / "home" / "runs" / original.name))


@cache
def network_of(fold: int) -> torch.nn.Module:
    """A network whose batch normalisation has the means and deviations of log-mel spectrograms."""
    from audiotag.networks.xresnet.model import fold_spectral_norm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(fold)
        network = build_network(RECIPE.network, 3)
        for _ in range(10):
            network(-30 + 12 * torch.randn(8, 1, 40, 40))
    return fold_spectral_norm(network)


@pytest.fixture(scope="module")
def published(original: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(original, "mine", tmp_path_factory.mktemp("published") / "ensembles", licence="CC0-1.0")


def test_card_says_what_was_measured_and_where_it_comes_from(run: Run, published: Path) -> None:
    card = read_card(published)
    assert [fold.fold for fold in card.folds] == [1, 2]  # in order, without the one that had only begun
    finished = {event["fold"]: event for event in run.events() if event["event"] == "fold-finished"}
    for fold in card.folds:
        assert fold.lwlrap == pytest.approx(finished[fold.fold]["lwlrap"], abs=1e-5)
        assert fold.accuracy == pytest.approx(finished[fold.fold]["accuracy"], abs=1e-5)
        assert fold.clips == 9
    stored = [load_arrays((run.fold_folder(fold) / "scores.safetensors").read_bytes()) for fold in (1, 2)]
    targets, scores = (np.concatenate([part[key] for part in stored]) for key in ("targets", "scores"))
    assert card.lwlrap == pytest.approx(lwlrap(targets, scores), abs=1e-5)
    assert card.accuracy == pytest.approx(accuracy(targets, scores), abs=1e-5)
    assert card.labels == LABELS
    assert card.spectrogram == RECIPE.spectrogram.with_changes(resize=40)  # that of the last stage
    assert card.network == RECIPE.network
    assert (card.name, card.licence) == ("mine", "CC0-1.0")
    assert card.about == "Trained by Tiny on sounds."
    assert (card.dataset["name"], card.dataset["clips"]) == ("clips", 3)
    assert Recipe.from_dict(card.recipe) == RECIPE
    assert card.dataset["hours"] == round(3 * 100 / 8000 / 3600, 4)
    assert "recordings" not in card.dataset  # the table does not name them


def test_learning_curves_are_kept_with_the_ensemble(run: Run, tmp_path: Path) -> None:
    folder = publish(run, "without", tmp_path)
    assert read_curves(folder, read_card(folder)) == ()
    for stage, subset, score in ((0, "noisy", 0.25), (1, "curated", 0.5)):
        losses = {"train_loss": 0.125, "valid_loss": 0.75, "seconds": 1.0}
        run.write_event("epoch", fold=1, stage=stage, subset=subset, epoch=1, lwlrap=score, accuracy=0.5, **losses)
    folder = publish(run, "mine", tmp_path)
    assert read_curves(folder, read_card(folder)) == (
        Epoch(1, 1, 1, 0.25, 0.125, 0.75), Epoch(1, 2, 2, 0.5, 0.125, 0.75)
    )  # fmt: skip


def test_card_counts_the_clips_that_are_not_test_clips(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_a_test_clip(root: Path, workspace: Workspace) -> Dataset:
        dataset = open_remembered(root, workspace)
        return replace(dataset, clips=dataset.clips.assign(subset=["curated", "test", "noisy"]))

    monkeypatch.setattr(publish_module, "open_remembered", with_a_test_clip)
    assert read_card(publish(run, "mine", tmp_path)).dataset["clips"] == 2


def test_card_counts_and_profiles_the_clips_that_the_run_was_trained_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = pd.DataFrame([("curated", "0.wav", "1 2"), ("curated", "2.wav", "2")], columns=COLUMNS, dtype="str")
    write_parquet(noted, run.folder / TRAINED_ON)
    profiled: list[str] = []

    def profile(dataset: Dataset, sample_rate: int) -> dict:
        profiled.extend(dataset.clips["clip"])
        return {}

    monkeypatch.setattr(publish_module, "_profile_of_training_clips", profile)
    assert read_card(publish(run, "mine", tmp_path)).dataset["clips"] == 2
    assert profiled == ["0.wav", "2.wav"]


def test_published_weights_are_those_of_their_folds_in_half_precision(run: Run, published: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        batch = -30 + 12 * torch.randn(20, 1, 40, 40)
    networks = load_networks(published, read_card(published))
    for fold, halved in zip((1, 2), networks, strict=True):
        stored = (run.fold_folder(fold) / "weights.safetensors").read_bytes()
        assert (published / f"fold-{fold}.safetensors").stat().st_size < 0.75 * len(stored)
        with torch.no_grad():
            whole, half = (network.eval()(batch).sigmoid() for network in (network_of(fold), halved))
        assert whole.std(0).min() > 1e-3
        assert (whole - half).abs().max() < 0.01
        for name, weight in load_tensors((published / f"fold-{fold}.safetensors").read_bytes()).items():
            wide = weight.is_floating_point() and weight.dim() > 1
            assert weight.dtype == (torch.float16 if wide else load_tensors(stored)[name].dtype)


def test_a_name_that_is_taken_is_refused_and_what_has_it_is_untouched(
    run: Run, published: Path, contents: Callable[[Path], dict]
) -> None:
    before = contents(published)
    with pytest.raises(AudiotagError, match="an ensemble named mine exists already"):
        publish(run, "mine", published.parent, about="another")
    assert contents(published) == before
    assert sorted(os.listdir(published.parent)) == ["mine"]


def test_of_two_that_take_a_name_at_once_one_gets_it(run: Run, tmp_path: Path) -> None:
    def take(about: str) -> str:
        try:
            publish(run, "mine", tmp_path / "ensembles", about=about)
        except AudiotagError as error:
            return str(error)
        return about

    with ThreadPoolExecutor(2) as pool:
        results = set(pool.map(take, ("one", "other")))
    taken = "an ensemble named mine exists already; choose another name."
    assert results in ({"one", taken}, {"other", taken})
    assert {read_card(tmp_path / "ensembles" / "mine").about} == results - {taken}


def test_of_two_that_publish_under_one_name_at_once_the_second_is_refused(
    run: Run, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = tmp_path / "ensembles"

    def faster(*_: object) -> dict:
        shutil.copytree(published, parent / "mine")
        return {}

    monkeypatch.setattr(publish_module, "_profile_of_training_clips", faster)
    with pytest.raises(AudiotagError, match="an ensemble named mine exists already"):
        publish(run, "mine", parent)
    assert os.listdir(parent) == ["mine"]
    assert read_card(parent / "mine") == read_card(published)


@pytest.mark.parametrize("name", ["", "../mine", "a b", "a/b", ".hidden", "x" * 61])
def test_a_name_that_is_not_a_plain_folder_name_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    with pytest.raises(AudiotagError, match="letters, digits"):
        publish(run, name, tmp_path / "ensembles")
    assert not (tmp_path / "ensembles").exists()


@pytest.mark.parametrize("missing", ["weights", "scores"])
def test_publishing_that_fails_half_way_leaves_nothing(missing: str, run: Run, tmp_path: Path) -> None:
    (run.fold_folder(2) / f"{missing}.safetensors").unlink()
    with pytest.raises(AudiotagError, match=rf"is incomplete: .*fold-2/{missing}\.safetensors is missing"):
        publish(run, "mine", tmp_path / "ensembles")
    assert os.listdir(tmp_path / "ensembles") == []


def test_run_without_a_finished_fold_is_refused(run: Run, tmp_path: Path) -> None:
    begun = create_run(Workspace(tmp_path / "home"), replace(run.settings(), folds=(1,)))
    begun.write_event("run-started", folds=[1], labels=LABELS, stages=STAGES)
    with pytest.raises(AudiotagError, match="no finished fold yet; an ensemble needs at least one"):
        publish(begun, "mine", tmp_path / "ensembles")


def test_a_clip_that_is_left_out_after_the_training_stays_known(run: Run, tmp_path: Path) -> None:
    dataset, workspace = open_remembered(Path(run.settings().dataset), Workspace()), Workspace()
    rng = np.random.default_rng(6)
    soundfile.write(dataset.clips["path"][1], rng.normal(0, 0.1, 100), 8000)
    trained_on = pd.DataFrame([("curated", "1.wav", "1")], columns=COLUMNS, dtype="str")
    write_parquet(trained_on, run.folder / TRAINED_ON)
    leave_out(dataset, [LeftOutClip("curated", "1.wav", "The same sound has different labels.")], workspace)
    folder = publish(run, "mine", tmp_path)
    known = read_known_clips(folder, read_card(folder))
    assert known is not None
    assert known.trained.tolist() == [[True, False]]
