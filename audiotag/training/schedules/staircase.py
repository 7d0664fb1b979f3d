"""A learning rate that falls in steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audiotag.checks import Within
from audiotag.training.schedules.base import Moment, Schedule, register_schedule

ROUNDING = 1e-9  # epochs: positions are sums of many small numbers


@register_schedule("staircase")
@dataclass(frozen=True)
class Staircase(Schedule):
    """The rate times ``factor`` after every ``epochs`` epochs, which need not be whole.

    By default as the baseline of the 2019 task (https://github.com/DCASE-REPO/dcase2019_task2_baseline).

    Attributes
    ----------
    factor : float
    epochs : float
    """

    factor: Annotated[float, Within(0, 1, above=True, below=True), "0.94 is the baseline's"] = 0.94
    epochs: Annotated[float, Within(0, 1000, "epochs", above=True), "2.5 is the baseline's"] = 2.5

    def rate(self, highest: float, moment: Moment) -> float:
        """The rate after the steps so far."""
        return float(highest * self.factor ** ((moment.position * moment.epochs + ROUNDING) // self.epochs))
