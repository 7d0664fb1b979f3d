"""Augmentations of pictures, each a draw apart from its application: a draw can be frozen, repeated and shown.

Conventions, here and in `audiotag.augmentation.waveforms` and `audiotag.augmentation.mixers`: settings are plain values;
``draw`` takes all chance from one generator and gives NumPy arrays, an entry an item; ``apply`` takes a whole batch, as
NumPy array or as torch tensor on any device, keeps its dtype and leaves it unchanged. A picture batch has shape
``(batch, channels, n_mels, frames)``, in dB or normalised; a waveform batch ``(batch, samples)``, floats in [-1, 1].
``p`` is the probability that an item is changed at all, drawn item by item.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

import numpy as np

from audiotag.arrays import (
    AXIS_NUMBERS,
    Array,
    Axis,
    Domain,
    beside,
    cast,
    items_of,
    lines_at,
    namespace,
    on_device,
    require_fit,
    stretch,
    stretches,
)
from audiotag.augmentation.base import MAX_ATTEMPTS, MaskParams, sample_stretches
from audiotag.checks import require, require_one_of, require_probability, require_range, require_within


@dataclass(frozen=True)
class Mask:
    """Stretches of frames, or of mel bands, filled with the channel's own mean over the unmasked picture.

    The fill is fastaudio 1.0.2's ``MaskTime`` and ``MaskFreq``; without ``exact`` the widths are SpecAugment's
    (Park et al. 2019). Masks may overlap.

    Parameters
    ----------
    axis : "time" or "mel"
    width : int
        Frames or bands.
    exact : bool
        Whether each mask is ``width`` wide; otherwise 0 to ``width``, evenly drawn.
    count : int
        Masks a picture.
    """

    axis: Axis
    width: int
    exact: bool = True
    count: int = 1
    p: float = 1.0
    domain: ClassVar[Domain] = "picture"

    def __post_init__(self) -> None:
        require_one_of("axis", self.axis, get_args(Axis))
        require_within("width", self.width, 1, 10_000, "in frames or bands? leave the mask out for none", whole=True)
        require_one_of("exact", self.exact, (True, False))
        require_within("count", self.count, 1, 100, "masks a picture", whole=True)
        require_probability(self.p)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> MaskParams:
        """Places, and widths where they are not exact; a picture narrower than the mask is an error."""
        items = items_of(shape, self.domain)
        params = sample_stretches(
            rng, (items, self.count), self.width, shape[AXIS_NUMBERS[self.axis]], self.axis, self.exact
        )
        chosen = rng.random(items) < self.p
        return MaskParams(params.start, params.width * chosen[:, None])

    def apply(self, batch: Array, params: MaskParams) -> Array:
        """Pictures with their masks filled."""
        mask = stretches(batch, params.start, params.width, self.axis)
        return namespace(batch).where(mask, batch.mean((2, 3), keepdims=True), batch)


@dataclass(frozen=True, eq=False)
class ShiftParams:
    """Lines that each picture is moved by, later or higher where positive, int64 of shape ``(batch,)``."""

    lines: np.ndarray


@dataclass(frozen=True)
class Shift:
    """Pictures moved along time or along the mel bands.

    Along time, what leaves at one end comes in at the other: a recording could as well have begun elsewhere. Along the
    bands, which changes the pitch, the outermost band is held.

    Parameters
    ----------
    axis : "time" or "mel"
    most : int
        Frames or bands, either way; drawn evenly. A picture is not moved by more than it has.
    """

    axis: Axis
    most: int = 10_000
    p: float = 1.0
    domain: ClassVar[Domain] = "picture"

    def __post_init__(self) -> None:
        require_one_of("axis", self.axis, get_args(Axis))
        require_within("most", self.most, 1, 10_000, "in frames or bands? leave the shift out for none", whole=True)
        require_probability(self.p)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> ShiftParams:
        """Lines, in whole ones."""
        items, most = items_of(shape, self.domain), min(self.most, shape[AXIS_NUMBERS[self.axis]] - 1)
        lines = rng.integers(-most, most + 1, items)
        return ShiftParams(np.where(rng.random(items) < self.p, lines, 0))

    def apply(self, batch: Array, params: ShiftParams) -> Array:
        """Pictures moved."""
        require_fit(params.lines, batch)
        xp, size = namespace(batch), batch.shape[AXIS_NUMBERS[self.axis]]
        places = xp.arange(size, device=batch.device) - on_device(params.lines[:, None], batch, xp.int64)
        return lines_at(batch, self.axis, places % size if self.axis == "time" else places.clip(0, size - 1))


@dataclass(frozen=True, eq=False)
class TimeCropParams:
    """First frames that each picture's crop may have, in the order of preference, int64 of shape ``(batch, tries)``."""

    start: np.ndarray


