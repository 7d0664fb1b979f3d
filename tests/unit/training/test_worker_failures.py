"""A worker that cannot go on gives its reason in a sentence, and what it has finished stays."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from audiotag.errors import AudiotagError
from audiotag.training import checkpoints
from audiotag.training.backend import learner as learner_module
from audiotag.training.batch_loss import BatchLoss
from audiotag.training.failures import reason_of
from audiotag.training.losses.bce import binary_cross_entropy
from audiotag.training.runs import Run
from audiotag.training.worker import train_run_folder

from ..conftest import SHORT_SOUNDS_HZ as RATE
from ..conftest import write_short_sounds
from .short_runs import NOISY, RECIPE, events_of, held_out, only_curated, run_main


def test_loss_that_is_not_finite_fails_with_a_sentence_and_leaves_finished_folds(
    ready: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    run = ready()

    def diverges(logits: torch.Tensor, targets: torch.Tensor, kinds: np.ndarray) -> torch.Tensor:
        return binary_cross_entropy(logits, targets) * (float("nan") if run.finished_folds() else 1)

    monkeypatch.setattr(learner_module, "BatchLoss", lambda *_: diverges)
    assert run_main(run, monkeypatch) == 1
    assert run.state() == "failed"
    wanted = "The training diverged: the training loss became nan in epoch 1; try a lower lr in the recipe."
    assert run.reason() == wanted
    assert wanted in capsys.readouterr().out
    assert run.finished_folds() == [1]
    assert len(held_out(run, 1)["scores"]) == 8
    # Without the fault it resumes with the other fold alone.
    monkeypatch.setattr(learner_module, "BatchLoss", BatchLoss)
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
    ready: Callable[..., Run], short_sounds: Path, tmp_path: Path
) -> None:
    flat = only_curated(short_sounds, tmp_path / "flat", [1, 2] * 8)
    with pytest.raises(AudiotagError, match="recipe tiny trains on noisy clips, but clips has none of them"):
        train_run_folder(ready(replace(RECIPE, stages=(NOISY,)), flat))


def test_fold_that_does_not_exist_fails_with_those_that_do(ready: Callable[..., Run]) -> None:
    with pytest.raises(AudiotagError, match="folds must be among 1, 2 here, got 7"):
        train_run_folder(ready(folds=(1, 7)))


def test_holding_out_a_fold_that_the_dataset_lacks_fails_with_a_sentence(ready: Callable[..., Run]) -> None:
    with pytest.raises(AudiotagError, match="one of the dataset's own, got 3; sounds has none"):
        train_run_folder(ready(held_out=3))


def test_folds_that_leave_nothing_to_train_on_fail_with_a_sentence(
    ready: Callable[..., Run], short_sounds: Path, tmp_path: Path
) -> None:
    flat = only_curated(short_sounds, tmp_path / "flat", [1, 1, 2, 2, 1, 2])
    with pytest.raises(AudiotagError, match="fold 1 must hold out some of the 3 curated clips and train on others"):
        train_run_folder(ready(dataset=flat, held_out=2))


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
