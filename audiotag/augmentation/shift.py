"""Move spectrograms along time or along the mel bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from audiotag.arrays import AXIS_NUMBERS, Array, Axis, Domain, items_of, lines_at, namespace, on_device, require_fit
from audiotag.augmentation.base import Augmentation, Probability, register_augmentation
from audiotag.checks import Within


@dataclass(frozen=True, eq=False)
class ShiftParams:
    """Lines by which each spectrogram is moved, later or higher where positive, int64 of shape ``(batch,)``."""

    lines: np.ndarray


@register_augmentation("shift")
@dataclass(frozen=True)
class Shift(Augmentation):
    """Move spectrograms along time, or along the mel bands.

    Along time, what leaves at one end comes in at the other: a recording could as well have begun elsewhere. Along the
    bands, which changes the pitch, the outermost band is repeated.

    Parameters
    ----------
    axis : "time" or "mel"
    most : int
        Most frames or bands, in either direction; each number is equally likely. A spectrogram is not moved by more
        lines than it has.
    """

    axis: Axis
    most: Annotated[
        int, Within(1, 10_000), "the unit is frames or bands; to switch the shift off, remove it from the recipe"
    ] = 10_000
    p: Probability = 1.0
    domain: ClassVar[Domain] = "log-mel"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> ShiftParams:
        """Whole numbers of lines."""
        items, most = items_of(shape, self.domain), min(self.most, shape[AXIS_NUMBERS[self.axis]] - 1)
        lines = rng.integers(-most, most + 1, items)
        return ShiftParams(np.where(rng.random(items) < self.p, lines, 0))

    def apply(self, batch: Array, params: ShiftParams) -> Array:
        """Spectrograms moved."""
        require_fit(params.lines, batch)
        xp, size = namespace(batch), batch.shape[AXIS_NUMBERS[self.axis]]
        places = xp.arange(size, device=batch.device) - on_device(params.lines[:, None], batch, xp.int64)
        return lines_at(batch, self.axis, places % size if self.axis == "time" else places.clip(0, size - 1))
