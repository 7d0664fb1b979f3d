"""Training: a real detached worker on small synthetic sounds, from a dataset to an ensemble that tags."""

import csv
import json
import os
import shutil
import signal
import time
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

from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.jobs import is_alive
from audiotag.metrics import accuracy, lwlrap, multi_hot
from audiotag.networks import build_network
from audiotag.sound.audio import read_sound, trim_bounds, wav_bytes
from audiotag.sound.spectrogram import fit_length, log_mel
from audiotag.tagging.ensemble import load_networks, read_card
from audiotag.tagging.tagger import Tagger
from audiotag.training.pictures import Clip, prepare_clips
from audiotag.training.publish import publish
from audiotag.training.recipe import Recipe, Stage, load_recipe
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.training.worker import Subset, work
from audiotag.workspace import Workspace

RATE = 16_000
LABELS = ("Clicks", "Hiss", "Hum")
RECIPE = """
title = "Tiny"
about = "For tests."
folds = 2
batch_size = 8
time_mask = 4
mel_mask = 2

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


def waveform(labels: tuple[str, ...], draw: np.random.Generator) -> np.ndarray:
    """0.5 to 1.5 s of the sounds that these labels name, at 16 kHz."""
    time_s = np.arange(round(draw.uniform(0.5, 1.5) * RATE)) / RATE
    parts = {
        "Hum": lambda: np.sin(2 * np.pi * draw.uniform(450, 550) * time_s + draw.uniform(0, 6)),
        "Hiss": lambda: 0.5 * draw.normal(size=len(time_s)),
        "Clicks": lambda: np.exp(-((time_s + draw.uniform(0, 0.1)) % 0.125) * 400) * draw.normal(size=len(time_s)),
    }
    sound = sum(parts[label]() for label in labels) / len(labels)
    return np.clip(draw.uniform(0.3, 0.7) * sound, -1, 1).astype(np.float32)


def draw_labels(index: int, draw: np.random.Generator) -> tuple[str, ...]:
    labels = [LABELS[index % 3]]
    if index % 5 == 4:
        labels.append(LABELS[(index + draw.integers(1, 3)) % 3])
    return tuple(sorted(labels))


def write_dataset(folder: Path) -> Path:
    """Forty curated and thirty noisy clips in the competition's layout; one curated file is no sound."""
    draw = np.random.default_rng(3)
    for subset, count in (("train_curated", 40), ("train_noisy", 30)):
        (folder / subset).mkdir(parents=True)
        rows = []
        for index in range(count):
            heard = draw_labels(index, draw)
            suffix, rate = (".flac", 44_100) if index % 10 == 7 else (".wav", RATE)
            sound = waveform(heard, draw)
            if rate != RATE:
                sound = np.interp(np.arange(0, len(sound) - 1, RATE / rate), np.arange(len(sound)), sound)
            soundfile.write(folder / subset / f"{subset[6]}{index:02}{suffix}", sound, rate)
            wrong = subset == "train_noisy" and index % 4 == 3
            rows.append((f"{subset[6]}{index:02}{suffix}", ",".join([LABELS[(index + 1) % 3]] if wrong else heard)))
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


def wait_until(done: Callable[[], bool], at_most_s: float = 90) -> None:
    deadline = time.monotonic() + at_most_s
    while not done():
        assert time.monotonic() < deadline, f"still waiting after {at_most_s} s"
        time.sleep(0.05)


def wait_for(run: Run) -> None:
    """Until the run has ended, and its process too."""
    wait_until(lambda: not run.is_active())
    process = json.loads((run.folder / "process.json").read_text())
    wait_until(lambda: not is_alive(process["pid"], process["started"]) and not psutil.pid_exists(process["pid"]))


def pid_of(run: Run) -> int:
    return json.loads((run.folder / "process.json").read_text())["pid"]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OMP_NUM_THREADS", "1")
        yield


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
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("training")
    (folder / "tiny.toml").write_text(RECIPE)
    recipe = load_recipe(str(folder / "tiny.toml"))
    workspace = Workspace(folder / "home")
    dataset = write_dataset(folder / "sounds")
    run = create_run(workspace, RunSettings(str(dataset), recipe))
    run.start()
    try:
        wait_for(run)
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
    told = [
        (event["event"], event.get("fold"), event.get("stage"), event.get("subset"), event.get("epoch"))
        for event in events
    ]
    wanted: list[tuple] = [("run-started", None, None, None, None)]
    for fold in (1, 2):
        wanted.append(("fold-started", fold, None, None, None))
        wanted += [("epoch", fold, 0, "noisy", number) for number in range(1, 5)]
        wanted += [("epoch", fold, 1, "curated", number) for number in range(1, 13)]
        wanted.append(("fold-finished", fold, None, None, None))
    assert told == wanted
    assert events[0]["folds"] == [1, 2]
    assert events[0]["labels"] == list(LABELS)
    assert [(stage["subset"], stage["epochs"], stage["clips"]) for stage in events[0]["stages"]] == [
        ("noisy", 4, 30),
        ("curated", 12, 40),
    ]
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)


