"""Mix pairs of clips as weighted sums, and their targets likewise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from audiotag.arrays import Array, beside, items_of, namespace, on_device, require_fit
from audiotag.augmentation.base import Mixer, Probability, register_augmentation
from audiotag.checks import Within, require

Alpha = Annotated[float, Within(0.01, 10), "0.4 is common; to switch the mixer off, remove it from the recipe"]


@dataclass(frozen=True, eq=False)
class MixUpParams:
    """Partner and own weight (0.5 to 1) of each item, shapes ``(batch,)``."""

    partner: np.ndarray
    weight: np.ndarray


@register_augmentation("mixup")
@dataclass(frozen=True)
class MixUp(Mixer):
    """Add two clips, and their targets, with weights (Zhang et al. 2018), as fastai does.

    Parameters
    ----------
    alpha : float
        λ ~ Beta(α, α); an item's own weight is the larger of λ and 1 − λ, so that it stays the louder one.
    domain : "waveform" or "network-input"

    >>> clips, params = np.array([[1.0, 0.0], [0.0, 1.0]]), MixUpParams(np.array([1, 0]), np.array([0.75, 1.0]))
    >>> MixUp().apply(clips, params)
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """

    alpha: Alpha = 0.4
    p: Probability = 1.0
    domain: Literal["waveform", "network-input"] = "network-input"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], pools: np.ndarray | None = None) -> MixUpParams:
        """Partners and weights."""
        return sample_mixup(self.alpha, self.p, items_of(shape, self.domain), rng, pools)

    def apply(self, batch: Array, params: MixUpParams) -> Array:
        """Weighted sums."""
        return weighted_sum(batch, params.partner, params.weight)

    def mix_targets(self, targets: Array, params: MixUpParams) -> Array:
        """Weighted sums with the same weights."""
        return weighted_sum(targets, params.partner, params.weight)


def sample_mixup(
    alpha: float, p: float, items: int, rng: np.random.Generator, pools: np.ndarray | None = None
) -> MixUpParams:
    """Partners, and weights from Beta(α, α), of so many items."""
    share = rng.beta(alpha, alpha, items)
    is_mixed = rng.random(items) < p
    return MixUpParams(draw_partners(rng, items, pools), np.where(is_mixed, np.maximum(share, 1 - share), 1.0))


def draw_partners(rng: np.random.Generator, items: int, pools: np.ndarray | None = None) -> np.ndarray:
    """Places of the items' partners: a random permutation, which may leave an item in its place.

    Parameters
    ----------
    rng : numpy.random.Generator
    items : int
        Number of items in the batch.
    pools : numpy.ndarray of int, shape=(batch,), optional
        Items are exchanged only within their pool. One pool gives the same partners as none.

    Returns
    -------
    numpy.ndarray of int, shape=(batch,)

    >>> pools = np.array([0, 1, 0, 1, 0])
    >>> (pools[draw_partners(np.random.default_rng(0), 5, pools)] == pools).all()
    np.True_
    """
    shuffled = rng.permutation(items)
    if pools is None:
        return shuffled
    rule = f"have one entry per item of the batch ({items})"
    require(len(pools) == items, "pools", rule, len(pools), "give those of this batch")
    partner = np.empty_like(shuffled)
    partner[np.argsort(pools, kind="stable")] = shuffled[np.argsort(pools[shuffled], kind="stable")]
    return partner


def partners_of(batch: Array, partner: np.ndarray) -> Array:
    """Each item's partner in its place."""
    require_fit(partner, batch)
    return batch[on_device(partner, batch, namespace(batch).int64)]


def weighted_sum(batch: Array, partner: np.ndarray, weight: np.ndarray) -> Array:
    """Each item times its weight, plus its partner times the rest."""
    own = beside(weight, batch)
    return own * batch + (1 - own) * partners_of(batch, partner)
