"""Add the powers of pairs of log-mels, as two sounds at once do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from audiotag.arrays import Array, Domain, beside, cast, items_of, namespace, working_dtype
from audiotag.augmentation.base import Mixer, Probability, register_augmentation
from audiotag.augmentation.mixup import Alpha, MixUpParams, partners_of, sample_mixup, weighted_sum

Labels = Literal["share", "both"]

MIN_AUDIBLE_RATIO = 0.1  # 20 dB
DB_PER_NEPER = 10 / math.log(10)  # of a power that is e times as large; a NumPy number would turn all into float64
MIN_POWER = 1e-20  # far below any sound's power


@register_augmentation("overlay")
@dataclass(frozen=True)
class Overlay(Mixer):
    """Add a second sound at a random balance: the partner is brought to the clip's level, then their powers are added.

    As between-class learning mixes waveforms (Tokozume et al. 2018), here for log-mels: the powers of independent
    sounds add up. `MixUp` of log-mels would add decibels, which no two sounds do.

    Parameters
    ----------
    alpha : float
        λ ~ Beta(α, α); an item's own weight is the larger of λ and 1 − λ, in amplitude.
    labels : "share" or "both"
        Whether targets are weighted as the sounds are, or the labels of both sounds count in full unless the partner's
        amplitude is less than `MIN_AUDIBLE_RATIO` of the clip's.

    >>> in_db, params = np.array([[[[20.0]]], [[[-20.0]]]]), MixUpParams(np.array([1, 0]), np.array([0.5, 1.0]))
    >>> Overlay().apply(in_db, params).round(2).ravel()
    array([ 16.99, -20.  ])
    """

    alpha: Alpha = 0.4
    labels: Labels = "share"
    p: Probability = 1.0
    domain: ClassVar[Domain] = "log-mel"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], pools: np.ndarray | None = None) -> MixUpParams:
        """Partners and weights, as MixUp's; an item that is its own partner has a weight of 1."""
        items = items_of(shape, self.domain)
        params = sample_mixup(self.alpha, self.p, items, rng, pools)
        return MixUpParams(params.partner, np.where(params.partner == np.arange(items), 1.0, params.weight))

    def apply(self, batch: Array, params: MixUpParams) -> Array:
        """Sums of powers, in dB."""
        xp = namespace(batch)
        power = xp.exp(cast(batch, working_dtype(batch)) / DB_PER_NEPER)
        level = power.mean((1, 2, 3), keepdims=True) + MIN_POWER
        own = beside(params.weight, power)
        # In place, for other arrays of this size take as long as the sums; exp and log, for log10 takes twice as long.
        mixed = partners_of(power, params.partner)
        mixed *= level / partners_of(level, params.partner)
        mixed *= (1 - own) ** 2
        power *= own**2
        mixed += power
        mixed += MIN_POWER
        mixed = xp.log(mixed)
        mixed *= DB_PER_NEPER
        return xp.where(beside(params.weight, batch) < 1, cast(mixed, batch.dtype), batch)

    def mix_targets(self, targets: Array, params: MixUpParams) -> Array:
        """Weighted sums, or the labels of both."""
        if self.labels == "share":
            return weighted_sum(targets, params.partner, params.weight)
        is_audible = (1 - params.weight > MIN_AUDIBLE_RATIO * params.weight).astype(float)
        return (targets + beside(is_audible, targets) * partners_of(targets, params.partner)).clip(max=1)
