"""Mix pairs of clips as weighted sums whose weights are evenly distributed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from audiotag.arrays import Array, items_of
from audiotag.augmentation.base import Mixer, Probability, register_augmentation
from audiotag.augmentation.mixup import MixUpParams, draw_partners, weighted_sum
from audiotag.checks import Within, require_order

Weight = Annotated[float, Within(0, 1), "the share of the clip itself; its partner has the rest"]


@register_augmentation("additive")
@dataclass(frozen=True)
class AdditiveMixer(Mixer):
    """Add two clips, and their targets, with evenly distributed weights.

    `MixUp` takes its weights from a beta distribution instead.

    Parameters
    ----------
    min_weight, max_weight : float
        An item's own weight is uniformly distributed between them. 0.5 to 1 is the 2019 winner's, ``AddMixer`` of
        https://github.com/lRomul/argus-freesound; 0 to 0.5, where the partner is the louder one, is that of
        https://github.com/mnpinto/audiotagging2019.
    domain : "waveform" or "network-input"
    """

    min_weight: Weight = 0.5
    max_weight: Weight = 1.0
    p: Probability = 1.0
    domain: Literal["waveform", "network-input"] = "network-input"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_order(self, "min_weight", "max_weight")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], pools: np.ndarray | None = None) -> MixUpParams:
        """Partners and weights."""
        items = items_of(shape, self.domain)
        weight = rng.uniform(self.min_weight, self.max_weight, items)
        is_mixed = rng.random(items) < self.p
        return MixUpParams(draw_partners(rng, items, pools), np.where(is_mixed, weight, 1.0))

    def apply(self, batch: Array, params: MixUpParams) -> Array:
        """Weighted sums."""
        return weighted_sum(batch, params.partner, params.weight)

    def mix_targets(self, targets: Array, params: MixUpParams) -> Array:
        """Weighted sums with the same weights."""
        return weighted_sum(targets, params.partner, params.weight)