def test_figures_of_a_fold_are_those_of_its_stored_scores(trained: Trained) -> None:
    for event in trained.run.events():
        if event["event"] == "fold-finished":
            stored = trained.scores(event["fold"])
            assert event["lwlrap"] == pytest.approx(lwlrap(stored["targets"], stored["scores"]), abs=1e-9)
            assert event["accuracy"] == pytest.approx(accuracy(stored["targets"], stored["scores"]), abs=1e-9)
            assert event["clips"] == len(stored["scores"])


def test_folds_learn_far_more_than_chance(trained: Trained) -> None:
    draw = np.random.default_rng(0)
    for fold in (1, 2):
        stored = trained.scores(fold)
        by_chance = [lwlrap(stored["targets"], draw.permutation(stored["scores"])) for _ in range(20)]
        assert lwlrap(stored["targets"], stored["scores"]) > max(0.85, max(by_chance) + 0.05)


def test_each_usable_curated_clip_is_scored_by_exactly_one_fold_with_its_own_labels(trained: Trained) -> None:
    clips = open_dataset(trained.dataset).subset("curated").set_index("clip")
    scored = [*trained.clips(1), *trained.clips(2)]
    assert len(scored) == len(set(scored))
    assert set(scored) == set(clips.index) - {"broken.wav"}
    for fold in (1, 2):
        wanted = multi_hot([clips.at[name, "labels"] for name in trained.clips(fold)], LABELS)
        np.testing.assert_array_equal(trained.scores(fold)["targets"], wanted)


def test_stored_scores_are_what_the_stored_weights_give_for_the_middle_of_each_clip(trained: Trained) -> None:
    settings = trained.recipe.spectrogram
    for fold in (1, 2):
        network = build_network(trained.recipe.network, len(LABELS)).eval()
        network.load_state_dict(load_tensors((trained.run.fold_folder(fold) / "weights.safetensors").read_bytes()))
        pictures = []
        for name in trained.clips(fold):
            sound = read_sound(trained.dataset / "train_curated" / name, RATE).waveform
            first, last = trim_bounds(sound, RATE, settings.trim_db)
            pictures.append(log_mel(fit_length(sound[first:last], settings), settings))
        with torch.no_grad():
            scores = network(torch.from_numpy(np.stack(pictures))[:, None]).sigmoid().numpy()
        np.testing.assert_allclose(trained.scores(fold)["scores"], scores, atol=1e-4)


def test_broken_file_is_named_in_the_log_and_the_rest_goes_on(trained: Trained) -> None:
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


@pytest.fixture(scope="module")
def published(trained: Trained) -> Path:
    return publish(trained.run, "mine", trained.workspace.ensembles, licence="CC0-1.0")


def test_published_ensemble_tags_fresh_sounds_rightly(published: Path) -> None:
    tagger = Tagger(published)
    draw = np.random.default_rng(99)
    for label in LABELS:
        for _ in range(5):
            tags = tagger.tag(wav_bytes(waveform((label,), draw), RATE), f"{label}.wav")
            assert tags.ranking[0].label == label
            assert tags.ranking[0].passes


def test_normalised_resized_pictures_with_deltas_are_trained_on_and_tagged_alike(
    trained: Trained, tmp_path: Path
) -> None:
    """What the network gets in training is what the tagger gives it: the scores of both are the same."""
    finished = trained.recipe.spectrogram.changed(normalise="clip", deltas=1, resize=40)
    stages = (Stage("curated", 2, 1e-2),)
    recipe = replace(trained.recipe.with_spectrogram(finished), stages=stages, time_mask=0, mel_mask=0)
    workspace = Workspace(tmp_path / "home")
    run = create_run(workspace, RunSettings(str(trained.dataset), recipe, folds=(1,)))
    work(run)
    assert run.state() == "finished"
    published = publish(run, "finished", workspace.ensembles)
    tagger = Tagger(published)
    scores = load_arrays((run.fold_folder(1) / "scores.safetensors").read_bytes())["scores"]
    names = json.loads((run.fold_folder(1) / "clips.json").read_text())
    for name, row in zip(names, scores, strict=True):
        waveform = read_sound(trained.dataset / "train_curated" / name, RATE).waveform
        first, last = trim_bounds(waveform, RATE, finished.trim_db)
        (tagged,) = tagger.score([fit_length(waveform[first:last], finished)])[0]
        np.testing.assert_allclose(tagged, row, atol=0.02)  # published weights are in half precision


