"""Masks in pairs: one or more times a stretch of mel bands together with a stretch of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from audiotag.arrays import AXIS_NUMBERS, Array, Axis, fill_stretches, items_of
from audiotag.augmentation.base import Augmentation, Probability, register_augmentation
from audiotag.augmentation.mask import Fill, fill_value, sample_share_stretches
from audiotag.checks import Within, require_order

Share = Annotated[float, Within(0, 1), "a share of the spectrogram's bands or frames; write 0.2 for 20 %"]
Pairs = Annotated[int, Within(1, 100, "pairs"), "to switch the masks off, remove them from the recipe"]
Place = Literal["inside", "anywhere"]


@dataclass(frozen=True, eq=False)
class MaskPairsParams:
    """First line and number of lines of each mask, int64 of shape ``(batch, max_pairs)``; 0 lines for no mask.

    A mask may begin before the first line and end after the last one.
    """

    time_start: np.ndarray
    time_width: np.ndarray
    mel_start: np.ndarray
    mel_width: np.ndarray


@register_augmentation("mask-pairs")
@dataclass(frozen=True)
class MaskPairs(Augmentation):
    """Mask one or more pairs of a stretch of bands and a stretch of frames, as the 2019 winner did.

    The defaults are those of https://github.com/lRomul/argus-freesound, ``spec_augment``: `p` is for all masks of a
    spectrogram together, where two `Mask` would have one each. https://github.com/mnpinto/audiotagging2019 sets 1 to 4
    pairs of 5 to 20 of 256 lines to 0: shares of 0.01953125 to 0.08203125 (21/256), ``place = "anywhere"``,
    ``fill = "zero"``, ``p = 0.75``, ``domain = "network-input"``.

    Parameters
    ----------
    min_pairs, max_pairs : int
        Each number of pairs between them is equally likely.
    min_mel_share, max_mel_share, min_time_share, max_time_share : float
        The share of the bands or frames that a mask covers is uniformly distributed between them; then it is rounded
        down to whole lines.
    fill : "mean", "minimum" or "zero"
        The mean or the minimum of the unmasked spectrogram, of each channel by itself, or 0.
    place : "inside" or "anywhere"
        Whether a mask is inside the spectrogram as a whole, or its middle may be at any line, so that a mask at an edge
        is narrower.
    domain : "log-mel" or "network-input"
    """

    min_pairs: Pairs = 1
    max_pairs: Pairs = 2
    min_mel_share: Share = 0.0
    max_mel_share: Share = 0.15
    min_time_share: Share = 0.0
    max_time_share: Share = 0.2
    fill: Fill = "minimum"
    place: Place = "inside"
    p: Probability = 0.5
    domain: Literal["log-mel", "network-input"] = "log-mel"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_order(self, "min_pairs", "max_pairs")
        require_order(self, "min_mel_share", "max_mel_share")
        require_order(self, "min_time_share", "max_time_share")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> MaskPairsParams:
        """Places and widths."""
        items = items_of(shape, self.domain)
        pairs = rng.integers(self.min_pairs, self.max_pairs + 1, items) * (rng.random(items) < self.p)
        is_masked = np.arange(self.max_pairs) < pairs[:, None]
        mel_start, mel_width = self._stretches(rng, shape, "mel")
        time_start, time_width = self._stretches(rng, shape, "time")
        return MaskPairsParams(time_start, time_width * is_masked, mel_start, mel_width * is_masked)

    def _stretches(self, rng: np.random.Generator, shape: tuple[int, ...], axis: Axis) -> tuple[np.ndarray, np.ndarray]:
        size, each = shape[AXIS_NUMBERS[axis]], (shape[0], self.max_pairs)
        mel = (self.min_mel_share, self.max_mel_share)
        shares = mel if axis == "mel" else (self.min_time_share, self.max_time_share)
        _, drawn = sample_share_stretches(rng, each, shares, size)
        if self.place == "inside":
            return drawn.start, drawn.width
        return rng.integers(size, size=each) - (drawn.width + 1) // 2, drawn.width

    def apply(self, batch: Array, params: MaskPairsParams) -> Array:
        """Spectrograms with their masks filled."""
        value = fill_value(batch, self.fill)
        filled = fill_stretches(batch, params.time_start, params.time_width, "time", value)
        return fill_stretches(filled, params.mel_start, params.mel_width, "mel", value)
