"""The worker of a run: what it stores of each fold, shared stages, options, and its progress."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from audiotag.augmentation.mask import Mask
from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class
from audiotag.training.backend import callbacks as callbacks_module
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.run_progress import epochs_done
from audiotag.training.runs import SHARED_FOLD, Run
from audiotag.training.stage import Stage
from audiotag.training.worker import train_run_folder
from audiotag.workspace import read_json

from ..conftest import SHORT_SOUNDS_LABELS as LABELS
from .short_runs import (
    CURATED,
    NOISY,
    RECIPE,
    SHARED,
    THREE_FOLDS,
    Finished,
    events_of,
    figures,
    held_out,
    only_curated,
    session_of,
    stored,
    work_and_record,
)

TINY_LR = 1e-12  # leaves weights as they are


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


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
    ready: Callable[..., Run], short_sounds: Path, tmp_path: Path
) -> None:
    flat = only_curated(short_sounds, tmp_path / "flat", [1, 2] * 8)
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


def test_fold_held_out_for_testing_takes_no_part(ready: Callable[..., Run], short_sounds: Path, tmp_path: Path) -> None:
    flat = only_curated(short_sounds, tmp_path / "flat", [0, 1, 2] * 4)
    run = ready(replace(RECIPE, stages=(replace(CURATED, epochs=1),)), flat, held_out=2)
    train_run_folder(run)
    assert run.finished_folds() == [0, 1]
    names = [name for fold in (0, 1) for name in read_json(run.fold_folder(fold) / "clips.json")]
    assert sorted(names) == [f"{number:02}.wav" for number in range(12) if number % 3 != 2]


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
