"""One learning rate for the whole stage."""

from __future__ import annotations

from dataclasses import dataclass

from audiotag.training.schedules.base import Moment, Schedule, register_schedule


@register_schedule("constant")
@dataclass(frozen=True)
class Constant(Schedule):
    """The stage's rate for all batches."""

    def rate(self, highest: float, moment: Moment) -> float:
        """The stage's rate."""
        return highest
