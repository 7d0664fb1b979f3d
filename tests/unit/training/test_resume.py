"""Runs that were cut off, at every place where that can hurt, end as if nothing had happened."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.jobs import is_alive
from audiotag.tagging.ensemble import read_card
from audiotag.training import checkpoints, worker
from audiotag.training.publish import publish
from audiotag.training.recipe import load_recipe
from audiotag.training.runs import Run, RunSettings, create_run, epochs_done
from audiotag.training.worker import work
from audiotag.workspace import Workspace

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

# Runs the worker, or publishes, and kills its own process without warning just as a function is called for the n-th
# time: argv are the run, the module, the attribute, n, and a word that must be in the call's arguments.
KILLED = """
import importlib, os, signal, sys
from pathlib import Path
run, module, name, count, word = sys.argv[1:6]
owner = importlib.import_module(module)
*path, name = name.split(".")
for part in path:
    owner = getattr(owner, part)
original, calls = getattr(owner, name), 0
def dies(*arguments, **named):
    global calls
    told = f"{arguments}{named}{getattr(arguments[0], 'training', '') if arguments else ''}"
    calls += word in told
    if calls == int(count):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **named)
setattr(owner, name, dies)
if len(sys.argv) > 6:
    from audiotag.training.publish import publish
    from audiotag.training.runs import Run
    publish(Run(Path(run)), "mine", Path(sys.argv[6]))
else:
    from audiotag.training.worker import main
    sys.argv[1:] = [run]
    main()
