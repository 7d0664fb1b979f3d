"""Up to the highest rate and down again, the momentum the other way round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from audiotag.checks import Within
from audiotag.training.schedules.base import (
    Moment,
    Schedule,
    follow_cosine,
    follow_line,
    follow_two,
    register_schedule,
)

MOMENTUMS = (0.95, 0.85, 0.95)  # fastai's: at the start, at the highest rate and at the end


@register_schedule("one-cycle")
@dataclass(frozen=True)
class OneCycle(Schedule):
    """One cycle of the learning rate (Smith 2018); by default as fastai's ``fit_one_cycle``.

    Attributes
    ----------
    warm_up : float
        Share of the stage in which the rate rises.
    start_divisor, end_divisor : float
        The highest rate divided by those at the start and at the end.
    shape : "cosine" or "linear"
        Of both slopes.
    cycle_momentum : bool
        Whether the momentum goes from 0.95 to 0.85 and back; otherwise it is the optimiser's own.
    """

    warm_up: Annotated[float, Within(0, 1, above=True, below=True), "0.25 is fastai's"] = 0.25
    start_divisor: Annotated[float, Within(1), "25 is common"] = 25.0
    end_divisor: Annotated[float, Within(1), "1e5 is fastai's"] = 1e5
    shape: Literal["cosine", "linear"] = "cosine"
    cycle_momentum: bool = True

    def rate(self, highest: float, moment: Moment) -> float:
        """From a fraction of the highest rate up to it, and down to a smaller fraction."""
        return self._follow(moment, (highest / self.start_divisor, highest, highest / self.end_divisor))

    def momentum(self, moment: Moment) -> float | None:
        """Low where the rate is high."""
        return self._follow(moment, MOMENTUMS) if self.cycle_momentum else None

    @property
    def needs_end(self) -> bool:
        """The rate falls until the end."""
        return True

    def _follow(self, moment: Moment, values: tuple[float, float, float]) -> float:
        follow = follow_cosine if self.shape == "cosine" else follow_line
        return follow_two(moment.position, self.warm_up, values, follow)
