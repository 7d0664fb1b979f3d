"""Stretch a part of each spectrogram to the size of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from audiotag.arrays import Array, Domain, items_of, namespace, on_device, require_fit, stretch
from audiotag.augmentation.base import Augmentation, Probability, register_augmentation
from audiotag.checks import Within, require_order

MAX_ATTEMPTS = 10  # parts sampled per spectrogram, as by torchvision and by the 2019 winner

Share = Annotated[float, Within(0.01, 1), "a share of the area; write 0.2 for 20 %"]
Ratio = Annotated[float, Within(0.1, 10), "1 is the spectrogram's own ratio"]


@dataclass(frozen=True, eq=False)
class ResizedCropParams:
    """First band, first frame, bands and frames of each part, int64 of shape ``(batch,)``."""

    top: np.ndarray
    left: np.ndarray
    height: np.ndarray
    width: np.ndarray


@register_augmentation("resized-crop")
@dataclass(frozen=True)
class RandomResizedCrop(Augmentation):
    """Stretch a part of the spectrogram to its whole size, as the 2019 winner did to a third of them.

    A part that does not fit is sampled again, `MAX_ATTEMPTS` times at most; then the whole spectrogram stays. The
    winner's code, https://github.com/lRomul/argus-freesound, resizes with Pillow. That gives the same values: its
    antialiasing filter does nothing where a picture becomes larger.

    Parameters
    ----------
    min_scale, max_scale : float in (0, 1]
        Share of the spectrogram's area.
    min_ratio, max_ratio : float
        Width over height of the part, divided by that of the spectrogram; its logarithm is uniformly distributed. The
        winner's 1.7 to 2.3 on spectrograms of 128 × 256 are 0.85 to 1.15.
    """

    min_scale: Share = 0.8
    max_scale: Share = 1.0
    min_ratio: Ratio = 0.85
    max_ratio: Ratio = 1.15
    p: Probability = 0.33
    domain: ClassVar[Domain] = "log-mel"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_order(self, "min_scale", "max_scale")
        require_order(self, "min_ratio", "max_ratio")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> ResizedCropParams:
        """Parts in whole bands and frames."""
        items, (bands, frames) = items_of(shape, self.domain), shape[2:]
        scale = rng.uniform(self.min_scale, self.max_scale, (items, MAX_ATTEMPTS))
        ratio = np.exp(rng.uniform(np.log(self.min_ratio), np.log(self.max_ratio), (items, MAX_ATTEMPTS)))
        height = np.rint(np.sqrt(scale / ratio) * bands).clip(1).astype(np.int64)
        width = np.rint(np.sqrt(scale * ratio) * frames).clip(1).astype(np.int64)
        fits = (height <= bands) & (width <= frames)
        is_cropped = fits.any(1) & (rng.random(items) < self.p)
        first = (np.arange(items), fits.argmax(1))
        height, width = np.where(is_cropped, height[first], bands), np.where(is_cropped, width[first], frames)
        top, left = rng.integers(bands - height + 1), rng.integers(frames - width + 1)
        return ResizedCropParams(top, left, height, width)

    def apply(self, batch: Array, params: ResizedCropParams) -> Array:
        """Parts, stretched to the batch's own size by bilinear interpolation."""
        require_fit(params.top, batch)
        xp, (bands, frames) = namespace(batch), batch.shape[2:]
        rows = np.flatnonzero((params.height < bands) | (params.width < frames))  # the others stay as they are
        selected = on_device(rows, batch, xp.int64)
        taller = stretch(batch[selected], "mel", params.top[rows], params.height[rows], bands)
        stretched = batch.copy() if xp is np else batch.clone()
        stretched[selected] = stretch(taller, "time", params.left[rows], params.width[rows], frames)
        return stretched