"""


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> object:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OMP_NUM_THREADS", "1")
        yield


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
    return folder


def new_run(sounds: Path, home: Path) -> Run:
    recipe = load_recipe(str(sounds.parent / "tiny.toml"))
    return create_run(Workspace(home), RunSettings(str(sounds), recipe, device="cpu"))


@pytest.fixture(scope="module")
def undisturbed(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = new_run(sounds, tmp_path_factory.mktemp("undisturbed"))
    finish(run)
    return run


def finish(run: Run) -> None:
    """In a process of its own, as the threads of arithmetic are set when torch is imported."""
    done = subprocess.run(
        [sys.executable, "-m", "audiotag.training.worker", str(run.folder)], capture_output=True, text=True, check=False
    )
    assert run.state() == "finished", done.stdout + done.stderr


def killed(run: Run, module: str, name: str, count: int, word: str = "", publish_to: Path | None = None) -> None:
    arguments = [str(run.folder), module, name, str(count), word, *([str(publish_to)] if publish_to else [])]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def told(run: Run) -> list[dict]:
    """What epochs and folds gave, without times."""
    events = run.events()
    results = [*epochs_done(events), *(event for event in events if event["event"] == "fold-finished")]
    return [{key: value for key, value in event.items() if not key.endswith(("time", "seconds"))} for event in results]


def files(run: Run) -> dict[str, bytes]:
    return {
        f"{fold}/{name}": (run.fold_folder(fold) / name).read_bytes()
        for fold in (1, 2)
        for name in ("weights.safetensors", "best.safetensors", "scores.safetensors", "clips.json")
    }


KILLS = {
    "reading the clips": ("audiotag.training.subsets", "prepare_clips", 2, ""),
    "before the first epoch is over": ("audiotag.training.batches", "Batches._pictures", 2, "True"),
    "in the first stage's second epoch": ("audiotag.training.batches", "Batches._pictures", 3, "True"),
    "measuring held-out clips": ("audiotag.training.batches", "Batches._pictures", 2, "False"),
    "writing a checkpoint": ("os", "replace", 1, "checkpoint.pt"),
    "between checkpoint and event": ("audiotag.training.runs", "Run.write_event", 1, "epoch"),
    "writing the best weights": ("os", "replace", 1, "best.safetensors"),
    "writing the fold's scores": ("os", "replace", 1, "scores.safetensors"),
    "between fold's files and its event": ("audiotag.training.runs", "Run.write_event", 1, "fold-finished"),
}


def test_run_killed_again_and_again_ends_as_one_left_alone(sounds: Path, undisturbed: Run, tmp_path: Path) -> None:
    run = new_run(sounds, tmp_path)
    epochs = 0
    for where, kill in KILLS.items():
        killed(run, *kill)
        assert run.state() == "interrupted", where
        assert len(epochs_done(run.events())) >= epochs, f"an epoch that was done was lost {where}"
        epochs = len(epochs_done(run.events()))
    assert epochs > 0
    assert run.finished_folds() in ([], [1])
    finish(run)
    assert told(run) == told(undisturbed)
    assert files(run) == files(undisturbed)


def test_killed_run_has_lost_one_epoch_at_most(sounds: Path, undisturbed: Run, tmp_path: Path) -> None:
    """Killed in the very last moment of an epoch, with nothing of it on disk, it goes on from the one before."""
    run = new_run(sounds, tmp_path)
    killed(run, "os", "replace", 4, "checkpoint.pt")
    assert len(epochs_done(run.events())) == 3
    finish(run)
    resumed = [event["epoch"] for event in run.events() if event["event"] == "epoch" and event["fold"] == 1]
    assert resumed == [1, 2, 1, 2, 3]  # none of them was trained twice
    assert told(run) == told(undisturbed)
    assert files(run) == files(undisturbed)


def test_torn_last_event_is_written_again(sounds: Path, undisturbed: Run, tmp_path: Path) -> None:
    run = new_run(sounds, tmp_path)
    killed(run, "os", "replace", 3, "checkpoint.pt")
    path = run.folder / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-7])
    finish(run)
    assert told(run) == told(undisturbed)


def test_stopped_run_goes_on_from_its_last_epoch(sounds: Path, undisturbed: Run, tmp_path: Path) -> None:
    run = new_run(sounds, tmp_path)
    original = Run.write_event

    def stops(self: Run, event: str, **values: object) -> None:
        original(self, event, **values)
        if event == "epoch" and values["stage"] == 1:
            self.stop()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Run, "write_event", stops)
        work(run)
    assert run.state() == "stopped"
    done = len(epochs_done(run.events()))
    run.start()
    wait_for_end(run)
    assert run.state() == "finished", run.log_tail()
    assert "goes on after epoch 1 of stage 2" in run.log_tail(200)
    assert done == 3
    assert [(e["fold"], e["step"]) for e in told(run) if "step" in e] == [
        (e["fold"], e["step"]) for e in told(undisturbed) if "step" in e
    ]


def wait_for_end(run: Run, at_most_s: float = 120) -> None:
    deadline = time.monotonic() + at_most_s
    process = json.loads((run.folder / "process.json").read_text())
    while run.is_active() or is_alive(process["pid"], process["started"]):
        assert time.monotonic() < deadline, run.log_tail()
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("name", "word"), [("audiotag.training.publish", "card.json"), ("os", "fold-2.safetensors"), ("os", "mine")]
)
def test_publishing_that_was_killed_leaves_no_ensemble_and_can_be_done_again(
    undisturbed: Run, tmp_path: Path, name: str, word: str, contents: Callable[[Path], dict]
) -> None:
    attribute = "write_json" if name.endswith("publish") else "replace"
    killed(undisturbed, name, attribute, 1, word, publish_to=tmp_path / "ensembles")
    visible = [path for path in (tmp_path / "ensembles").iterdir() if not path.name.startswith(".")]
    assert visible == []
    ensemble = publish(undisturbed, "mine", tmp_path / "ensembles")
    again = publish(undisturbed, "mine", tmp_path / "elsewhere")
    digests = [{file: digest for file, (digest, _) in contents(folder).items()} for folder in (ensemble, again)]
    assert digests[0] == digests[1]
    assert read_card(ensemble).name == "mine"


def test_full_disk_is_a_failed_run_that_says_so_and_goes_on(
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
    assert run.reason().startswith("The disk is full; make room, then resume")
    assert not (run.folder / ".reserve").exists()
    monkeypatch.undo()
    work(run)
    assert run.state() == "finished"
    assert [(e["fold"], e["step"]) for e in told(run) if "step" in e] == [
        (e["fold"], e["step"]) for e in told(undisturbed) if "step" in e
    ]


def test_clip_that_vanishes_while_training_is_a_sentence_and_can_be_brought_back(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "sounds"
    shutil.copytree(sounds, copied)
    recipe = load_recipe(str(sounds.parent / "tiny.toml"))
    run = create_run(Workspace(tmp_path / "home"), RunSettings(str(copied), recipe, device="cpu"))
    original = Run.write_event

    def vanishes(self: Run, event: str, **values: object) -> None:
        original(self, event, **values)
        if event == "fold-started":
            (copied / "train_noisy" / "03.wav").rename(tmp_path / "03.wav")

    with monkeypatch.context() as patched:
        patched.setattr(Run, "write_event", vanishes)
        patched.setattr(sys, "argv", ["worker", str(run.folder)])
        worker.main()
    assert run.state() == "failed"
    assert "03.wav" in run.reason()
    assert "Traceback" not in run.reason()
    (tmp_path / "03.wav").rename(copied / "train_noisy" / "03.wav")
    work(run)
    assert run.state() == "finished"
    assert json.loads((run.folder / "status.json").read_text())["reason"] == ""
