"""A learning rate that falls when the held-out clips are not tagged better any more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from audiotag.checks import Within
from audiotag.training.schedules.base import Moment, Schedule, register_schedule

# All are torch's defaults but the lowest rate, which is argus's.
RELATIVE_RISE = 1e-4  # by which lwlrap must be above its best to count as a rise
LOWEST_RATE = 1e-8
SMALLEST_CHANGE = 1e-8  # of the rate; a smaller one is not made


@register_schedule("plateau")
@dataclass(frozen=True)
class Plateau(Schedule):
    """The rate times ``factor`` whenever lwlrap has not risen for more than ``patience`` epochs in a row.

    It is torch's ``ReduceLROnPlateau(mode="max")``, which argus uses with these defaults
    (https://github.com/lRomul/argus-freesound). lwlrap is that of the fold's held-out clips, so the figures of these
    clips are a little too high for new ones.

    Attributes
    ----------
    patience : int
    factor : float
    """

    patience: Annotated[int, Within(0, 1000, "epochs"), "6 is argus's"] = 6
    factor: Annotated[float, Within(0, 1, above=True, below=True), "0.6 is argus's"] = 0.6

    @property
    def follows_held_out(self) -> bool:
        """The rate falls where their lwlrap does not rise."""
        return True

    def rate(self, highest: float, moment: Moment) -> float:
        """The rate that the epochs so far have led to."""
        rate, best, waited = highest, -math.inf, 0
        for lwlrap in moment.lwlraps:
            if lwlrap > best * (1 + RELATIVE_RISE):
                best, waited = lwlrap, 0
                continue
            waited += 1
            if waited > self.patience:
                lower, waited = max(rate * self.factor, LOWEST_RATE), 0
                rate = lower if rate - lower > SMALLEST_CHANGE else rate
        return rate
