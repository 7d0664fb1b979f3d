"""The worker of a run: what it stores of each fold, shared stages, lanes, and its reason when it cannot continue."""

import os
import sys
from collections.abc import Callable
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

from audiotag.augmentation.mask import Mask
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.training import checkpoints, lanes, worker
from audiotag.training.backend import callbacks as callbacks_module
from audiotag.training.backend import learner as learner_module
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.failures import reason_of
from audiotag.training.losses.base import LOSSES
from audiotag.training.losses.bce import binary_cross_entropy
from audiotag.training.recipe import Recipe, Stage
from audiotag.training.run_progress import epochs_done
from audiotag.training.runs import SHARED_FOLD, WORKER, Run, RunSettings, create_run
from audiotag.training.session import Session
from audiotag.training.worker import train_run_folder
from audiotag.workspace import Workspace, read_json

from ..conftest import SHORT_SOUNDS_HZ as RATE
from ..conftest import SHORT_SOUNDS_LABELS as LABELS
from ..conftest import write_short_sounds

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
TINY_LR = 1e-12  # leaves weights as they are


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_short_sounds(tmp_path_factory.mktemp("worker") / "sounds", noisy_level=0.19)


@pytest.fixture
def ready(sounds: Path, tmp_path: Path) -> Callable[..., Run]:
    """``ready(recipe, dataset, **settings)``: a run whose worker is called in this process."""

    def make(recipe: Recipe = RECIPE, dataset: Path = sounds, device: str = "cpu", **settings: Any) -> Run:
        return create_run(Workspace(tmp_path / "home"), RunSettings(str(dataset), recipe, device=device, **settings))

    return make


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