def test_card_says_what_was_measured_and_where_it_comes_from(trained: Trained, published: Path) -> None:
    card = read_card(published)
    stored = [trained.scores(fold) for fold in (1, 2)]
    targets, scores = (np.concatenate([part[key] for part in stored]) for key in ("targets", "scores"))
    assert card.lwlrap == pytest.approx(lwlrap(targets, scores), abs=1e-5)
    assert card.accuracy == pytest.approx(accuracy(targets, scores), abs=1e-5)
    for fold, part in zip(card.folds, stored, strict=True):
        assert fold.lwlrap == pytest.approx(lwlrap(part["targets"], part["scores"]), abs=1e-5)
        assert fold.clips == len(part["targets"])
    assert card.labels == LABELS
    assert card.spectrogram == trained.recipe.spectrogram
    assert card.network == trained.recipe.network
    assert (card.name, card.licence) == ("mine", "CC0-1.0")
    assert (card.dataset["name"], card.dataset["clips"]) == ("sounds", 71)
    assert Recipe.from_dict(card.recipe) == trained.recipe


def test_half_precision_changes_no_score_by_more_than_a_hundredth(trained: Trained, published: Path) -> None:
    settings = trained.recipe.spectrogram
    draw = np.random.default_rng(5)
    sounds = [waveform(draw_labels(index, draw), draw) for index in range(20)]
    batch = torch.from_numpy(np.stack([log_mel(fit_length(sound, settings), settings) for sound in sounds]))[:, None]
    for fold, halved in zip((1, 2), load_networks(published, read_card(published)), strict=True):
        whole = build_network(trained.recipe.network, len(LABELS)).eval()
        stored = (trained.run.fold_folder(fold) / "weights.safetensors").read_bytes()
        whole.load_state_dict(load_tensors(stored))
        assert (published / f"fold-{fold}.safetensors").stat().st_size < 0.75 * len(stored)
        with torch.no_grad():
            assert (whole(batch).sigmoid() - halved(batch).sigmoid()).abs().max() < 0.01


def test_a_name_that_is_taken_is_refused_and_what_has_it_is_untouched(
    trained: Trained, published: Path, contents: Callable[[Path], dict]
) -> None:
    before = contents(published)
    with pytest.raises(AudiotagError, match="there is an ensemble named mine already"):
        publish(trained.run, "mine", published.parent, about="another")
    assert contents(published) == before
    assert os.listdir(published.parent) == ["mine"]


@pytest.mark.parametrize("name", ["", "../mine", "a b", "a/b", ".hidden", "x" * 61])
def test_a_name_that_is_no_plain_folder_name_is_refused(trained: Trained, tmp_path: Path, name: str) -> None:
    with pytest.raises(AudiotagError, match="letters, digits"):
        publish(trained.run, name, tmp_path / "ensembles")
    assert not (tmp_path / "ensembles").exists()


def test_publishing_that_fails_half_way_leaves_nothing(trained: Trained, tmp_path: Path) -> None:
    run = Run(shutil.copytree(trained.run.folder, tmp_path / "run"))
    (run.fold_folder(2) / "weights.safetensors").unlink()
    with pytest.raises(AudiotagError, match=r"is not whole: .*fold-2/weights\.safetensors is gone"):
        publish(run, "mine", tmp_path / "ensembles")
    assert os.listdir(tmp_path / "ensembles") == []


def test_stop_ends_a_run_as_stopped_and_keeps_its_finished_folds(
    trained: Trained, tmp_path: Path, started: Callable[[Run], Run]
) -> None:
    long = replace(trained.recipe, folds=10, stages=(Stage("curated", epochs=6, lr=1e-2),))
    run = started(create_run(Workspace(tmp_path / "home"), RunSettings(str(trained.dataset), long)))
    wait_until(lambda: bool(run.finished_folds()) or not run.is_active())
    assert run.state() == "running", run.log_tail()
    run.stop()
    wait_for(run)
    assert run.state() == "stopped"
    kept = run.finished_folds()
    assert 1 <= len(kept) < 10
    ensemble = publish(run, "part", tmp_path / "ensembles")
    assert [fold.fold for fold in read_card(ensemble).folds] == kept


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_worker_that_was_killed_is_an_interrupted_run(
    trained: Trained, tmp_path: Path, started: Callable[[Run], Run]
) -> None:
    run = started(create_run(Workspace(tmp_path / "home"), RunSettings(str(trained.dataset), trained.recipe)))
    wait_until(lambda: bool(run.events()) or not run.is_active())
    assert run.state() == "running", run.log_tail()
    os.kill(pid_of(run), signal.SIGKILL)
    wait_for(run)
    assert run.state() == "interrupted"
    with pytest.raises(AudiotagError, match="no finished fold"):
        publish(run, "mine", tmp_path / "ensembles")


