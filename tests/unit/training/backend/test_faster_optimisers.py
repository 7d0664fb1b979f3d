"""Optimisers take fastai's steps and leave its state behind, for a GPU to the last bit, for a CPU but for rounding."""

from functools import partial
from typing import Any

import pytest
import torch
from fastai.optimizer import RAdam, RMSProp

from audiotag.training.backend.foreach_optimiser import with_foreach
from audiotag.training.backend.fused_adam import FusedAdam
from audiotag.training.backend.optimiser import OPTIMISERS, copy_to_device, plain_state

from .tiny_folds import CPU

SHAPES = ((), (3,), (4, 2), (2, 1, 3, 3))
STEPS = 15  # more than two of Lookahead's k, and past RAdam's plain steps


def parameters() -> list[torch.nn.Parameter]:
    rng = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=rng)) for shape in SHAPES]


def stepped(optimiser: Any, weights: list[torch.nn.Parameter], steps: range) -> None:
    """Steps with other rates each; the third weight has no gradient in the first steps."""
    for step in steps:
        rng = torch.Generator().manual_seed(step)
        for number, weight in enumerate(weights):
            gradient = torch.randn(weight.shape, generator=rng)
            weight.grad = None if number == 2 and step < 4 else gradient
        optimiser.set_hyper("lr", 1e-2 / (1 + step))
        optimiser.set_hyper("mom", 0.95 - 0.01 * step)
        optimiser.step()
        optimiser.zero_grad()


def optimisers(name: str, wd: float, faster: Any = with_foreach) -> list[tuple[Any, list[torch.nn.Parameter]]]:
    made = []
    for change in (lambda optimiser: optimiser, faster):
        weights = parameters()
        optimiser = change(OPTIMISERS[name](weights, lr=1e-2, wd=wd))
        optimiser.state[weights[1]]["do_wd"] = False  # as fastai's Learner marks biases
        made.append((optimiser, weights))
    return made


@pytest.mark.parametrize("wd", [0.0, 0.1])
@pytest.mark.parametrize("name", list(OPTIMISERS))
def test_steps_are_fastais_to_the_last_bit(name: str, wd: float) -> None:
    (theirs, expected), (ours, weights) = optimisers(name, wd)
    for optimiser, of_it in ((theirs, expected), (ours, weights)):
        stepped(optimiser, of_it, range(STEPS))
    for weight, like in zip(weights, expected, strict=True):
        assert torch.equal(weight, like)


@pytest.mark.parametrize("wd", [0.0, 0.1])
@pytest.mark.parametrize("name", [name for name in OPTIMISERS if name != "ranger"])
def test_fused_steps_are_fastais_but_for_rounding(name: str, wd: float) -> None:
    (theirs, expected), (ours, weights) = optimisers(name, wd, FusedAdam)
    for optimiser, of_it in ((theirs, expected), (ours, weights)):
        stepped(optimiser, of_it, range(STEPS))
    for weight, like in zip(weights, expected, strict=True):
        torch.testing.assert_close(weight, like, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "faster"), [("ranger", with_foreach), ("adam", with_foreach), ("adam", FusedAdam)])
def test_checkpoint_of_one_is_resumed_with_the_other(name: str, faster: Any) -> None:
    (theirs, expected), (ours, weights) = optimisers(name, 0.1, faster)
    stepped(theirs, expected, range(STEPS))
    stepped(ours, weights, range(8))
    (again, resumed), _ = optimisers(name, 0.1)
    with torch.no_grad():
        for weight, like in zip(resumed, weights, strict=True):
            weight.copy_(like)
    state = copy_to_device(plain_state(ours.state_dict()), CPU)
    again.load_state_dict(state | {"hypers": again.hypers})
    stepped(again, resumed, range(8, STEPS))
    rounding = {"rtol": 1e-5, "atol": 1e-6} if faster is FusedAdam else {"rtol": 0, "atol": 0}
    for weight, like in zip(resumed, expected, strict=True):
        torch.testing.assert_close(weight, like, **rounding)


def test_optimiser_with_other_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="rms_prop_step"):
        with_foreach(partial(RMSProp, lr=1e-2)(parameters()))
    with pytest.raises(ValueError, match="radam_step"):
        FusedAdam(RAdam(parameters(), lr=1e-2))
