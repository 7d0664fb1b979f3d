"""Give each mel band partly the mean and deviation that it has in another clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from audiotag.arrays import Array, Domain, beside, cast, items_of, namespace, working_dtype
from audiotag.augmentation.base import Mixer, Probability, register_augmentation
from audiotag.augmentation.mixup import Alpha, MixUpParams, draw_partners, partners_of

MIN_DEVIATION_DB = 1e-3  # a band without sound stays without


@register_augmentation("freq-mixstyle")
@dataclass(frozen=True)
class FreqMixStyle(Mixer):
    """Mix the colour of pairs of clips: each mel band's mean and deviation over time, but not what happens in it.

    Microphone, room and distance show in these figures more than the sound itself does. Freq-MixStyle of Schmid et al.
    (2022, arXiv:2206.12513) for log-mels in dB, after MixStyle (Zhou et al. 2021, arXiv:2104.02008). Targets stay.

    Parameters
    ----------
    alpha : float
        The own share of mean and deviation is λ ~ Beta(α, α).

    >>> in_db = np.array([[[[0.0, 2.0]]], [[[-50.0, -40.0]]]])
    >>> FreqMixStyle().apply(in_db, MixUpParams(np.array([1, 0]), np.array([0.5, 1.0]))).squeeze().tolist()
    [[-25.0, -19.0], [-50.0, -40.0]]
    """

    alpha: Alpha = 0.4
    p: Probability = 0.5
    domain: ClassVar[Domain] = "log-mel"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], pools: np.ndarray | None = None) -> MixUpParams:
        """Partners, and own shares from 0 to 1."""
        items = items_of(shape, self.domain)
        share = rng.beta(self.alpha, self.alpha, items)
        is_mixed = rng.random(items) < self.p
        return MixUpParams(draw_partners(rng, items, pools), np.where(is_mixed, share, 1.0))

    def apply(self, batch: Array, params: MixUpParams) -> Array:
        """Log-mels whose bands have mixed means and deviations."""
        values = cast(batch, working_dtype(batch))
        mean = values.mean(3, keepdims=True)
        deviation = ((values - mean) ** 2).mean(3, keepdims=True) ** 0.5
        own = beside(params.weight, values)
        mixed_mean = own * mean + (1 - own) * partners_of(mean, params.partner)
        mixed_deviation = own * deviation + (1 - own) * partners_of(deviation, params.partner)
        mixed = (values - mean) * (mixed_deviation / deviation.clip(min=MIN_DEVIATION_DB)) + mixed_mean
        return namespace(batch).where(beside(params.weight, batch) < 1, cast(mixed, batch.dtype), batch)

    def mix_targets(self, targets: Array, params: MixUpParams) -> Array:
        """The targets as they are: the sound is still that of the clip."""
        return targets