def test_dataset_that_vanishes_before_the_worker_starts_fails_with_a_sentence(
    trained: Trained, tmp_path: Path, started: Callable[[Run], Run]
) -> None:
    sounds = shutil.copytree(trained.dataset, tmp_path / "sounds")
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(sounds), trained.recipe))
    shutil.rmtree(sounds)
    started(run)
    wait_for(run)
    assert run.state() == "failed"
    assert run.reason() == f"{sounds} is not there; give the folder of a dataset, or its CSV file."
    assert "Traceback" not in run.log_tail()


def ready(trained: Trained, tmp_path: Path, **settings: object) -> Run:
    """A run whose worker is called in this process; it must fail before any training."""
    given = {"dataset": str(trained.dataset), "recipe": trained.recipe} | settings
    return create_run(Workspace(tmp_path / "home"), RunSettings(**given))  # type: ignore[arg-type]


def test_recipe_whose_subsets_the_dataset_lacks_fails_with_a_sentence(trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.dataset / "train_curated", tmp_path / "flat")
    shutil.copy(trained.dataset / "train_curated.csv", tmp_path / "flat" / "clips.csv")
    only_noisy = replace(trained.recipe, stages=(Stage("noisy", 1, 1e-2),))
    with pytest.raises(AudiotagError, match="recipe tiny trains on noisy clips, clips has none"):
        work(ready(trained, tmp_path, dataset=str(tmp_path / "flat"), recipe=only_noisy))


def test_fold_that_there_is_not_fails_with_those_there_are(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="folds must be among 1, 2 here, got 7"):
        work(ready(trained, tmp_path, folds=(1, 7)))


def test_holding_out_a_fold_that_the_dataset_lacks_fails_with_a_sentence(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="one of the dataset's own, got 3; sounds has none"):
        work(ready(trained, tmp_path, held_out=3))


def with_own_folds(trained: Trained, to: Path, folds: list[int]) -> Path:
    """The first curated clips as a table of files, labels and folds."""
    shutil.copytree(trained.dataset / "train_curated", to)
    lines = [f"c{index:02}.wav,{LABELS[index % 3]},{fold}" for index, fold in enumerate(folds)]
    (to / "clips.csv").write_text("\n".join(["fname,label,fold", *lines]) + "\n")
    return to


def test_folds_that_leave_nothing_to_train_on_fail_with_a_sentence(trained: Trained, tmp_path: Path) -> None:
    flat = with_own_folds(trained, tmp_path / "flat", [1, 1, 2, 2, 1, 2])
    with pytest.raises(AudiotagError, match="fold 1 must hold out some of the 3 curated clips and train on others"):
        work(ready(trained, tmp_path, dataset=str(flat), held_out=2))


@pytest.mark.parametrize("subset", ["curated", "noisy"])
def test_no_clip_that_a_fold_is_measured_on_is_trained_on(trained: Trained, subset: str) -> None:
    dataset = open_dataset(trained.dataset)
    labels = dict(zip(dataset.subset(subset)["clip"], dataset.subset(subset)["labels"], strict=True))
    part = Subset(dataset, subset, trained.run, held_out=None)
    for fold in (1, 2):
        split = part.split(fold)
        train, valid = ({clip.name for clip in clips} for clips in (split.train, split.valid))
        assert train
        assert valid
        assert not train & valid
        assert train | valid == set(labels) - {"broken.wav"}
        for clips, targets in ((split.train, split.train_targets), (split.valid, split.valid_targets)):
            np.testing.assert_array_equal(targets, multi_hot([labels[clip.name] for clip in clips], LABELS))
    assert {clip.name for clip in part.split(1).valid} == {clip.name for clip in part.split(2).train}


