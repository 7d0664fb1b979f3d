"""TODO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from audiotag.arrays import Array, Axis, Domain
from audiotag.checks import require

MAX_ATTEMPTS = 10  # at a part that fits, as torchvision's and the 2019 winner's


class Augmentation(Protocol):
    """What all of them share."""

    @property
    def domain(self) -> Domain:
        """What it is applied to."""

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        """All chance for a batch of this shape."""

    def apply(self, batch: Array, params: Any) -> Array:
        """The batch, changed as drawn; the same draw gives the same again."""


@dataclass(frozen=True, eq=False)
class MaskParams:
    """First line and number of lines of each mask, both int64 of shape ``(batch, count)``; 0 lines for no mask."""

    start: np.ndarray
    width: np.ndarray


def sample_stretches(
    rng: np.random.Generator, shape: tuple[int, ...], width: int, size: int, axis: Axis, exact: bool = False
) -> MaskParams:
    """Stretches of exactly, or of up to, ``width`` lines anywhere among ``size``, all places alike."""
    lines = "frames" if axis == "time" else "bands"
    require(width <= size, f"the width in {lines}", f"be at most the picture's {size}", width, "narrow it")
    widths = np.full(shape, width) if exact else rng.integers(width + 1, size=shape)
    return MaskParams(rng.integers(size - widths + 1), widths)
