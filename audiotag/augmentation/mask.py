"""SpecAugment's masks: stretches of frames, or of mel bands, are replaced by the mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from audiotag.arrays import AXIS_NUMBERS, Array, Axis, Domain, items_of, namespace, stretches
from audiotag.augmentation.base import Augmentation, Probability, register_augmentation
from audiotag.checks import Within, require


@dataclass(frozen=True, eq=False)
class MaskParams:
    """First line and number of lines of each mask, int64 of shape ``(batch, count)``; 0 lines for no mask."""

    start: np.ndarray
    width: np.ndarray


@register_augmentation("mask")
@dataclass(frozen=True)
class Mask(Augmentation):
    """Fill stretches of frames, or of mel bands, with the mean of the unmasked spectrogram.

    The mean is each channel's own, as in ``MaskTime`` and ``MaskFreq`` of fastaudio 1.0.2; without ``exact`` the
    widths are SpecAugment's (Park et al. 2019). Masks may overlap.

    Parameters
    ----------
    axis : "time" or "mel"
    width : int
        Frames or bands.
    exact : bool
        Whether each mask is ``width`` wide; otherwise each width from 0 to ``width`` is equally likely.
    count : int
        Masks per spectrogram.
    """

    axis: Axis
    width: Annotated[
        int, Within(1, 10_000), "the unit is frames or bands; to switch the mask off, remove it from the recipe"
    ]
    exact: bool = True
    count: Annotated[int, Within(1, 100), "masks per spectrogram"] = 1
    p: Probability = 1.0
    domain: ClassVar[Domain] = "log-mel"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> MaskParams:
        """Places, and widths where they are not exact; a mask wider than the spectrogram is an error."""
        items = items_of(shape, self.domain)
        params = sample_stretches(
            rng, (items, self.count), self.width, shape[AXIS_NUMBERS[self.axis]], self.axis, self.exact
        )
        is_masked = rng.random(items) < self.p
        return MaskParams(params.start, params.width * is_masked[:, None])

    def apply(self, batch: Array, params: MaskParams) -> Array:
        """Spectrograms with their masks filled."""
        mask = stretches(batch, params.start, params.width, self.axis)
        return namespace(batch).where(mask, batch.mean((2, 3), keepdims=True), batch)


def sample_stretches(
    rng: np.random.Generator, shape: tuple[int, ...], width: int, size: int, axis: Axis, exact: bool = False
) -> MaskParams:
    """Stretches of exactly, or of up to, ``width`` lines anywhere among ``size`` lines, each place equally likely."""
    lines = "frames" if axis == "time" else "bands"
    require(width <= size, f"the width in {lines}", f"be at most the spectrogram's {size}", width, "narrow it")
    widths = np.full(shape, width) if exact else rng.integers(width + 1, size=shape)
    return MaskParams(rng.integers(size - widths + 1), widths)
