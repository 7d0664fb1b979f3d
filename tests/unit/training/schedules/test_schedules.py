"""Schedules give the rates of the published ones, and follow from nothing but where the stage is."""

import math

import pytest
import torch

from audiotag.training.schedules.base import SCHEDULES, Moment, Schedule, find_schedule
from audiotag.training.schedules.one_cycle import OneCycle
from audiotag.training.schedules.plateau import Plateau
from audiotag.training.schedules.staircase import Staircase

THIRD_PLACE = OneCycle(warm_up=0.3, start_divisor=50, end_divisor=50_000, shape="linear", cycle_momentum=False)
SIXTH_PLACE = OneCycle(warm_up=0.3, end_divisor=250_000)


def rates(schedule: Schedule, highest: float, positions: list[float], epochs: int = 10) -> list[float]:
    return [schedule.rate(highest, Moment(position, epochs)) for position in positions]


def test_shipped_schedules_are_found_by_their_names() -> None:
    assert SCHEDULES.names() == ("constant", "flat-cosine", "one-cycle", "plateau", "staircase")
    assert find_schedule("plateau") == Plateau(patience=6, factor=0.6)


def test_third_places_cycle_is_two_straight_lines() -> None:
    """1e-4 to 5e-3 over the first 30 % of steps, then to 1e-7; its momentum stays."""
    found = rates(THIRD_PLACE, 5e-3, [0, 0.15, 0.3, 0.65, 1])
    assert found == pytest.approx([1e-4, 2.55e-3, 5e-3, 2.50005e-3, 1e-7], rel=1e-5)
    assert THIRD_PLACE.momentum(Moment(0.5, 10)) is None


def test_sixth_places_cycle_starts_at_a_25th_and_ends_at_a_250_000th() -> None:
    found = rates(SIXTH_PLACE, 1e-2, [0, 0.15, 0.3, 0.65, 1])
    assert found == pytest.approx([4e-4, 5.2e-3, 1e-2, 5.00002e-3, 4e-8], rel=1e-5)
    assert [SIXTH_PLACE.momentum(Moment(at, 10)) for at in (0, 0.3, 1)] == pytest.approx([0.95, 0.85, 0.95])


def test_baselines_rate_falls_every_two_and_a_half_epochs() -> None:
    epochs, batches = 10, 4
    found = [
        Staircase().rate(3e-3, Moment(sum([1 / (epochs * batches)] * batch), epochs))
        for batch in range(epochs * batches)
    ]
    wanted = [3e-3 * 0.94 ** (batch // 10) for batch in range(epochs * batches)]
    assert found == pytest.approx(wanted, rel=1e-12)


def test_constant_rate_stays() -> None:
    assert rates(find_schedule("constant"), 1e-4, [0, 0.4, 0.99]) == [1e-4] * 3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("patience", "factor", "highest"), [(6, 0.6, 9e-4), (0, 0.1, 1e-2), (2, 0.5, 3e-8)])
def test_plateau_is_torchs_reduce_on_plateau(patience: int, factor: float, highest: float, seed: int) -> None:
    """lwlraps that rise, fall, and rise by less than a ten-thousandth."""
    rng = torch.Generator().manual_seed(seed)
    steps = torch.rand(80, generator=rng).double()
    lwlraps = [0.8 * (1 - math.exp(-epoch / 4)) + 1e-3 * float(step) for epoch, step in enumerate(steps)]
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=highest)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, mode="max", patience=patience, factor=factor, threshold=1e-4, min_lr=1e-8
    )
    ours, wanted = [], []
    for epoch in range(len(lwlraps)):
        ours.append(Plateau(patience, factor).rate(highest, Moment(epoch / 80, 80, tuple(lwlraps[:epoch]))))
        wanted.append(optimiser.param_groups[0]["lr"])
        theirs.step(lwlraps[epoch])
    assert ours == wanted
    assert len(set(ours)) > 1