def test_fold_held_out_for_testing_takes_no_part(trained: Trained, tmp_path: Path) -> None:
    flat = with_own_folds(trained, tmp_path / "flat", [1, 2, 3, 1, 2, 3])
    part = Subset(open_dataset(flat), "curated", ready(trained, tmp_path, dataset=str(flat)), held_out=3)
    assert {clip.name for clip in part.clips} == {"c00.wav", "c01.wav", "c03.wav", "c04.wav"}
    assert set(part.folds) == {1, 2}


@pytest.fixture(scope="module")
def clips(trained: Trained) -> list[Clip]:
    rows = open_dataset(trained.dataset).subset("curated")
    prepared, problems = prepare_clips(rows, trained.recipe.spectrogram)
    assert [problem.clip for problem in problems] == ["broken.wav"]
    return [clip for clip in prepared if clip is not None]


def pictures(clips: list[Clip], recipe: Recipe, augment: bool, seed: int = 1) -> Any:
    from audiotag.training.learner import Pictures

    targets = np.arange(3 * len(clips), dtype=np.float32).reshape(-1, 3)
    return Pictures(clips, targets, recipe, seed, augment)


def picture_of(items: Any, item: int) -> np.ndarray:
    """Shape (n_mels, frames)."""
    return items[item][0].as_subclass(torch.Tensor).numpy()[0].copy()


def test_validation_pictures_are_the_plain_log_mel_of_the_middle(trained: Trained, clips: list[Clip]) -> None:
    settings = trained.recipe.spectrogram
    items = pictures(clips, trained.recipe, augment=False)
    assert len(items) == len(clips) == 40
    rates = set()
    for item, clip in enumerate(clips):
        rates.add(soundfile.info(clip.path).samplerate)
        sound = read_sound(clip.path, RATE).waveform
        first, last = trim_bounds(sound, RATE, settings.trim_db)
        wanted = log_mel(fit_length(sound[first:last], settings), settings)
        picture, targets = items[item]
        assert picture.shape == (1, settings.n_mels, settings.frames)
        np.testing.assert_allclose(picture_of(items, item), wanted, atol=1e-4)
        assert targets.tolist() == [3 * item, 3 * item + 1, 3 * item + 2]
    assert rates == {RATE, 44_100}


def test_validation_pictures_are_the_same_in_every_epoch(trained: Trained, clips: list[Clip]) -> None:
    items = pictures(clips, trained.recipe, augment=False)
    first = [picture_of(items, item) for item in range(len(clips))]
    items.epoch = 3
    for item, before in enumerate(first):
        np.testing.assert_array_equal(picture_of(items, item), before)


def test_training_pictures_follow_from_seed_epoch_and_item_alone(trained: Trained, clips: list[Clip]) -> None:
    items, same, other = (pictures(clips, trained.recipe, augment=True, seed=seed) for seed in (1, 1, 2))
    forward = [picture_of(items, item) for item in range(10)]
    torch.manual_seed(5)
    backward = [picture_of(same, item) for item in reversed(range(10))][::-1]
    elsewhere = [picture_of(other, item) for item in range(10)]
    items.epoch = 1
    later = [picture_of(items, item) for item in range(10)]
    for item in range(10):
        np.testing.assert_array_equal(forward[item], backward[item])
        assert not np.array_equal(forward[item], later[item])
        assert not np.array_equal(forward[item], elsewhere[item])


@pytest.mark.parametrize(
    ("masks", "axis"), [({"time_mask": 5, "mel_mask": 0}, 1), ({"time_mask": 0, "mel_mask": 5}, 0)]
)
def test_mask_is_one_strip_at_the_pictures_mean_and_the_rest_is_untouched(
    trained: Trained, tmp_path: Path, masks: dict[str, int], axis: int
) -> None:
    recipe = replace(trained.recipe, **masks)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, RATE).astype(np.float32)
    soundfile.write(tmp_path / "exact.wav", noise, RATE, subtype="FLOAT")  # as long as a picture: only one crop
    plain = log_mel(noise, recipe.spectrogram)
    items = pictures([Clip("exact.wav", tmp_path / "exact.wav", 0, RATE, True)], recipe, augment=True)
    starts = set()
    for items.epoch in range(12):
        masked = picture_of(items, 0)
        strip = np.flatnonzero((masked != plain).all(axis=1 - axis))
        assert np.array_equal(strip, np.arange(strip[0], strip[0] + 5))
        starts.add(int(strip[0]))
        np.testing.assert_allclose(np.take(masked, strip, axis=axis), plain.mean(), rtol=1e-5)
        np.testing.assert_array_equal(np.delete(masked, strip, axis=axis), np.delete(plain, strip, axis=axis))
    assert len(starts) > 3
