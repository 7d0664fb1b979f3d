"""Training end to end: a real detached worker on small synthetic sounds, from a dataset to an ensemble that tags."""

import csv
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
import torch
from safetensors.numpy import load as load_arrays
from safetensors.torch import load as load_tensors

from audiotag.audio.reading import read_sound, wav_bytes
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.trimming import fit_length, trim_bounds
from audiotag.metrics import accuracy, lwlrap, multi_hot
from audiotag.networks.xresnet.model import build_network
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.tagger import Tagger
from audiotag.training.publish import publish
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.training.stage import Stage
from audiotag.training.worker import train_run_folder
from audiotag.workspace import Workspace

RATE = 16_000
LABELS = ("Clicks", "Hiss", "Hum")

SCORE_TOLERANCE = 0.02  # the worker computes in 16 bits where the processor is fast with them
RECIPE = """
title = "Tiny"
about = "For tests."
folds = 2
batch_size = 8

[spectrogram]
sample_rate = 16000
clip_s = 1.0
n_fft = 512
win_length = 512
hop_length = 256
n_mels = 24
f_max = 8000.0

[network]
depth = 18
width = 0.0625
stem = 4
activation = "relu"

[[augment]]
kind = "mask"
axis = "time"
width = 4

[[augment]]
kind = "mask"
axis = "mel"
width = 2

[[stages]]
subset = "noisy"
epochs = 4
lr = 1e-2

[[stages]]
subset = "curated"
epochs = 12
lr = 1e-2
mixup = 0.2
"""


