"""A stage ends once lwlrap does not rise any more, and a plateau lowers its rate, resumed or not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from audiotag.training.backend import callbacks as callbacks_module
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.progress import FoldSplit
from audiotag.training.schedules.plateau import Plateau

from .tiny_folds import CPU, LABELS, RECIPE, Calls, figures, recording, same

LWLRAPS = [0.5, 0.6, 0.6, 0.6, 0.7, 0.7, 0.6, 0.6]  # of the epochs; the third without a rise after the best is the last
STAGE = replace(RECIPE.stages[1], epochs=8, stop_after=3, mixup=0.0)
PLATEAU = replace(RECIPE, stages=(STAGE,), schedule=Plateau(patience=1, factor=0.5), optimiser="torch-adam")


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[float]], None]:
    """``measure(lwlraps)``: what the next epochs are measured at."""

    def set_lwlraps(lwlraps: list[float]) -> None:
        left = iter(lwlraps)
        monkeypatch.setattr(callbacks_module, "lwlrap", lambda targets, scores: next(left))

    return set_lwlraps


@pytest.fixture
def whole(split: FoldSplit, measure: Callable[[list[float]], None]) -> tuple[FoldTrainer, Calls]:
    """A fold whose stage has ended early."""
    measure(LWLRAPS)
    trainer, calls = FoldTrainer(PLATEAU, LABELS, 1, CPU.type), Calls()
    assert trainer.train(0, STAGE, split, recording(calls))
    return trainer, calls


def test_stage_ends_after_the_epochs_without_a_rise_and_the_rate_falls_on_its_way(
    whole: tuple[FoldTrainer, Calls],
) -> None:
    epochs = whole[1].epochs
    assert [epoch.lwlrap for epoch in epochs] == LWLRAPS
    assert [epoch.lr / STAGE.lr for epoch in epochs] == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_stage_without_an_early_stop_trains_all_epochs(
    split: FoldSplit, measure: Callable[[list[float]], None]
) -> None:
    measure([0.5] * 4)
    calls = Calls()
    stage = replace(STAGE, stop_after=0, epochs=4)
    assert FoldTrainer(PLATEAU, LABELS, 1, CPU.type).train(0, stage, split, recording(calls))
    assert len(calls.epochs) == 4


@pytest.mark.parametrize("done", [3, 6])
def test_resumed_stage_stops_and_lowers_its_rate_as_one_that_was_not_interrupted(
    done: int, split: FoldSplit, whole: tuple[FoldTrainer, Calls], measure: Callable[[list[float]], None]
) -> None:
    again, rest = FoldTrainer(PLATEAU, LABELS, 1, CPU.type), Calls()
    again.restore(whole[1].states[done - 1])
    measure(LWLRAPS[done:])
    assert again.train(0, STAGE, split, recording(rest), epochs_done=done)
    assert [figures(epoch) for epoch in rest.epochs] == [figures(epoch) for epoch in whole[1].epochs[done:]]
    assert same(again.state(), whole[0].state())


def test_stage_that_is_over_trains_no_epoch_more(split: FoldSplit, whole: tuple[FoldTrainer, Calls]) -> None:
    """The worker was killed after its last checkpoint."""
    again, rest = FoldTrainer(PLATEAU, LABELS, 1, CPU.type), Calls()
    again.restore(whole[1].states[-1])
    assert again.train(0, STAGE, split, recording(rest), epochs_done=len(LWLRAPS))
    assert rest.epochs == []
    assert same(again.state(), whole[0].state())


def test_next_stage_counts_its_own_epochs(
    split: FoldSplit, whole: tuple[FoldTrainer, Calls], measure: Callable[[list[float]], None]
) -> None:
    calls = Calls()
    measure([0.1, 0.2, 0.2, 0.2, 0.2])
    assert whole[0].train(1, STAGE, split, recording(calls))
    assert [epoch.lr / STAGE.lr for epoch in calls.epochs] == [1, 1, 1, 1, 0.5]
