"""Schedules of learning rate and momentum, and the optimiser's state in plain containers for a checkpoint."""

from __future__ import annotations

from typing import Any

import torch
from fastai.callback.schedule import combined_cos

from audiotag.training.recipe import Recipe, Stage

# All are fastai's defaults.
WARM_UP_SHARE = 0.25  # of a one-cycle schedule
FLAT_SHARE = 0.75  # of a flat-cosine schedule
START_DIVISOR, END_DIVISOR = 25.0, 1e5  # of the highest learning rate
MOMENTUMS = (0.95, 0.85, 0.95)  # at the start, at the highest learning rate and at the end of one-cycle


def schedule_for(recipe: Recipe, stage: Stage) -> dict[str, Any]:
    """The schedules of a stage, by hyper-parameter, for fastai's `ParamScheduler`.

    They are those of fastai's ``fit_flat_cos`` and ``fit_one_cycle``, which cannot begin in the middle of a stage.
    """
    if recipe.schedule == "flat-cosine":
        return {"lr": combined_cos(FLAT_SHARE, stage.lr, stage.lr, stage.lr / END_DIVISOR)}
    return {
        "lr": combined_cos(WARM_UP_SHARE, stage.lr / START_DIVISOR, stage.lr, stage.lr / END_DIVISOR),
        "mom": combined_cos(WARM_UP_SHARE, *MOMENTUMS),
    }


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