@pytest.fixture(scope="module")
def finished(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of the recipe as it is, for tests that only read it."""
    home = Workspace(tmp_path_factory.mktemp("finished"))
    return work_and_record(create_run(home, RunSettings(str(sounds), RECIPE, device="cpu")))


@pytest.fixture(scope="module")
def finished_with_shared_stage(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of three folds that share their noisy stage, for tests that only read it."""
    home = Workspace(tmp_path_factory.mktemp("finished"))
    return work_and_record(create_run(home, RunSettings(str(sounds), THREE_FOLDS, device="cpu"))).run


def events_of(run: Run, *names: str) -> list[dict[str, Any]]:
    return [event for event in run.events() if event["event"] in names]


def session_of(run: Run) -> Session:
    return Session.open(run.settings(), run.workspace)


def held_out(run: Run, fold: int) -> dict[str, np.ndarray]:
    return load_arrays((run.fold_folder(fold) / "scores.safetensors").read_bytes())


def stored(run: Run, fold: int, name: str) -> dict[str, torch.Tensor]:
    return load_tensors((run.fold_folder(fold) / f"{name}.safetensors").read_bytes())


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def figures(run: Run) -> dict[tuple, tuple]:
    """What every epoch and fold gave, by fold and step."""
    epochs = {
        (e["fold"], e["step"]): (e["lwlrap"], e["train_loss"], e["valid_loss"]) for e in epochs_done(run.events())
    }
    return epochs | {(e["fold"], "end"): (e["lwlrap"], e["accuracy"]) for e in events_of(run, "fold-finished")}


# Stored results


def test_best_and_last_weights_are_those_of_their_epochs(finished: Finished) -> None:
    """The best of the last stage, the first of several that are as good; an earlier stage's do not count."""
    run = finished.run
    for fold in (1, 2):
        mine = [checkpoint for checkpoint in finished.checkpoints if checkpoint["event"]["fold"] == fold]
        last_stage = [checkpoint for checkpoint in mine if checkpoint["stage"] == 1]
        assert (len(mine), len(last_stage)) == (5, 3)
        best = max(last_stage, key=lambda checkpoint: checkpoint["event"]["lwlrap"])  # max takes the first
        assert equal(stored(run, fold, "best"), best["state"]["network"])
        assert equal(stored(run, fold, "weights"), last_stage[-1]["state"]["network"])
        assert last_stage[-1]["best"] == best["event"]["lwlrap"]


def test_every_clip_has_the_scores_of_the_network_that_never_saw_it(finished: Finished) -> None:
    run = finished.run
    names = [name for fold in (1, 2) for name in read_json(run.fold_folder(fold) / "clips.json")]
    assert sorted(names) == [f"{number:02}.wav" for number in range(16)]
    for fold, event in zip((1, 2), events_of(run, "fold-finished"), strict=True):
        scores = held_out(run, fold)
        assert event["lwlrap"] == lwlrap(scores["targets"], scores["scores"])
        assert event["accuracy"] == accuracy(scores["targets"], scores["scores"])
        per_class, _ = lwlrap_per_class(scores["targets"], scores["scores"])
        assert event["per_class"] == [round(float(value), 4) for value in per_class]


def test_noisy_epochs_are_measured_on_the_curated_clips_that_the_fold_holds_out_later(
    finished: Finished,
) -> None:
    run = finished.run
    session = session_of(run)
    noisy = [checkpoint for checkpoint in finished.checkpoints if checkpoint["stage"] == 0]
    assert len(noisy) == 4
    for checkpoint in noisy:
        fold = checkpoint["event"]["fold"]
        part = session.clips("curated").held_out(fold)
        assert [clip.name for clip in part.clips] == read_json(run.fold_folder(fold) / "clips.json")
        trainer = FoldTrainer(RECIPE, session.labels, fold, "cpu")
        trainer.restore(checkpoint["state"])
        assert checkpoint["event"]["curated_lwlrap"] == lwlrap(part.targets, trainer.scores(part, NOISY))
    assert all(e["curated_lwlrap"] is None for e in events_of(run, "epoch") if e["subset"] == "curated")


def test_finished_folds_figures_are_plain_where_epochs_carry_the_handicap(ready: Callable[..., Run]) -> None:
    masked = replace(RECIPE, stages=(CURATED,), augment_held_out=True, augment=(Mask("time", 24), Mask("mel", 8)))
    run = ready(masked, folds=(1,))
    train_run_folder(run)
    session = session_of(run)
    part = session.clips("curated").held_out(1)
    plain = FoldTrainer(replace(masked, augment_held_out=False), session.labels, 1, "cpu")
    plain.network.load_state_dict(stored(run, 1, "weights"))
    scores = plain.scores(part, CURATED)
    np.testing.assert_array_equal(held_out(run, 1)["scores"], scores)
    (event,) = events_of(run, "fold-finished")
    assert event["lwlrap"] == lwlrap(part.targets, scores)
    unmasked = ready(replace(masked, augment_held_out=False), folds=(1,))
    train_run_folder(unmasked)
    assert equal(stored(unmasked, 1, "weights"), stored(run, 1, "weights"))  # measuring changes nothing
    assert held_out(unmasked, 1)["scores"].tolist() == scores.tolist()
    losses = [[e["valid_loss"] for e in events_of(each, "epoch")] for each in (run, unmasked)]
    assert losses[0] != losses[1]


# Shared stages


def test_shared_noisy_stage_is_trained_once_and_feeds_every_fold(ready: Callable[..., Run]) -> None:
    run = ready(replace(RECIPE, stages=(SHARED, replace(CURATED, lr=TINY_LR, epochs=1))))
    recorded = work_and_record(run).checkpoints
    happened = [(e["event"], e.get("fold"), e.get("subset"), e.get("epoch")) for e in run.events()]
    assert happened == [
        ("run-started", None, None, None),
        ("fold-started", SHARED_FOLD, None, None),
        ("epoch", SHARED_FOLD, "noisy", 1),
        ("epoch", SHARED_FOLD, "noisy", 2),
        ("shared-finished", SHARED_FOLD, None, None),
        *(
            event
            for fold in (1, 2)
            for event in (
                ("fold-started", fold, None, None),
                ("epoch", fold, "curated", 1),
                ("fold-finished", fold, None, None),
            )
        ),
    ]
    assert [stage["shared"] for stage in run.events()[0]["stages"]] == [True, False]
    assert run.finished_folds() == [1, 2]
    shared = recorded[1]["state"]["network"]
    for fold in (1, 2):
        after = stored(run, fold, "weights")
        for name, weight in shared.items():
            if name.endswith("weight"):
                torch.testing.assert_close(after[name], weight, rtol=0, atol=1e-5)
    assert all(event["curated_lwlrap"] is None for event in events_of(run, "epoch"))  # nobody's held-out clips
    (finished,) = events_of(run, "shared-finished")
    assert finished["clips"] == len(session_of(run).clips("noisy").held_out(SHARED_FOLD).clips) in (1, 2)


def test_run_with_a_shared_stage_resumes_where_it_was_stopped(
    finished_with_shared_stage: Run, ready: Callable[..., Run]
) -> None:
    whole, cut = finished_with_shared_stage, ready(THREE_FOLDS)
    for _ in range(2):  # in the shared stage, then in the first fold
        stop_after(cut, epochs=1)
        assert read_json(cut.folder / "status.json")["state"] == "stopped"
    (cut.folder / "stop").unlink()
    train_run_folder(cut)
    assert figures(cut) == figures(whole)


def test_stage_adds_the_noisy_clips_that_agree_and_a_resumed_one_has_the_same(
    ready: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, stages=(NOISY, replace(CURATED, epochs=1), replace(CURATED, epochs=2, agreed=2)))
    trained_on = []
    train = FoldTrainer.train

    def noted(self: FoldTrainer, number: int, stage: Stage, split: Any, *rest: Any) -> bool:
        trained_on.append((self.fold, number, len(split.train.clips), len(split.valid.clips)))
        return train(self, number, stage, split, *rest)

    monkeypatch.setattr(FoldTrainer, "train", noted)
    whole, cut = ready(recipe), ready(recipe)
    train_run_folder(whole)
    session = session_of(whole)
    for event in events_of(whole, "agreed"):
        fold = event["fold"]
        names = read_json(whole.fold_folder(fold) / "agreed-3.json")
        assert 0 < len(names) == event["clips"] <= 2 * len(LABELS)
        assert set(names) <= {clip.name for clip in session.clips("noisy").train(fold).clips}  # never of those held out
        curated = len(session.clips("curated").train(fold).clips)
        held_out = len(session.clips("curated").held_out(fold).clips)
        assert trained_on[3 * fold - 2 : 3 * fold] == [
            (fold, 1, curated, held_out),
            (fold, 2, curated + len(names), held_out),
        ]
    assert len(events_of(whole, "agreed")) == 2
    stop_after(cut, epochs=4)  # in the stage that adds them, whose network by then would choose others
    (cut.folder / "stop").unlink()
    train_run_folder(cut)
    assert figures(cut) == figures(whole)
    assert len(events_of(cut, "agreed")) == 2


def stop_after(run: Run, epochs: int) -> None:
    """Work until so many more epochs are trained."""
    (run.folder / "stop").unlink(missing_ok=True)
    write_event, count = Run.write_event, 0

    def write_and_stop(self: Run, event: str, **values: Any) -> None:
        nonlocal count
        write_event(self, event, **values)
        count += event == "epoch"
        if count == epochs:
            self.stop()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Run, "write_event", write_and_stop)
        train_run_folder(run)


