"""Optimisers as fastai makes them, the schedule of a stage, and the optimiser's state in plain containers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from fastai.callback.core import Callback
from fastai.optimizer import Adam, Lookahead, ranger

from audiotag.training.backend.foreach_optimiser import with_foreach
from audiotag.training.backend.fused_adam import FusedAdam
from audiotag.training.recipe import Recipe
from audiotag.training.schedules.base import Moment, find_schedule
from audiotag.training.stage import Stage

TORCH = {"sqr_mom": 0.999, "eps": 1e-8}  # torch's constants where fastai's are others
OPTIMISERS: dict[str, Callable[..., Any]] = {
    "ranger": ranger,
    "adam": Adam,
    "torch-adam": partial(Adam, **TORCH, decouple_wd=False),
    "torch-adamw": partial(Adam, **TORCH),
}


def optimiser_options(recipe: Recipe, device: torch.device) -> dict[str, Any]:
    """Arguments of fastai's `Learner` that choose the recipe's optimiser and its weight decay.

    On a GPU fastai's steps are taken with torch's foreach functions. On a CPU those are as slow as fastai's own loop,
    and torch's fused Adam is three times as fast.
    """
    make = OPTIMISERS[recipe.optimiser]
    make = partial(make, sqr_mom=recipe.beta_2) if recipe.beta_2 else make
    return {
        "opt_func": lambda params, **hyper: _faster(make(params, **hyper), device),
        "wd": recipe.weight_decay,
        "wd_bn_bias": recipe.optimiser.startswith("torch-"),  # torch decays biases and normalisation layers too
    }


def _faster(optimiser: Any, device: torch.device) -> Any:
    if device.type != "cpu":
        return with_foreach(optimiser)
    return optimiser if isinstance(optimiser, Lookahead) else FusedAdam(optimiser)


class ScheduleCallback(Callback):
    """Sets the learning rate, and the momentum where the schedule has one, before each batch.

    Parameters
    ----------
    recipe : Recipe
    stage : Stage
    lwlraps : list of float
        lwlrap after each epoch of the stage so far; another callback appends to it.
    """

    order, run_valid = 60, False  # as fastai's `ParamScheduler`

    def __init__(self, recipe: Recipe, stage: Stage, lwlraps: list[float]) -> None:
        super().__init__()
        self.schedule, self.highest = find_schedule(recipe.schedule_of(stage)), stage.lr
        self.lwlraps = lwlraps

    def before_batch(self) -> None:
        """Set them."""
        moment = Moment(self.pct_train, self.n_epoch, tuple(self.lwlraps))
        self.opt.set_hyper("lr", self.schedule.rate(self.highest, moment))
        if (momentum := self.schedule.momentum(moment)) is not None:
            self.opt.set_hyper("mom", momentum)


def plain_state(state: dict[str, Any]) -> dict[str, Any]:
    """The state of a fastai optimiser without its hyper-parameters, in lists and dicts alone."""
    plain: dict[str, Any] = {"state": [dict(values) for values in state["state"]]}
    if "count" in state:
        slow = state["slow_weights"]
        plain |= {"count": state["count"], "slow_weights": slow and [list(group) for group in slow]}
    return plain


def copy_to_device(value: Any, device: torch.device) -> Any:
    """Copy nested dicts and lists, with all their tensors on the device."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().to(device)
    if isinstance(value, dict):
        return {key: copy_to_device(item, device) for key, item in value.items()}
    if isinstance(value, list):
        return [copy_to_device(item, device) for item in value]
    return value
