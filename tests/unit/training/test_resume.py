"""Runs that were cut off at any point where that can do harm end as if nothing had happened."""

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag.tagging.card_reading import read_card
from audiotag.training import checkpoints, worker
from audiotag.training.publish import publish
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_progress import epochs_done, expected_epochs
from audiotag.training.runs import WORKER, Run, RunSettings, create_run
from audiotag.training.weights_choice import SCORES, WEIGHTS
from audiotag.training.worker import train_run_folder
from audiotag.workspace import Workspace, _folders_with_card

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")

# All that a resume must bring back: Lookahead's slow weights, moments, spectral norm's vectors, dropout's generator.
RECIPE = """
title = "Tiny"
about = "For tests."
folds = 2
batch_size = 6
optimiser = "ranger"
schedule = "flat-cosine"
augment_held_out = true

[spectrogram]
sample_rate = 8000
clip_s = 0.5
n_fft = 256
win_length = 256
hop_length = 128
n_mels = 24
f_max = 4000.0

[network]
depth = 18
width = 0.0625
stem = 4
self_attention = true
dropout = 0.2

[[augment]]
kind = "mask"
axis = "time"
width = 3

[[stages]]
subset = "noisy"
epochs = 2
lr = 1e-2

[[stages]]
subset = "curated"
epochs = 3
lr = 5e-3
mixup = 0.4
start = "weights and optimiser"
"""

EARLY = RECIPE.replace('optimiser = "ranger"', 'optimiser = "torch-adam"').replace(
    "epochs = 3", "epochs = 12\nstop_after = 2"
)
EARLY = EARLY.replace('schedule = "flat-cosine"', 'schedule = { kind = "plateau", patience = 0, factor = 0.5 }')
EARLY += '\n[losses]\nnoisy = { kind = "soft-bootstrapping", beta = 0.8 }\n'

PUBLISH = """
import sys
from pathlib import Path
from audiotag.training.publish import publish
from audiotag.training.runs import Run
publish(Run(Path(sys.argv[1])), "mine", Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen curated and fourteen noisy clips of three sounds, some shorter than a crop."""
    folder, rng = tmp_path_factory.mktemp("resume") / "sounds", np.random.default_rng(1)
    for subset, count in (("train_curated", 16), ("train_noisy", 14)):
        (folder / subset).mkdir(parents=True)
        lines = ["fname,labels"]
        for index in range(count):
            time_s = np.arange(round(rng.uniform(0.3, 0.9) * 8000)) / 8000
            sound = (np.sin(2 * np.pi * 500 * time_s), rng.normal(size=len(time_s)), np.sign(np.sin(700 * time_s)))
            soundfile.write(folder / subset / f"{index:02}.wav", 0.2 * sound[index % 3], 8000)
            lines.append(f"{index:02}.wav,{('Hum', 'Hiss', 'Buzz')[index % 3]}")
        (folder / f"{subset}.csv").write_text("\n".join(lines) + "\n")
    (folder.parent / "tiny.toml").write_text(RECIPE)
    (folder.parent / "early.toml").write_text(EARLY)
    return folder


def new_run(sounds: Path, home: Path, recipe: str = "tiny", folds: tuple[int, ...] = ()) -> Run:
    loaded = load_recipe(str(sounds.parent / f"{recipe}.toml"))
    return create_run(Workspace(home), RunSettings(str(sounds), loaded, folds, device="cpu"))


@pytest.fixture
def finish(fork_server: Any) -> Callable[[Run], None]:
    """``finish(run)``: its worker, in a process of its own, to the end."""

    def work_to_the_end(run: Run) -> None:
        fork_server.run(WORKER, [str(run.folder)], run.folder / "log.txt")
        assert run.state() == "finished", run.log_tail()

    return work_to_the_end


@pytest.fixture
def kill(fork_server: Any) -> Callable[..., None]:
    """``kill(run, module, function, count, word)``: its worker, killed as the function is called for that time."""

    def work_until_killed(run: Run, *where: object, publish_to: Path | None = None) -> None:
        module, arguments = (
            ("-c", [PUBLISH, str(run.folder), str(publish_to)]) if publish_to else (WORKER, [str(run.folder)])
        )
        status = fork_server.run(module, arguments, run.folder / "log.txt", kill=where)
        assert status == -signal.SIGKILL, run.log_tail()

    return work_until_killed


@pytest.fixture(scope="module")
def undisturbed(sounds: Path, tmp_path_factory: pytest.TempPathFactory, fork_server: Any) -> Run:
    run = new_run(sounds, tmp_path_factory.mktemp("undisturbed"))
    fork_server.run(WORKER, [str(run.folder)], run.folder / "log.txt")
    assert run.state() == "finished", run.log_tail()
    return run