# Options


def test_fraction_and_balance_are_used_and_the_plan_has_the_number_of_batches(
    finished: Finished, ready: Callable[..., Run]
) -> None:
    whole, half = finished.run, ready(replace(RECIPE, fraction=0.5, balance=1.0))
    train_run_folder(half)
    assert half.state() == "finished"
    assert [stage["batches"] for stage in half.events()[0]["stages"]] == [1, 1]
    assert [stage["batches"] for stage in whole.events()[0]["stages"]] == [1, 2]
    assert figures(half).keys() == figures(whole).keys()
    for fold in (1, 2):  # held-out clips are all used
        assert len(held_out(half, fold)["scores"]) == len(held_out(whole, fold)["scores"])


def test_stage_whose_subset_the_dataset_lacks_is_left_out(
    ready: Callable[..., Run], sounds: Path, tmp_path: Path
) -> None:
    flat = only_curated(sounds, tmp_path / "flat", [1, 2] * 8)
    run = ready(replace(RECIPE, stages=(NOISY, replace(CURATED, start="weights and optimiser"))), flat)
    train_run_folder(run)
    assert run.state() == "finished"
    assert {event["stage"] for event in events_of(run, "epoch")} == {1}
    assert [done["step"] for done in epochs_done(run.events())] == [1, 2, 3] * 2


def test_stages_of_other_sizes_are_trained_and_the_last_counts(ready: Callable[..., Run]) -> None:
    run = ready(replace(RECIPE, stages=(NOISY, replace(CURATED, size=48))), folds=(1,))
    train_run_folder(run)
    assert [stage["pixels"] for stage in run.events()[0]["stages"]] == [16 * 32, 48 * 48]
    session = session_of(run)
    trainer = FoldTrainer(RECIPE, session.labels, 1, "cpu")
    trainer.network.load_state_dict(stored(run, 1, "weights"))
    part = session.clips("curated").held_out(1)
    np.testing.assert_array_equal(held_out(run, 1)["scores"], trainer.scores(part, replace(CURATED, size=48)))


class ForkedLane:
    """A lane in a forked process instead of a new interpreter."""

    def __init__(self, server: Any, command: list[str], folder: Path) -> None:
        assert command[:3] == [sys.executable, "-m", WORKER]
        self.server, self.pid = server, server.start_detached(WORKER, command[3:], folder / "lanes.txt").pid

    def wait(self) -> int:
        return self.server.wait(self.pid)


