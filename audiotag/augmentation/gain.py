"""Change the level of waveforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from audiotag.arrays import Array, Domain, beside, items_of
from audiotag.augmentation.base import Augmentation, Probability, register_augmentation
from audiotag.checks import Within, require_order

GainDb = Annotated[float, Within(-120, 60, "dB"), "the unit is dB; a negative gain makes clips quieter"]


@dataclass(frozen=True, eq=False)
class GainParams:
    """Gain of each clip in dB, shape ``(batch,)``."""

    gain_db: np.ndarray


@register_augmentation("gain")
@dataclass(frozen=True)
class Gain(Augmentation):
    """Make clips louder or quieter by a random number of dB; what then exceeds ±1 is not clipped.

    Parameters
    ----------
    min_db, max_db : float
        The gain is uniformly distributed between them.

    >>> louder = Gain(min_db=6.0206, max_db=6.0206)
    >>> clip = np.array([[0.1, -0.2]])
    >>> louder.apply(clip, louder.sample(np.random.default_rng(0), clip.shape)).round(4)
    array([[ 0.2, -0.4]])
    """

    min_db: GainDb = -6.0
    max_db: GainDb = 6.0
    p: Probability = 1.0
    domain: ClassVar[Domain] = "waveform"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_order(self, "min_db", "max_db")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> GainParams:
        """Gains."""
        items = items_of(shape, self.domain)
        gain_db = rng.uniform(self.min_db, self.max_db, items)
        return GainParams(np.where(rng.random(items) < self.p, gain_db, 0.0))

    def apply(self, batch: Array, params: GainParams) -> Array:
        """Waveforms multiplied by their factor."""
        return batch * beside(10 ** (params.gain_db / 20), batch)