def results(run: Run) -> list[dict]:
    """What epochs and folds gave, without times."""
    events = run.events()
    all_results = [*epochs_done(events), *(event for event in events if event["event"] == "fold-finished")]
    return [
        {key: value for key, value in event.items() if not key.endswith(("time", "seconds"))} for event in all_results
    ]


def steps(run: Run) -> list[tuple[int, int]]:
    return [(event["fold"], event["step"]) for event in epochs_done(run.events())]


def files(run: Run, folds: tuple[int, ...] = (1, 2)) -> dict[str, bytes]:
    return {
        f"{fold}/{name}": (run.fold_folder(fold) / name).read_bytes()
        for fold in folds
        for name in (*WEIGHTS.values(), *SCORES.values(), "clips.json")
    }


KILLS: dict[str, tuple[str, str, int, str]] = {
    "reading the clips": ("audiotag.training.subsets", "prepare_clips", 2, ""),
    "before the first epoch is over": ("audiotag.training.batches", "Batches._make_inputs", 2, "True"),
    "in the first stage's second epoch": ("audiotag.training.batches", "Batches._make_inputs", 3, "True"),
    "measuring held-out clips": ("audiotag.training.batches", "Batches._make_inputs", 2, "False"),
    "writing a checkpoint": ("os", "replace", 1, "/.checkpoint.pt."),
    "between checkpoint and event": ("audiotag.training.runs", "Run.write_event", 1, "epoch"),
    "writing the best weights": ("os", "replace", 1, "best.safetensors"),
    "writing the fold's scores": ("os", "replace", 1, "scores.safetensors"),
    "between fold's files and its event": ("audiotag.training.runs", "Run.write_event", 1, "fold-finished"),
}


def test_run_killed_again_and_again_ends_as_one_left_alone(
    sounds: Path, undisturbed: Run, tmp_path: Path, kill: Callable[..., None], finish: Callable[[Run], None]
) -> None:
    run = new_run(sounds, tmp_path)
    epochs = 0
    for where, arguments in KILLS.items():
        kill(run, *arguments)
        assert run.state() == "interrupted", where
        assert len(epochs_done(run.events())) >= epochs, f"an epoch that was done was lost {where}"
        epochs = len(epochs_done(run.events()))
    assert epochs > 0
    assert run.finished_folds() in ([], [1])
    finish(run)
    assert results(run) == results(undisturbed)
    assert files(run) == files(undisturbed)


def test_killed_run_has_lost_at_most_one_epoch_and_a_torn_event_is_written_again(
    sounds: Path, undisturbed: Run, tmp_path: Path, kill: Callable[..., None], finish: Callable[[Run], None]
) -> None:
    """Killed in the very last moment of an epoch, with nothing of it on disk, it resumes after the one before."""
    run = new_run(sounds, tmp_path)
    kill(run, "os", "replace", 4, "/.checkpoint.pt.")
    assert len(epochs_done(run.events())) == 3
    events = run.folder / "events.jsonl"
    events.write_bytes(events.read_bytes()[:-7])  # as if killed while the last line was written
    assert len(epochs_done(run.events())) == 2
    finish(run)
    trained = [event["epoch"] for event in run.events() if event["event"] == "epoch" and event["fold"] == 1]
    assert trained == [1, 2, 1, 2, 3]  # none of them was trained twice
    assert results(run) == results(undisturbed)
    assert files(run) == files(undisturbed)


def test_run_whose_stage_ends_early_ends_as_early_after_it_was_killed(
    sounds: Path, tmp_path: Path, kill: Callable[..., None], finish: Callable[[Run], None]
) -> None:
    """Killed within the stage that ends early, and again when its last checkpoint is written but no result."""
    alone, killed = (new_run(sounds, tmp_path / name, "early", (1,)) for name in ("alone", "killed"))
    train_run_folder(alone)
    ended = expected_epochs(alone.events())[1, 1]
    assert 3 <= ended < 12
    rates = [event["lr"] for event in epochs_done(alone.events()) if event["stage"] == 1]
    assert rates[-1] <= 5e-3 / 2
    kill(killed, "audiotag.training.runs", "Run.write_event", 5, "epoch")  # the plan has the word too
    assert steps(killed)[-1] == (1, 3)
    kill(killed, "os", "replace", 1, "/.scores.safetensors.")
    assert len(epochs_done(killed.events())) == 2 + ended
    finish(killed)
    assert results(killed) == results(alone)
    assert files(killed, (1,)) == files(alone, (1,))