@dataclass(frozen=True)
class TimeCrop:
    """A stretch of each picture's frames: the pictures become narrower, and those of one clip differ more.

    A network that ends in a mean over all places takes wider pictures than it was trained on: held-out clips and tags
    have the whole clip. Of ten places drawn the first is taken that holds some frame nearly as loud as the loudest,
    or silence would be learnt under a sound's name.

    Parameters
    ----------
    frames : int
        Width of the crop.
    within_db : float
        How far below the clip's loudest band the crop's may lie. The picture must be in dB.
    """

    frames: int
    within_db: float = 30.0
    domain: ClassVar[Domain] = "picture"

    def __post_init__(self) -> None:
        require_within("frames", self.frames, 1, 10_000, "leave the crop out for whole pictures", whole=True)
        require_within("within_db", self.within_db, 0, 200, "in dB? 30 is common")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> TimeCropParams:
        """Places; a picture narrower than the crop is an error."""
        items, size = items_of(shape, self.domain), shape[AXIS_NUMBERS["time"]]
        require(self.frames <= size, "frames", f"be at most the picture's {size}", self.frames, "narrow the crop")
        return TimeCropParams(rng.integers(0, size - self.frames + 1, (items, MAX_ATTEMPTS)))

    def apply(self, batch: Array, params: TimeCropParams) -> Array:
        """Crops, shape ``(batch, channels, n_mels, frames)``."""
        require_fit(params.start, batch)
        xp = namespace(batch)
        loudest = xp.amax(batch, (1, 2))
        loud = loudest >= xp.amax(loudest, 1, keepdims=True) - self.within_db
        before = xp.cumsum(cast(loud, xp.int64), 1)  # loud frames up to and with each
        before = xp.concatenate([xp.zeros_like(before[:, :1]), before], 1)
        start = on_device(params.start, batch, xp.int64)
        take = np.take_along_axis if xp is np else xp.take_along_dim
        holds = take(before, start + self.frames, 1) > take(before, start, 1)
        # The first that holds one, or the first of all: argmax of booleans is not in torch.
        order = xp.arange(MAX_ATTEMPTS, 0, -1, device=batch.device)
        first = take(start, (cast(holds, xp.int64) * order).argmax(1)[:, None], 1)
        return lines_at(batch, "time", first + xp.arange(self.frames, device=batch.device))


@dataclass(frozen=True, eq=False)
class EqualiserParams:
    """Gain in dB of each picture at its points, shape ``(batch, points)``."""

    gain_db: np.ndarray


@dataclass(frozen=True)
class Equaliser:
    """Bands made louder and quieter along a random curve, as by another microphone, room or distance.

    What lies on the picture's floor stays there: where there is no sound, none is changed.

    Parameters
    ----------
    deviation_db : float
        Of the gain at each point; normally distributed. The picture must be in dB.
    points : int
        Evenly spread from the lowest band to the highest; between them the gain is linear.
    """

    deviation_db: float = 4.0
    points: int = 6
    p: float = 1.0
    domain: ClassVar[Domain] = "picture"

    def __post_init__(self) -> None:
        require_within("deviation_db", self.deviation_db, 0.1, 60, "in dB? leave the equaliser out for none")
        require_within("points", self.points, 2, 100, "6 are common", whole=True)
        require_probability(self.p)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> EqualiserParams:
        """Gains."""
        items = items_of(shape, self.domain)
        gain_db = rng.normal(0, self.deviation_db, (items, self.points))
        return EqualiserParams(gain_db * (rng.random(items) < self.p)[:, None])

    def apply(self, batch: Array, params: EqualiserParams) -> Array:
        """Pictures plus their curves."""
        require_fit(params.gain_db, batch)
        bands = batch.shape[AXIS_NUMBERS["mel"]]
        at = np.linspace(0, params.gain_db.shape[1] - 1, bands)
        below = np.minimum(at.astype(int), params.gain_db.shape[1] - 2)
        curve = params.gain_db[:, below] * (1 - at + below) + params.gain_db[:, below + 1] * (at - below)
        lowest = namespace(batch).amin(batch, (2, 3), keepdims=True)
        return namespace(batch).where(batch > lowest, batch + on_device(curve[:, None, :, None], batch), lowest)


@dataclass(frozen=True, eq=False)
class LightingParams:
    """Brightness (0 to 1, 0.5 changes nothing) and contrast (a factor), shapes ``(batch,)``."""

    brightness: np.ndarray
    contrast: np.ndarray


