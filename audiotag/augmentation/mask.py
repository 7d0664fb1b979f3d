"""SpecAugment's masks: stretches of frames, or of mel bands, are replaced by the mean or the minimum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from audiotag.arrays import AXIS_NUMBERS, Array, Axis, Domain, fill_stretches, items_of, namespace
from audiotag.augmentation.base import Augmentation, Probability, register_augmentation
from audiotag.checks import Within, require

Fill = Literal["mean", "minimum", "zero"]


@dataclass(frozen=True, eq=False)
class MaskParams:
    """First line and number of lines of each mask, int64 of shape ``(batch, count)``; 0 lines for no mask."""

    start: np.ndarray
    width: np.ndarray


@register_augmentation("mask")
@dataclass(frozen=True)
class Mask(Augmentation):
    """Fill stretches of frames, or of mel bands, with the mean or the minimum of the unmasked spectrogram.

    Both are each channel's own. ``MaskTime`` and ``MaskFreq`` of fastaudio 1.0.2 fill with the mean; without ``exact``
    the widths are SpecAugment's (Park et al. 2019). Masks may overlap.

    Parameters
    ----------
    axis : "time" or "mel"
    width : int
        Frames or bands.
    exact : bool
        Whether each mask is ``width`` wide; otherwise each width from 0 to ``width`` is equally likely.
    count : int
        Masks per spectrogram.
    fill : "mean", "minimum" or "zero"
    """

    axis: Axis
    width: Annotated[
        int, Within(1, 10_000), "the unit is frames or bands; to switch the mask off, remove it from the recipe"
    ]
    exact: bool = True
    count: Annotated[int, Within(1, 100), "masks per spectrogram"] = 1
    fill: Fill = "mean"
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
        return fill_stretches(batch, params.start, params.width, self.axis, fill_value(batch, self.fill))


def fill_value(batch: Array, fill: Fill) -> Array:
    """What fills the masks of each channel of each spectrogram, shape ``(batch, channels, 1, 1)``."""
    xp = namespace(batch)
    if fill == "mean":
        return batch.mean((2, 3), keepdims=True)
    return xp.amin(batch, (2, 3), keepdims=True) if fill == "minimum" else xp.zeros_like(batch[:, :, :1, :1])


def sample_stretches(
    rng: np.random.Generator, shape: tuple[int, ...], width: int, size: int, axis: Axis, exact: bool = False
) -> MaskParams:
    """Stretches of exactly, or of up to, ``width`` lines anywhere among ``size`` lines, each place equally likely."""
    require_narrow(width, size, axis)
    widths = np.full(shape, width) if exact else rng.integers(width + 1, size=shape)
    return MaskParams(rng.integers(size - widths + 1), widths)


def require_narrow(width: int, size: int, axis: Axis) -> None:
    """Raise if a stretch is wider than the spectrogram."""
    lines = "frames" if axis == "time" else "bands"
    require(width <= size, f"the width in {lines}", f"be at most the spectrogram's {size}", width, "narrow it")


def sample_share_stretches(
    rng: np.random.Generator, shape: tuple[int, ...], shares: tuple[float, float], size: int
) -> tuple[np.ndarray, MaskParams]:
    """Stretches whose share of all ``size`` lines is uniformly distributed between two bounds, 0 to 1.

    Both the width and the first line are real numbers that are rounded down, as the teams of 2019 did: a stretch never
    reaches the last line, unless it covers all.

    Returns
    -------
    share : numpy.ndarray of float, of this shape
        Before rounding.
    stretches : MaskParams
    """
    share = rng.uniform(*shares, shape)
    width = (share * size).astype(np.int64)
    return share, MaskParams((rng.random(shape) * (size - width)).astype(np.int64), width)
