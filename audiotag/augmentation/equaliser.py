"""Change the level of mel bands along a random curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from audiotag.arrays import AXIS_NUMBERS, Array, Domain, items_of, namespace, on_device, require_fit
from audiotag.augmentation.base import Augmentation, Probability, register_augmentation
from audiotag.checks import Within


@dataclass(frozen=True, eq=False)
class EqualiserParams:
    """Gain of each spectrogram at its points in dB, shape ``(batch, points)``."""

    gain_db: np.ndarray


@register_augmentation("equaliser")
@dataclass(frozen=True)
class Equaliser(Augmentation):
    """Make bands louder and quieter along a random curve, as another microphone, room or distance does.

    Values at the spectrogram's minimum stay there: they stand for no sound.

    Parameters
    ----------
    deviation_db : float
        Standard deviation of the gain at each point; the gain is normally distributed.
    points : int
        Evenly spread from the lowest band to the highest; the gain is linear between them.
    """

    deviation_db: Annotated[float, Within(0.1, 60, "dB"), "to switch the equaliser off, remove it from the recipe"] = (
        4.0
    )
    points: Annotated[int, Within(2, 100), "6 are common"] = 6
    p: Probability = 1.0
    domain: ClassVar[Domain] = "log-mel"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> EqualiserParams:
        """Gains."""
        items = items_of(shape, self.domain)
        gain_db = rng.normal(0, self.deviation_db, (items, self.points))
        return EqualiserParams(gain_db * (rng.random(items) < self.p)[:, None])

    def apply(self, batch: Array, params: EqualiserParams) -> Array:
        """Spectrograms plus their curves."""
        require_fit(params.gain_db, batch)
        bands = batch.shape[AXIS_NUMBERS["mel"]]
        at = np.linspace(0, params.gain_db.shape[1] - 1, bands)
        below = np.minimum(at.astype(int), params.gain_db.shape[1] - 2)
        curve = params.gain_db[:, below] * (1 - at + below) + params.gain_db[:, below + 1] * (at - below)
        lowest = namespace(batch).amin(batch, (2, 3), keepdims=True)
        return namespace(batch).where(batch > lowest, batch + on_device(curve[:, None, :, None], batch), lowest)