@dataclass(frozen=True)
class Lighting:
    """Brightness, then contrast: logit(brightness) is added, contrast multiplied, the two drawn as fastai draws them.

    fastai's ``Brightness`` and ``Contrast`` do the same to the logit of values in 0 to 1 and take the sigmoid of the
    result. A normalised picture is unbounded already, as a logit is, so here both act on its own values.

    Parameters
    ----------
    max_lighting : float in [0, 1)
        Brightness within 0.5 · (1 ± max_lighting), contrast within 1 − max_lighting and its reciprocal, evenly in its
        logarithm.
    p : float
        Of each of the two.
    """

    max_lighting: float = 0.2
    p: float = 0.75
    domain: ClassVar[Domain] = "picture"

    def __post_init__(self) -> None:
        require_within("max_lighting", self.max_lighting, 0, 0.99, "0.2 is common")
        require_probability(self.p)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> LightingParams:
        """Brightness and contrast of each picture."""
        items = items_of(shape, self.domain)
        brightness = rng.uniform(0.5 * (1 - self.max_lighting), 0.5 * (1 + self.max_lighting), items)
        steepest = -np.log(1 - self.max_lighting)
        contrast = np.exp(rng.uniform(-steepest, steepest, items))
        return LightingParams(
            np.where(rng.random(items) < self.p, brightness, 0.5),
            np.where(rng.random(items) < self.p, contrast, 1.0),
        )

    def apply(self, batch: Array, params: LightingParams) -> Array:
        """Pictures brightened or darkened, then stretched about 0."""
        added = np.log(params.brightness / (1 - params.brightness))
        return (batch + beside(added, batch)) * beside(params.contrast, batch)


@dataclass(frozen=True, eq=False)
class ResizedCropParams:
    """First band, first frame, bands and frames of the part that is kept, each int64 of shape ``(batch,)``."""

    top: np.ndarray
    left: np.ndarray
    height: np.ndarray
    width: np.ndarray


@dataclass(frozen=True)
class RandomResizedCrop:
    """A part of the picture stretched back to its size: as the 2019 winner's, who stretched a third of them.

    A part that would not fit is drawn again, ten times at most; then the whole picture is kept.

    Parameters
    ----------
    min_scale, max_scale : float in (0, 1]
        Share of the picture's area.
    min_ratio, max_ratio : float
        Width over height of the part, by that of the picture: 1 keeps the picture's own. Drawn evenly in its
        logarithm. The winner's 1.7 to 2.3 on pictures of 128 × 256 are 0.85 to 1.15.
    """

    min_scale: float = 0.8
    max_scale: float = 1.0
    min_ratio: float = 0.85
    max_ratio: float = 1.15
    p: float = 0.33
    domain: ClassVar[Domain] = "picture"

    def __post_init__(self) -> None:
        bounds = (self.min_scale, self.max_scale)
        require_range(("min_scale", "max_scale"), bounds, 0.01, 1, "a share of the area; in per cent?")
        ratios = (self.min_ratio, self.max_ratio)
        require_range(("min_ratio", "max_ratio"), ratios, 0.1, 10, "1 keeps the picture's own ratio")
        require_probability(self.p)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> ResizedCropParams:
        """Parts in whole bands and frames."""
        items, (bands, frames) = items_of(shape, self.domain), shape[2:]
        scale = rng.uniform(self.min_scale, self.max_scale, (items, MAX_ATTEMPTS))
        ratio = np.exp(rng.uniform(np.log(self.min_ratio), np.log(self.max_ratio), (items, MAX_ATTEMPTS)))
        height = np.rint(np.sqrt(scale / ratio) * bands).clip(1).astype(np.int64)
        width = np.rint(np.sqrt(scale * ratio) * frames).clip(1).astype(np.int64)
        fits = (height <= bands) & (width <= frames)
        chosen = fits.any(1) & (rng.random(items) < self.p)
        first = (np.arange(items), fits.argmax(1))
        height, width = np.where(chosen, height[first], bands), np.where(chosen, width[first], frames)
        top, left = rng.integers(bands - height + 1), rng.integers(frames - width + 1)
        return ResizedCropParams(top, left, height, width)

    def apply(self, batch: Array, params: ResizedCropParams) -> Array:
        """Parts, bilinearly stretched to the batch's own size."""
        require_fit(params.top, batch)
        xp, (bands, frames) = namespace(batch), batch.shape[2:]
        rows = np.flatnonzero((params.height < bands) | (params.width < frames))  # the others stay as they are
        taken = on_device(rows, batch, xp.int64)
        taller = stretch(batch[taken], "mel", params.top[rows], params.height[rows], bands)
        done = batch.copy() if xp is np else batch.clone()
        done[taken] = stretch(taller, "time", params.left[rows], params.width[rows], frames)
        return done