def waveform(labels: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """0.5 to 1.5 s of the sounds that these labels name, at 16 kHz."""
    time_s = np.arange(round(rng.uniform(0.5, 1.5) * RATE)) / RATE
    parts = {
        "Hum": lambda: np.sin(2 * np.pi * rng.uniform(450, 550) * time_s + rng.uniform(0, 6)),
        "Hiss": lambda: 0.5 * rng.normal(size=len(time_s)),
        "Clicks": lambda: np.exp(-((time_s + rng.uniform(0, 0.1)) % 0.125) * 400) * rng.normal(size=len(time_s)),
    }
    sound = sum(parts[label]() for label in labels) / len(labels)
    return np.clip(rng.uniform(0.3, 0.7) * sound, -1, 1).astype(np.float32)


def draw_labels(index: int, rng: np.random.Generator) -> tuple[str, ...]:
    labels = [LABELS[index % 3]]
    if index % 5 == 4:
        labels.append(LABELS[(index + rng.integers(1, 3)) % 3])
    return tuple(sorted(labels))


def write_dataset(folder: Path) -> Path:
    """Forty curated and thirty noisy clips in the competition's layout; one curated file is not a sound."""
    rng = np.random.default_rng(3)
    for subset, count in (("train_curated", 40), ("train_noisy", 30)):
        (folder / subset).mkdir(parents=True)
        rows = []
        for index in range(count):
            labels = draw_labels(index, rng)
            suffix, rate = (".flac", 44_100) if index % 10 == 7 else (".wav", RATE)
            sound = waveform(labels, rng)
            if rate != RATE:
                sound = np.interp(np.arange(0, len(sound) - 1, RATE / rate), np.arange(len(sound)), sound)
            soundfile.write(folder / subset / f"{subset[6]}{index:02}{suffix}", sound, rate)
            wrong = subset == "train_noisy" and index % 4 == 3
            rows.append((f"{subset[6]}{index:02}{suffix}", ",".join([LABELS[(index + 1) % 3]] if wrong else labels)))
        if subset == "train_curated":
            (folder / subset / "broken.wav").write_text("no sound")
            rows.append(("broken.wav", "Hum"))
        with (folder / f"{subset}.csv").open("w", newline="") as table:
            csv.writer(table).writerows([("fname", "labels"), *rows])
    return folder


@dataclass(frozen=True)
class Trained:
    workspace: Workspace
    dataset: Path
    recipe: Recipe
    run: Run

    def scores(self, fold: int) -> dict[str, np.ndarray]:
        return load_arrays((self.run.fold_folder(fold) / "scores.safetensors").read_bytes())

    def clips(self, fold: int) -> list[str]:
        return json.loads((self.run.fold_folder(fold) / "clips.json").read_text())


def pid_of(run: Run) -> int:
    return json.loads((run.folder / "process.json").read_text())["pid"]


@pytest.fixture
def started() -> Iterator[Callable[[Run], Run]]:
    """Starts runs, and ends their workers when the test is over, however it went."""
    runs = []

    def start(run: Run) -> Run:
        run.start()
        runs.append(run)
        return run

    yield start
    for run in runs:
        if run.is_active():
            psutil.Process(pid_of(run)).kill()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, wait_for_end: Callable[[Run], None]) -> Trained:
    """A run that a real detached process has trained."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "tiny.toml").write_text(RECIPE)
    recipe = load_recipe(str(folder / "tiny.toml"))
    workspace = Workspace(folder / "home")
    dataset = write_dataset(folder / "sounds")
    run = create_run(workspace, RunSettings(str(dataset), recipe, device="cpu"))
    run.start()
    try:
        wait_for_end(run)
    finally:
        if run.is_active():
            psutil.Process(pid_of(run)).kill()
    return Trained(workspace, dataset, recipe, run)


def test_run_ends_finished(trained: Trained) -> None:
    assert trained.run.state() == "finished", trained.run.log_tail()
    assert trained.run.reason() == ""
    assert trained.run.finished_folds() == [1, 2]


def test_events_come_fold_by_fold_stage_by_stage_epoch_by_epoch(trained: Trained) -> None:
    events = trained.run.events()
    steps = [
        (event["event"], event.get("fold"), event.get("stage"), event.get("subset"), event.get("epoch"))
        for event in events
    ]
    wanted: list[tuple] = [("run-started", None, None, None, None)]
    for fold in (1, 2):
        wanted.append(("fold-started", fold, None, None, None))
        wanted += [("epoch", fold, 0, "noisy", number) for number in range(1, 5)]
        wanted += [("epoch", fold, 1, "curated", number) for number in range(1, 13)]
        wanted.append(("fold-finished", fold, None, None, None))
    assert steps == wanted
    assert events[0]["folds"] == [1, 2]
    assert events[0]["labels"] == list(LABELS)
    assert events[0]["devices"] == ["cpu"]
    stages = [tuple(stage[key] for key in ("subset", "epochs", "clips", "batches")) for stage in events[0]["stages"]]
    assert stages == [("noisy", 4, 30, 1), ("curated", 12, 40, 2)]
    assert {stage["pixels"] for stage in events[0]["stages"]} == {24 * 63}
    assert not any(stage["shared"] for stage in events[0]["stages"])
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)


def test_figures_of_a_fold_are_those_of_its_stored_scores(trained: Trained) -> None:
    for event in trained.run.events():
        if event["event"] == "fold-finished":
            stored = trained.scores(event["fold"])
            assert event["lwlrap"] == pytest.approx(lwlrap(stored["targets"], stored["scores"]), abs=1e-9)
            assert event["accuracy"] == pytest.approx(accuracy(stored["targets"], stored["scores"]), abs=1e-9)
            assert event["clips"] == len(stored["scores"])


def test_folds_learn_far_more_than_chance(trained: Trained) -> None:
    rng = np.random.default_rng(0)
    for fold in (1, 2):
        stored = trained.scores(fold)
        by_chance = [lwlrap(stored["targets"], rng.permutation(stored["scores"])) for _ in range(20)]
        assert lwlrap(stored["targets"], stored["scores"]) > max(0.85, max(by_chance) + 0.05)


def test_each_usable_curated_clip_is_scored_by_exactly_one_fold_with_its_own_labels(trained: Trained) -> None:
    clips = open_dataset(trained.dataset).subset("curated").set_index("clip")
    scored = [*trained.clips(1), *trained.clips(2)]
    assert len(scored) == len(set(scored))
    assert set(scored) == set(clips.index) - {"broken.wav"}
    for fold in (1, 2):
        wanted = multi_hot([clips.at[name, "labels"] for name in trained.clips(fold)], LABELS)
        np.testing.assert_array_equal(trained.scores(fold)["targets"], wanted)


def scores_by(weights: dict[str, torch.Tensor], trained: Trained, names: list[str]) -> np.ndarray:
    """The scores of these weights for the middle of each of these curated clips, computed step by step."""
    settings = trained.recipe.spectrogram
    network = build_network(trained.recipe.network, len(LABELS)).eval()
    network.load_state_dict(weights)
    log_mels = []
    for name in names:
        sound = read_sound(trained.dataset / "train_curated" / name, RATE).waveform
        first, last = trim_bounds(sound, RATE, settings.trim_db)
        log_mels.append(log_mel(fit_length(sound[first:last], settings), settings))
    with torch.no_grad():
        return network(torch.from_numpy(np.stack(log_mels))[:, None]).sigmoid().numpy()


def stored_weights(run: Run, fold: int) -> dict[str, torch.Tensor]:
    return load_tensors((run.fold_folder(fold) / "weights.safetensors").read_bytes())


def test_stored_scores_are_what_the_stored_weights_give_for_the_middle_of_each_clip(trained: Trained) -> None:
    for fold in (1, 2):
        scores = scores_by(stored_weights(trained.run, fold), trained, trained.clips(fold))
        np.testing.assert_allclose(trained.scores(fold)["scores"], scores, atol=SCORE_TOLERANCE)


def epochs_of(run: Run, fold: int, subset: str = "curated") -> list[dict[str, Any]]:
    events = run.events()
    return [e for e in events if e["event"] == "epoch" and e["fold"] == fold and e["subset"] == subset]


def test_figures_of_a_fold_are_those_of_its_last_epoch_where_held_out_clips_are_not_augmented(trained: Trained) -> None:
    for event in trained.run.events():
        if event["event"] == "fold-finished":
            last = epochs_of(trained.run, event["fold"])[-1]
            assert [last[key] for key in ("lwlrap", "accuracy", "per_class")] == [
                event[key] for key in ("lwlrap", "accuracy", "per_class")
            ]


def test_per_class_figures_of_every_epoch_weigh_up_to_its_lwlrap(trained: Trained) -> None:
    for fold in (1, 2):
        shares = trained.scores(fold)["targets"].sum(0) / trained.scores(fold)["targets"].sum()
        for epoch in epochs_of(trained.run, fold):
            assert float(np.dot(epoch["per_class"], shares)) == pytest.approx(epoch["lwlrap"], abs=1e-4)
        assert all(epoch["curated_lwlrap"] is None for epoch in epochs_of(trained.run, fold))
        assert all(0 < epoch["curated_lwlrap"] <= 1 for epoch in epochs_of(trained.run, fold, "noisy"))


def test_finished_run_has_weights_and_scores_and_no_checkpoint(trained: Trained) -> None:
    for fold in (1, 2):
        assert sorted(os.listdir(trained.run.fold_folder(fold))) == [
            "best-scores.safetensors", "best.safetensors", "clips.json", "noisy-clips.json",
            "noisy-scores.safetensors", "scores.safetensors", "weights.safetensors",
        ]  # fmt: skip
    assert trained.run.progress() == []


def test_broken_file_is_named_in_the_log_and_the_others_are_used(trained: Trained) -> None:
    log = (trained.run.folder / "log.txt").read_text()
    assert "left out: broken.wav cannot be read as a sound" in log
    assert log.count("left out") == 1
    assert "Traceback" not in log
    assert "Warning" not in log


def test_source_sounds_are_left_as_they_were(trained: Trained, tmp_path: Path) -> None:
    fresh = write_dataset(tmp_path / "again")
    files = sorted(path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(trained.dataset) for p in trained.dataset.rglob("*") if p.is_file())
    assert all((fresh / name).read_bytes() == (trained.dataset / name).read_bytes() for name in files)


def test_published_ensemble_tags_new_sounds_correctly(trained: Trained, tmp_path: Path) -> None:
    tagger = Tagger(publish(trained.run, "mine", tmp_path / "ensembles"))
    rng = np.random.default_rng(99)
    for label in LABELS:
        for _ in range(5):
            tags = tagger.tag(wav_bytes(waveform((label,), rng), RATE), f"{label}.wav")
            assert tags.ranking[0].label == label
            assert tags.ranking[0].passes


def test_normalised_resized_inputs_with_deltas_are_the_same_in_training_and_tagging(
    trained: Trained, tmp_path: Path
) -> None:
    """Training and tagging compute the same network inputs: the scores of both are the same."""
    finished = trained.recipe.spectrogram.with_changes(normalise="clip", deltas=1, resize=40)
    stages = (Stage("curated", 2, 1e-2),)
    recipe = replace(trained.recipe.with_spectrogram(finished), stages=stages, augment=())
    workspace = Workspace(tmp_path / "home")
    run = create_run(workspace, RunSettings(str(trained.dataset), recipe, folds=(1,)))
    train_run_folder(run)
    assert run.state() == "finished"
    published = publish(run, "finished", workspace.ensembles)
    tagger = Tagger(published)
    scores = load_arrays((run.fold_folder(1) / "scores.safetensors").read_bytes())["scores"]
    names = json.loads((run.fold_folder(1) / "clips.json").read_text())
    for name, row in zip(names, scores, strict=True):
        waveform = read_sound(trained.dataset / "train_curated" / name, RATE).waveform
        first, last = trim_bounds(waveform, RATE, finished.trim_db)
        inputs = network_input(log_mel(fit_length(waveform[first:last], finished), finished), finished)
        (tagged,) = tagger.networks.run(inputs[None]).scores[0]
        np.testing.assert_allclose(tagged, row, atol=0.003)  # published weights are in half precision


@pytest.mark.usefixtures("forked_workers")
def test_stop_ends_a_run_as_stopped_and_keeps_its_finished_folds_and_the_queued_one_begins(
    trained: Trained,
    tmp_path: Path,
    started: Callable[[Run], Run],
    wait_for_end: Callable[[Run], None],
    wait_until: Callable[..., None],
) -> None:
    long = replace(trained.recipe, folds=10, stages=(Stage("curated", epochs=3, lr=1e-2),))
    settings = RunSettings(str(trained.dataset), long, device="cpu")
    run, next_run = (create_run(Workspace(tmp_path / "home"), settings) for _ in range(2))
    started(run)
    wait_until(lambda: bool(run.finished_folds()) or not run.is_active())
    assert run.state() == "running", run.log_tail()
    started(next_run)
    wait_until(lambda: next_run.state() != "starting")
    assert next_run.state() == "queued"
    with pytest.raises(AudiotagError, match="is queued already"):
        next_run.start()
    run.stop()
    wait_for_end(run)
    assert run.state() == "stopped"
    wait_until(lambda: next_run.state() == "running")
    next_run.stop()
    finished = run.finished_folds()
    assert 1 <= len(finished) < 10
    ensemble = publish(run, "part", tmp_path / "ensembles")
    assert [fold.fold for fold in read_card(ensemble).folds] == finished


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_worker_that_was_killed_is_an_interrupted_run(
    trained: Trained,
    tmp_path: Path,
    started: Callable[[Run], Run],
    wait_for_end: Callable[[Run], None],
    wait_until: Callable[..., None],
) -> None:
    run = started(create_run(Workspace(tmp_path / "home"), RunSettings(str(trained.dataset), trained.recipe)))
    wait_until(lambda: bool(run.events()) or not run.is_active())
    assert run.state() == "running", run.log_tail()
    os.kill(pid_of(run), signal.SIGKILL)
    wait_for_end(run)
    assert run.state() == "interrupted"
    with pytest.raises(AudiotagError, match="no finished fold"):
        publish(run, "mine", tmp_path / "ensembles")


@pytest.mark.usefixtures("forked_workers")
def test_dataset_that_vanishes_before_the_worker_starts_fails_with_a_sentence(
    trained: Trained,
    tmp_path: Path,
    started: Callable[[Run], Run],
    wait_for_end: Callable[[Run], None],
) -> None:
    sounds = shutil.copytree(trained.dataset, tmp_path / "sounds")
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(sounds), trained.recipe))
    shutil.rmtree(sounds)
    started(run)
    wait_for_end(run)
    assert run.state() == "failed"
    assert run.reason().startswith(f"{sounds} does not exist; give the folder of a dataset, its table")
    assert "Traceback" not in run.log_tail()


def test_published_ensemble_tags_its_training_clips_by_the_fold_that_held_them_out(
    trained: Trained, tmp_path: Path
) -> None:
    tagger = Tagger(publish(trained.run, "mine", tmp_path / "ensembles"))
    names = [trained.clips(fold)[0] for fold in (1, 2)]
    for fold, name in zip((1, 2), names, strict=True):
        tags = tagger.tag(trained.dataset / "train_curated" / name)
        other = "Fold 1" if fold == 1 else "Fold 2"
        assert (tags.folds, tags.trained_folds) == (1, 1)
        assert any(note.startswith(f"{other} alone votes") for note in tags.notes)
    noisy = tagger.tag(trained.dataset / "train_noisy" / "n00.wav")
    assert (noisy.folds, noisy.trained_folds) == (1, 1)  # of two folds, one held it out of the noisy stage
    new = tagger.tag(waveform(("Hum",), np.random.default_rng(99)), sample_rate=RATE)
    assert (new.folds, new.trained_folds) == (2, 0)
