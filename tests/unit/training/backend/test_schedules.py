"""Learning rate, momentum and weight decay of every step are those of fastai's schedules."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from audiotag.training.backend.fused_adam import FusedAdam
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.progress import FoldSplit

from .tiny_folds import FIRST, LABELS, RECIPE, Calls, recording, trained


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """The hyper-parameters of every step that an optimiser takes, ours or one of fastai's."""
    from fastai.optimizer import Optimizer

    taken: list[dict[str, float]] = []

    def note(kind: type) -> None:
        step = kind.step  # type: ignore[attr-defined]

        def noted(optimiser: Any, *given: Any, **named: Any) -> Any:
            taken.append({name: float(value) for name, value in optimiser.hypers[-1].items()})
            return step(optimiser, *given, **named)

        monkeypatch.setattr(kind, "step", noted)

    note(Optimizer)
    note(FusedAdam)
    return taken


@pytest.mark.parametrize("optimiser", ["ranger", "adam"])
@pytest.mark.parametrize(("schedule", "fit"), [("one-cycle", "fit_one_cycle"), ("flat-cosine", "fit_flat_cos")])
def test_every_step_has_the_rate_momentum_and_weight_decay_that_fastai_gives_it(
    schedule: Any, fit: str, optimiser: Any, split: FoldSplit, steps: list[dict[str, float]]
) -> None:
    import fastai.callback.schedule  # noqa: F401  which gives Learner its fit_ methods
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner
    from fastai.optimizer import Adam, ranger

    decay = {"weight_decay": 0.2} if schedule == "one-cycle" else {}  # the recipe's own is fastai's
    recipe = replace(RECIPE, schedule=schedule, optimiser=optimiser, **decay)
    trained(split, recipe, stages=1, epochs=4, lr=2e-3)
    ours = steps.copy()
    steps.clear()
    batches = DataLoader([(torch.ones(1), torch.ones(1))] * 12, bs=6)  # two batches an epoch, as above
    theirs = Learner(
        DataLoaders(batches, batches),
        torch.nn.Linear(1, 1),
        loss_func=torch.nn.functional.mse_loss,
        opt_func=ranger if optimiser == "ranger" else Adam,
    )
    with theirs.no_bar(), theirs.no_logging():
        getattr(theirs, fit)(4, 2e-3, wd=decay.get("weight_decay"))
    assert len(ours) == len(steps) == 8
    for mine, wanted in zip(ours, steps, strict=True):
        assert mine == pytest.approx(wanted, rel=1e-9)
    assert len({step["lr"] for step in ours}) == (8 if schedule == "one-cycle" else 2)  # flat for three quarters
    assert len({step["mom"] for step in ours}) == (7 if schedule == "one-cycle" else 1)  # down and up again


def test_schedule_of_a_resumed_stage_continues_where_it_was(split: FoldSplit, steps: list[dict[str, float]]) -> None:
    recipe = replace(RECIPE, schedule="one-cycle")
    _, calls = trained(split, recipe, stages=1, epochs=4)
    whole = steps.copy()
    steps.clear()
    again = FoldTrainer(recipe, LABELS, 1, "cpu")
    again.restore(calls.states[1])
    assert again.train(0, replace(FIRST, epochs=4), split, recording(Calls()), epochs_done=2)
    assert steps == whole[4:]


def test_reported_rate_of_an_epoch_is_that_of_its_last_step(split: FoldSplit, steps: list[dict[str, float]]) -> None:
    _, calls = trained(split, stages=1, epochs=3)
    assert [epoch.lr for epoch in calls.epochs] == [step["lr"] for step in steps[1::2]]
