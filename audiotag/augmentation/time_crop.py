"""Crop spectrograms in time, where the clip is not silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from audiotag.arrays import AXIS_NUMBERS, Array, Domain, cast, items_of, lines_at, namespace, on_device, require_fit
from audiotag.augmentation.base import Augmentation, register_augmentation
from audiotag.checks import Within, require

MAX_ATTEMPTS = 10  # places sampled per spectrogram


@dataclass(frozen=True, eq=False)
class TimeCropParams:
    """First frames that each crop may have, in order of preference, int64 of shape ``(batch, MAX_ATTEMPTS)``."""

    start: np.ndarray


@register_augmentation("crop")
@dataclass(frozen=True)
class TimeCrop(Augmentation):
    """Cut spectrograms to a stretch of their frames.

    A network that ends in a mean over all places takes wider spectrograms than it was trained on: held-out clips and
    clips to be tagged are not cropped. Of `MAX_ATTEMPTS` places the first is taken in which some frame is nearly as
    loud as the loudest one; otherwise the network would learn silence under a sound's label.

    Parameters
    ----------
    frames : int
        Width of the crop.
    within_db : float
        How far the loudest band of the crop may be below that of the clip.
    """

    frames: Annotated[int, Within(1, 10_000), "to switch the crop off, remove it from the recipe"]
    within_db: Annotated[float, Within(0, 200, "dB"), "30 is common"] = 30.0
    domain: ClassVar[Domain] = "log-mel"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> TimeCropParams:
        """Places; a crop wider than the spectrogram is an error."""
        items, size = items_of(shape, self.domain), shape[AXIS_NUMBERS["time"]]
        require(self.frames <= size, "frames", f"be at most the spectrogram's {size}", self.frames, "narrow the crop")
        return TimeCropParams(rng.integers(0, size - self.frames + 1, (items, MAX_ATTEMPTS)))

    def apply(self, batch: Array, params: TimeCropParams) -> Array:
        """Crops, shape ``(batch, channels, n_mels, frames)``."""
        require_fit(params.start, batch)
        xp = namespace(batch)
        loudest = xp.amax(batch, (1, 2))
        is_loud = loudest >= xp.amax(loudest, 1, keepdims=True) - self.within_db
        count = xp.cumsum(cast(is_loud, xp.int64), 1)  # loud frames up to and including each
        count = xp.concatenate([xp.zeros_like(count[:, :1]), count], 1)
        start = on_device(params.start, batch, xp.int64)
        take = np.take_along_axis if xp is np else xp.take_along_dim
        has_loud_frame = take(count, start + self.frames, 1) > take(count, start, 1)
        # The first place with a loud frame, or the first of all: torch has no argmax of booleans.
        order = xp.arange(MAX_ATTEMPTS, 0, -1, device=batch.device)
        first = take(start, (cast(has_loud_frame, xp.int64) * order).argmax(1)[:, None], 1)
        return lines_at(batch, "time", first + xp.arange(self.frames, device=batch.device))

    def frames_after(self, frames: int) -> int:
        """The crop's own number of frames."""
        return min(frames, self.frames)
