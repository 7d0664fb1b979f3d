"""Zoom into a random part of each network input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from audiotag.arrays import (
    AXIS_NUMBERS,
    Array,
    Axis,
    Domain,
    items_of,
    lines_between,
    namespace,
    on_device,
    require_fit,
    working_dtype,
)
from audiotag.augmentation.base import Augmentation, Probability, register_augmentation
from audiotag.checks import Within, require_order

Factor = Annotated[float, Within(1, 10), "1 leaves the network input as it is, 1.05 makes it 5 % larger"]


@dataclass(frozen=True, eq=False)
class ZoomParams:
    """Factor of each network input, and where its part is (0 to 1 of the way), shapes ``(batch,)``."""

    factor: np.ndarray
    top: np.ndarray
    left: np.ndarray


@register_augmentation("zoom")
@dataclass(frozen=True)
class Zoom(Augmentation):
    """Enlarge a random part of the network input to its whole size, in time and frequency alike.

    As fastai 1's ``rand_zoom``: the part is one factor smaller along both axes, at any place, not only at whole pixels,
    and bilinearly interpolated with the corner pixels of both on each other. 1 to 1.05 is that of
    https://github.com/ebouteillon/freesound-audio-tagging-2019, 1 to 1.5 that of
    https://github.com/mnpinto/audiotagging2019.

    Parameters
    ----------
    min_factor, max_factor : float
        The factor is uniformly distributed between them.
    """

    min_factor: Factor = 1.0
    max_factor: Factor = 1.05
    p: Probability = 0.75
    domain: ClassVar[Domain] = "network-input"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_order(self, "min_factor", "max_factor")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> ZoomParams:
        """Factors and places."""
        items = items_of(shape, self.domain)
        factor = rng.uniform(self.min_factor, self.max_factor, items)
        top, left = rng.random((2, items))
        return ZoomParams(np.where(rng.random(items) < self.p, factor, 1.0), top, left)

    def apply(self, batch: Array, params: ZoomParams) -> Array:
        """Network inputs enlarged."""
        require_fit(params.factor, batch)
        xp, rows = namespace(batch), np.flatnonzero(params.factor > 1)  # the others stay as they are
        selected = on_device(rows, batch, xp.int64)
        part = batch[selected]
        places: tuple[tuple[Axis, np.ndarray], ...] = (("mel", params.top), ("time", params.left))
        for axis, at in places:
            part = lines_between(part, axis, _places(part, axis, params.factor[rows], at[rows]))
        zoomed = batch.copy() if xp is np else batch.clone()
        zoomed[selected] = part
        return zoomed


def _places(batch: Array, axis: Axis, factor: np.ndarray, at: np.ndarray) -> Array:
    """Where the lines of each enlarged network input are in the whole one, in lines, shape ``(batch, lines)``."""
    last = batch.shape[AXIS_NUMBERS[axis]] - 1
    dtype = working_dtype(batch)
    first, step = (on_device(values[:, None], batch, dtype) for values in (at * (1 - 1 / factor) * last, 1 / factor))
    return first + step * namespace(batch).arange(last + 1, device=batch.device, dtype=dtype)
