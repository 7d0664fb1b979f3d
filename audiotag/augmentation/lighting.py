"""Change the brightness and the contrast of network inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from audiotag.arrays import Array, Domain, beside, items_of
from audiotag.augmentation.base import Augmentation, Probability, register_augmentation
from audiotag.checks import Within


@dataclass(frozen=True, eq=False)
class LightingParams:
    """Brightness (0 to 1, 0.5 changes nothing) and contrast (a factor), shapes ``(batch,)``."""

    brightness: np.ndarray
    contrast: np.ndarray


@register_augmentation("lighting")
@dataclass(frozen=True)
class Lighting(Augmentation):
    """Change brightness, then contrast: add logit(brightness), multiply by contrast.

    Both are sampled as fastai samples them. fastai's ``Brightness`` and ``Contrast`` do the same to the logit of values
    in 0 to 1 and take the sigmoid of the result. A normalised network input is unbounded already, as a logit is, so
    here both change its own values.

    Parameters
    ----------
    max_lighting : float in [0, 1)
        Brightness is within 0.5 · (1 ± max_lighting), contrast between 1 − max_lighting and its reciprocal; the
        logarithm of the contrast is uniformly distributed.
    p : float
        Probability of each of the two.
    """

    max_lighting: Annotated[float, Within(0, 0.99), "0.2 is common"] = 0.2
    p: Probability = 0.75
    domain: ClassVar[Domain] = "network-input"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> LightingParams:
        """Brightness and contrast of each network input."""
        items = items_of(shape, self.domain)
        brightness = rng.uniform(0.5 * (1 - self.max_lighting), 0.5 * (1 + self.max_lighting), items)
        steepest = -np.log(1 - self.max_lighting)
        contrast = np.exp(rng.uniform(-steepest, steepest, items))
        return LightingParams(
            np.where(rng.random(items) < self.p, brightness, 0.5),
            np.where(rng.random(items) < self.p, contrast, 1.0),
        )

    def apply(self, batch: Array, params: LightingParams) -> Array:
        """Network inputs made brighter or darker, then scaled about 0."""
        added = np.log(params.brightness / (1 - params.brightness))
        return (batch + beside(added, batch)) * beside(params.contrast, batch)
