"""Optimisers that have the names of torch's take torch's steps, and the learning-rate finder works with them."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.backend.optimiser import OPTIMISERS, optimiser_options
from audiotag.training.progress import FoldSplit

from .tiny_folds import CPU, FIRST, LABELS, RECIPE

THEIRS = {"torch-adam": torch.optim.Adam, "torch-adamw": torch.optim.AdamW}


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("beta_2", [0.0, 0.99])
@pytest.mark.parametrize("name", list(THEIRS))
def test_steps_are_torchs(name: Any, beta_2: float, decay: float) -> None:
    options = optimiser_options(replace(RECIPE, optimiser=name, weight_decay=decay, beta_2=beta_2), CPU)
    rng = torch.Generator().manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.linspace(-1, 1, 9, dtype=torch.float64)) for _ in range(2))
    one = options["opt_func"]([ours], lr=1e-2, wd=options["wd"])
    other = THEIRS[name]([theirs], lr=1e-2, betas=(0.9, beta_2 or 0.999), weight_decay=decay)
    for step in range(20):
        gradient = 10.0 ** (-step % 9) * torch.randn(9, generator=rng, dtype=torch.float64)  # down to ε and beyond
        for parameter, optimiser in ((ours, one), (theirs, other)):
            parameter.grad = gradient.clone()
            optimiser.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_torchs_optimisers_decay_every_weight_and_fastais_no_biases(split: FoldSplit) -> None:
    for name, all_decay in (("adam", False), ("torch-adam", True), ("torch-adamw", True)):
        assert optimiser_options(replace(RECIPE, optimiser=name), CPU)["wd_bn_bias"] == all_decay  # type: ignore[arg-type]


@pytest.mark.parametrize("name", list(OPTIMISERS))
def test_learning_rate_finder_works_with_every_optimiser_and_schedule(name: Any, split: FoldSplit) -> None:
    recipe = replace(RECIPE, optimiser=name, schedule="plateau", loss="soft-bootstrapping", beta_2=0.95)
    rates, losses, _ = FoldTrainer(recipe, LABELS, 1, "cpu").find_rates(FIRST, split.train, 12, max_s=60)
    assert len(rates) == len(losses) >= 4
    assert rates == sorted(rates)