def test_two_lanes_give_every_fold_what_one_gives(
    finished_with_shared_stage: Run, ready: Callable[..., Run], fork_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def start(command: list[str], env: dict[str, str]) -> ForkedLane:
        threads.append(env["OMP_NUM_THREADS"])
        return ForkedLane(fork_server, command, two.folder)

    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 2)
    monkeypatch.setattr(lanes.subprocess, "Popen", start)
    one, two = finished_with_shared_stage, ready(THREE_FOLDS, device="cpu,cpu")
    train_run_folder(two, ("cpu", "cpu"))
    assert threads == ["1", "1"]  # the two cores are shared
    assert two.state() == "finished"
    assert two.finished_folds() == [1, 2, 3]
    assert two.events()[0]["devices"] == ["cpu", "cpu"]
    assert figures(two) == figures(one)
    for fold in (1, 2, 3):
        assert held_out(two, fold)["scores"].tolist() == held_out(one, fold)["scores"].tolist()


def test_worker_of_one_device_ends_with_the_worker_that_started_it(
    ready: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    parents: list[int] = []
    monkeypatch.setattr(worker, "end_with_parent", parents.append)
    monkeypatch.setattr(worker, "train_lane", lambda run, lane, parent: None)
    run_main(ready(), monkeypatch, "--lane", "0", "--parent", str(os.getpid()))
    assert parents == [os.getpid()]


# Failures


def run_main(run: Run, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """Call the worker's ``main`` in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["worker", str(run.folder), *options])
    try:
        worker.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_loss_that_is_not_finite_fails_with_a_sentence_and_leaves_finished_folds(
    ready: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    run = ready()

    def diverges(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return binary_cross_entropy(logits, targets) * (float("nan") if run.finished_folds() else 1)

    monkeypatch.setattr(learner_module, "LOSSES", {"bce": diverges})
    assert run_main(run, monkeypatch) == 1
    assert run.state() == "failed"
    wanted = "The training diverged: the training loss became nan in epoch 1; try a lower lr in the recipe."
    assert run.reason() == wanted
    assert wanted in capsys.readouterr().out
    assert run.finished_folds() == [1]
    assert len(held_out(run, 1)["scores"]) == 8
    # Without the fault it resumes with the other fold alone.
    monkeypatch.setattr(learner_module, "LOSSES", LOSSES)
    (run.folder / "status.json").unlink()
    assert run_main(run, monkeypatch) == 0
    assert run.state() == "finished"
    assert [event["fold"] for event in events_of(run, "fold-finished")] == [1, 2]


@pytest.mark.parametrize("change", ["label", "file", "gone", "new"])
def test_dataset_that_changed_between_two_starts_is_refused(
    change: str,
    ready: Callable[..., Run],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    dataset = write_short_sounds(tmp_path / "sounds")
    run = ready(dataset=dataset)
    run.stop()
    train_run_folder(run)
    assert run.state() == "stopped"
    before = run.events()
    table = dataset / "train_curated.csv"
    if change == "label":
        table.write_text(table.read_text().replace('02.wav,"Buzz,Hum"', "02.wav,Hiss"))
    elif change == "file":
        soundfile.write(dataset / "train_curated" / "03.wav", np.random.default_rng(0).normal(0, 0.1, 9000), RATE)
    elif change == "gone":
        (dataset / "train_curated" / "03.wav").unlink()
    elif change == "new":
        soundfile.write(dataset / "train_curated" / "99.wav", np.random.default_rng(0).normal(0, 0.1, 9000), RATE)
        table.write_text(table.read_text() + "99.wav,Hum\n")
    for name in ("stop", "status.json"):
        (run.folder / name).unlink()
    assert run_main(run, monkeypatch) == 0  # a sentence, not a crash
    assert run.state() == "failed"
    assert run.reason() == "the clips or labels of sounds have changed since this run began; start a new run."
    assert "Traceback" not in capsys.readouterr().err
    assert run.events() == before


def test_file_that_vanishes_while_it_is_needed_fails_with_its_name(
    ready: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = write_short_sounds(tmp_path / "sounds")
    run = ready(replace(RECIPE, whole_frames=False), dataset)
    save = checkpoints.save_checkpoint

    def vanishes(folder: Path, values: dict[str, Any]) -> None:
        save(folder, values)
        (dataset / "train_noisy" / "04.wav").unlink(missing_ok=True)

    monkeypatch.setattr(checkpoints, "save_checkpoint", vanishes)
    assert run_main(run, monkeypatch) == 0
    assert run.state() == "failed"
    assert "04.wav does not exist" in run.reason()


def test_run_without_fastaudio_fails_with_the_commands_that_install_it(
    ready: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("audiotag.training.backend", "fastaudio"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "audiotag.training.fold_training")
    monkeypatch.setitem(sys.modules, "fastaudio", None)  # importing it fails as if it were not installed
    run = ready()
    assert run_main(run, monkeypatch) == 0  # a sentence, not a crash
    assert run.state() == "failed"
    assert run.reason().startswith('Training needs fastai and fastaudio; run: pip install "audiotag[train]" and then')


def test_recipe_whose_subsets_the_dataset_lacks_fails_with_a_sentence(
    ready: Callable[..., Run], sounds: Path, tmp_path: Path
) -> None:
    flat = only_curated(sounds, tmp_path / "flat", [1, 2] * 8)
    with pytest.raises(AudiotagError, match="recipe tiny trains on noisy clips, but clips has none of them"):
        train_run_folder(ready(replace(RECIPE, stages=(NOISY,)), flat))


def test_fold_that_does_not_exist_fails_with_those_that_do(ready: Callable[..., Run]) -> None:
    with pytest.raises(AudiotagError, match="folds must be among 1, 2 here, got 7"):
        train_run_folder(ready(folds=(1, 7)))


def test_holding_out_a_fold_that_the_dataset_lacks_fails_with_a_sentence(ready: Callable[..., Run]) -> None:
    with pytest.raises(AudiotagError, match="one of the dataset's own, got 3; sounds has none"):
        train_run_folder(ready(held_out=3))


def only_curated(sounds: Path, to: Path, folds: list[int]) -> Path:
    """The first curated clips, as links, with a table of files, labels and folds."""
    to.mkdir()
    lines = ["fname,label,fold"]
    for number, fold in enumerate(folds):
        os.link(sounds / "train_curated" / f"{number:02}.wav", to / f"{number:02}.wav")
        lines.append(f"{number:02}.wav,{LABELS[number % 3]},{fold}")
    (to / "clips.csv").write_text("\n".join(lines) + "\n")
    return to


def test_folds_that_leave_nothing_to_train_on_fail_with_a_sentence(
    ready: Callable[..., Run], sounds: Path, tmp_path: Path
) -> None:
    flat = only_curated(sounds, tmp_path / "flat", [1, 1, 2, 2, 1, 2])
    with pytest.raises(AudiotagError, match="fold 1 must hold out some of the 3 curated clips and train on others"):
        train_run_folder(ready(dataset=flat, held_out=2))


def test_fold_held_out_for_testing_takes_no_part(ready: Callable[..., Run], sounds: Path, tmp_path: Path) -> None:
    flat = only_curated(sounds, tmp_path / "flat", [0, 1, 2] * 4)
    run = ready(replace(RECIPE, stages=(replace(CURATED, epochs=1),)), flat, held_out=2)
    train_run_folder(run)
    assert run.finished_folds() == [0, 1]
    names = [name for fold in (0, 1) for name in read_json(run.fold_folder(fold) / "clips.json")]
    assert sorted(names) == [f"{number:02}.wav" for number in range(12) if number % 3 != 2]


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device"), KeyError("x")])
def test_error_in_a_callback_is_the_reason_of_the_run(
    error: Exception, ready: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """fastai would change its message."""

    def fails(folder: Path, values: dict[str, Any]) -> None:
        raise error

    monkeypatch.setattr(checkpoints, "save_checkpoint", fails)
    run = ready()
    assert run_main(run, monkeypatch) == 1
    assert (run.state(), run.reason()) == ("failed", reason_of(error))
    assert not (run.folder / ".reserve").exists()


def test_progress_can_be_read_after_every_batch(ready: Callable[..., Run]) -> None:
    run = ready(folds=(1,))
    seen: list[dict[str, Any]] = []
    write_progress = Run.write_progress

    def noted(self: Run, fold: int, **values: Any) -> None:
        write_progress(self, fold, **values)
        seen.extend(self.progress())

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Run, "write_progress", noted)
        patched.setattr(callbacks_module, "PROGRESS_EVERY_S", -1)
        train_run_folder(run)
    assert {(p["subset"], p["phase"]) for p in seen} == {
        (subset, phase) for subset in ("noisy", "curated") for phase in ("training", "measuring")
    }
    for progress in seen:
        assert progress["fold"] == 1
        assert 1 <= progress["batch"] <= progress["batches"]
        assert 1 <= progress["epoch"] <= progress["epochs"] in (2, 3)
        assert progress["seconds_left_in_epoch"] >= 0
    assert run.progress() == []
