"""What every schedule of the learning rate has, and the registry that finds one by the name that a recipe gives it.

A schedule is one file: a frozen dataclass derived from `Schedule` and decorated with `register_schedule`. It computes
the rate from the stage's highest rate and from where the stage is, and holds nothing that changes: a stage that is
resumed has the same rates as one that was not interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from audiotag.registry import Registry
from audiotag.training.parts import PartSettings, find_part, name_part


@dataclass(frozen=True)
class Moment:
    """Where a stage is when a batch begins.

    Attributes
    ----------
    position : float
        Share of the stage's batches that are done, from 0 to below 1.
    epochs : int
        The stage's number of epochs.
    lwlraps : tuple[float, ...]
        lwlrap of the held-out clips after each epoch so far.
    """

    position: float
    epochs: int
    lwlraps: tuple[float, ...] = ()


class Schedule(PartSettings):
    """A schedule of the learning rate; base of a frozen dataclass for each."""

    def rate(self, highest: float, moment: Moment) -> float:
        """The learning rate of the next batch; ``highest`` is the ``lr`` of the stage."""
        raise NotImplementedError

    def momentum(self, moment: Moment) -> float | None:
        """The optimiser's momentum, or β₁, for the next batch; None for the optimiser's own."""
        return None

    @property
    def needs_end(self) -> bool:
        """Whether the rates are planned for all epochs of the stage, so that none may be left out."""
        return False

    @property
    def follows_held_out(self) -> bool:
        """Whether the rates depend on the lwlrap of the held-out clips."""
        return False


Registered = TypeVar("Registered", bound=type[Schedule])
SCHEDULES: Registry[type[Schedule]] = Registry("schedule", "audiotag.training.schedules", "audiotag.schedules")
ScheduleChoice = str | Schedule


def register_schedule(name: str) -> Callable[[Registered], Registered]:
    """Decorate a dataclass to make its schedule known to recipes as ``schedule = "name"``."""

    def register(schedule: Registered) -> Registered:
        name_part(schedule, name)
        SCHEDULES.register(name)(schedule)
        return schedule

    return register


def find_schedule(schedule: ScheduleChoice) -> Schedule:
    """The schedule that a recipe's field holds; raises `AudiotagError` if there is none of this name."""
    found: Schedule = find_part(schedule, SCHEDULES)
    return found


def follow_cosine(start: float, end: float, share: float) -> float:
    """The value after a share of half a period of a cosine from ``start`` to ``end``."""
    return start + (1 + math.cos(math.pi * (1 - share))) * (end - start) / 2


def follow_line(start: float, end: float, share: float) -> float:
    """The value after a share of a straight line from ``start`` to ``end``."""
    return start + (end - start) * share


def follow_two(
    position: float, first_share: float, values: tuple[float, float, float], follow: Callable[..., float]
) -> float:
    """The value at a position on two curves: from the first value to the second one, and on to the third.

    Parameters
    ----------
    position : float
        0 to 1.
    first_share : float
        Where the second curve begins.
    values : tuple[float, float, float]
    follow : callable(start, end, share)
    """
    # In single precision, as in fastai's `combine_scheds`: so a run of an earlier version has the same rates.
    at, turn = np.float32(position), np.float32(first_share)
    if at < turn:
        return follow(values[0], values[1], float(at / turn))
    return follow(values[1], values[2], float((at - turn) / (np.float32(1) - turn)))
