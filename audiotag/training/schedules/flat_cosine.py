"""The highest rate for three quarters of a stage, then down along a cosine."""

from __future__ import annotations

from dataclasses import dataclass

from audiotag.training.schedules.base import Moment, Schedule, follow_cosine, follow_two, register_schedule

FLAT_SHARE, END_DIVISOR = 0.75, 1e5  # fastai's


@register_schedule("flat-cosine")
@dataclass(frozen=True)
class FlatCosine(Schedule):
    """The schedule of fastai's ``fit_flat_cos``."""

    def rate(self, highest: float, moment: Moment) -> float:
        """Down to a hundred-thousandth at the end."""
        return follow_two(moment.position, FLAT_SHARE, (highest, highest, highest / END_DIVISOR), follow_cosine)

    @property
    def needs_end(self) -> bool:
        """The rate falls in the last quarter."""
        return True
