"""Fade along time from one clip into another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from audiotag.arrays import Array, beside, cast, items_of, namespace, on_device, require_fit
from audiotag.augmentation.base import Mixer, Probability, register_augmentation
from audiotag.augmentation.mixup import draw_partners, partners_of
from audiotag.checks import Within, require_order

Radius = Annotated[int, Within(1, 80), "the winner of the competition used 3 to 12; a larger value is steeper"]


@dataclass(frozen=True, eq=False)
class SigmoidParams:
    """Partner, radius of the sigmoid, and whether the item is mixed at all, shapes ``(batch,)``."""

    partner: np.ndarray
    radius: np.ndarray
    mixed: np.ndarray


@register_augmentation("sigmoid")
@dataclass(frozen=True)
class SigmoidMixer(Mixer):
    """Fade along time from the partner into the clip itself; the labels of both count (the 2019 winner's).

    https://github.com/lRomul/argus-freesound, ``SigmoidConcatMixer``: the clip's own weight is a sigmoid, from
    −radius at the start to +radius at the end.

    Parameters
    ----------
    min_radius, max_radius : int
        Each whole number between them is equally likely. The weight rises from 10 to 90 % within 73 % of the length at
        a radius of 3, within 18 % at 12.
    domain : "waveform" or "network-input"
    """

    min_radius: Radius = 3
    max_radius: Radius = 12
    p: Probability = 1.0
    domain: Literal["waveform", "network-input"] = "network-input"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_order(self, "min_radius", "max_radius")

    def sample(
        self, rng: np.random.Generator, shape: tuple[int, ...], pools: np.ndarray | None = None
    ) -> SigmoidParams:
        """Partners and radii; an item that is its own partner is not mixed."""
        items = items_of(shape, self.domain)
        radius = rng.integers(self.min_radius, self.max_radius + 1, items)
        is_mixed, partner = rng.random(items) < self.p, draw_partners(rng, items, pools)
        return SigmoidParams(partner, radius, is_mixed & (partner != np.arange(items)))

    def apply(self, batch: Array, params: SigmoidParams) -> Array:
        """Clips after the fade."""
        require_fit(params.radius, batch)
        xp, size = namespace(batch), batch.shape[-1]
        places = xp.arange(size, device=batch.device, dtype=xp.float32) * (2 / size) - 1
        own = 1 / (1 + xp.exp(-places * on_device(params.radius[:, None], batch, xp.float32)))
        own = cast(own.reshape((len(params.radius),) + (1,) * (batch.ndim - 2) + (size,)), batch.dtype)
        mixed = own * batch + (1 - own) * partners_of(batch, params.partner)
        return xp.where(beside(params.mixed, batch) > 0, mixed, batch)

    def mix_targets(self, targets: Array, params: SigmoidParams) -> Array:
        """The labels of both: their sum, at most 1."""
        both = (targets + partners_of(targets, params.partner)).clip(max=1)
        return namespace(targets).where(beside(params.mixed, targets) > 0, both, targets)