@pytest.mark.parametrize("both", [False, True])
def test_run_whose_checkpoint_is_damaged_ends_as_one_left_alone(
    both: bool, sounds: Path, undisturbed: Run, tmp_path: Path, kill: Callable[..., None], finish: Callable[[Run], None]
) -> None:
    run = new_run(sounds, tmp_path)
    kill(run, "audiotag.training.runs", "Run.write_event", 3, "epoch")  # the first epoch of the second stage is done
    for name in (checkpoints.CHECKPOINT, checkpoints.PREVIOUS)[: 1 + both]:
        path = run.fold_folder(1) / name
        path.write_bytes(path.read_bytes()[:-1000])
    finish(run)
    assert "the fold starts anew" in run.log_tail(200) if both else "one epoch earlier" in run.log_tail(200)
    assert results(run) == results(undisturbed)
    assert files(run) == files(undisturbed)
    assert not list(run.folder.glob("*/checkpoint*"))


@pytest.mark.usefixtures("forked_workers")
def test_stopped_run_resumes_after_its_last_epoch(
    sounds: Path, undisturbed: Run, tmp_path: Path, wait_for_end: Callable[[Run], None]
) -> None:
    run = new_run(sounds, tmp_path)
    original = Run.write_event

    def stop_in_second_stage(self: Run, event: str, **values: object) -> None:
        original(self, event, **values)
        if event == "epoch" and values["stage"] == 1:
            self.stop()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Run, "write_event", stop_in_second_stage)
        train_run_folder(run)
    assert run.state() == "stopped"
    assert len(epochs_done(run.events())) == 3
    run.start()
    wait_for_end(run)
    assert run.state() == "finished", run.log_tail()
    assert "resumes after epoch 1 of stage 2" in run.log_tail(200)
    assert steps(run) == steps(undisturbed)


@pytest.mark.parametrize(
    ("module", "function", "word"),
    [
        ("audiotag.training.publish", "write_json", "card.json"),
        ("os", "replace", "fold-2.safetensors"),
        ("os", "replace", "mine"),
    ],
)
def test_publishing_that_was_killed_leaves_no_ensemble_and_can_be_done_again(
    undisturbed: Run,
    tmp_path: Path,
    module: str,
    function: str,
    word: str,
    kill: Callable[..., None],
    contents: Callable[[Path], dict],
) -> None:
    kill(undisturbed, module, function, 1, word, publish_to=tmp_path / "ensembles")
    visible = [path for path in (tmp_path / "ensembles").iterdir() if not path.name.startswith(".")]
    assert visible == []
    assert list(_folders_with_card(tmp_path / "ensembles")) == []
    ensemble = publish(undisturbed, "mine", tmp_path / "ensembles")
    elsewhere = publish(undisturbed, "mine", tmp_path / "elsewhere")
    digests = [{file: digest for file, (digest, _) in contents(folder).items()} for folder in (ensemble, elsewhere)]
    assert digests[0] == digests[1]
    assert read_card(ensemble).name == "mine"
    assert os.listdir(tmp_path / "ensembles") == ["mine"]  # what was begun before is gone


def test_full_disk_fails_the_run_with_a_sentence_and_can_be_resumed(
    sounds: Path, undisturbed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(sounds, tmp_path)
    calls = 0
    original = checkpoints.save_checkpoint

    def full(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoints, "save_checkpoint", full)
    monkeypatch.setattr(sys, "argv", ["worker", str(run.folder)])
    with pytest.raises(SystemExit):
        worker.main()
    assert run.state() == "failed"
    assert run.reason().startswith("The disk is full; free some space, then resume")
    assert not (run.folder / ".reserve").exists()
    monkeypatch.undo()
    train_run_folder(run)
    assert run.state() == "finished"
    assert steps(run) == steps(undisturbed)


def test_clip_that_vanishes_in_training_fails_the_run_with_a_sentence_and_can_be_brought_back(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "sounds"
    shutil.copytree(sounds, copied)
    recipe = load_recipe(str(sounds.parent / "tiny.toml"))
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(copied), recipe, folds=(1,), device="cpu"))
    original = Run.write_event

    def move_a_clip_away(self: Run, event: str, **values: object) -> None:
        original(self, event, **values)
        if event == "fold-started":
            (copied / "train_noisy" / "03.wav").rename(tmp_path / "03.wav")

    with monkeypatch.context() as patched:
        patched.setattr(Run, "write_event", move_a_clip_away)
        patched.setattr(sys, "argv", ["worker", str(run.folder)])
        worker.main()
    assert run.state() == "failed"
    assert "03.wav" in run.reason()
    assert "Traceback" not in run.reason()
    (tmp_path / "03.wav").rename(copied / "train_noisy" / "03.wav")
    train_run_folder(run)
    assert run.state() == "finished"
    assert json.loads((run.folder / "status.json").read_text())["reason"] == ""
