"""Change the brightness and the contrast of network inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from audiotag.arrays import Array, Domain, beside, cast, items_of, namespace, working_dtype
from audiotag.augmentation.base import Augmentation, Probability, register_augmentation
from audiotag.checks import Within, require

MIN_SHARE = 1e-7  # values this close to 0 or 1 are moved here, for the logit of 0 is infinite; fastai's number


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
    in 0 to 1 and take the sigmoid of the result; ``scale = "logit"`` does so too, for network inputs from 0 to 1. A
    normalised network input is unbounded already, as a logit is, so by default both change its own values.

    Parameters
    ----------
    max_lighting : float in [0, 1)
        Brightness is within 0.5 · (1 ± max_lighting), contrast between 1 − max_lighting and its reciprocal; the
        logarithm of the contrast is uniformly distributed.
    p : float
        Probability of each of the two.
    scale : "values" or "logit"
        What is added to and multiplied.
    low, high : float
        With "logit" only: the values that stand for 0 and 1, which are others where the network input was normalised
        after it had been scaled to 0 to 1. Values below the one and above the other count as these.
    """

    max_lighting: Annotated[float, Within(0, 0.99), "0.2 is common"] = 0.2
    p: Probability = 0.75
    scale: Literal["values", "logit"] = "values"
    low: Annotated[float, Within(-1000, 1000), "0 unless network inputs are normalised"] = 0.0
    high: Annotated[float, Within(-1000, 1000), "1 unless network inputs are normalised"] = 1.0
    domain: ClassVar[Domain] = "network-input"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.low < self.high, "low", f"be below high ({self.high:g})", self.low, "swap the two values")

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
        if self.scale == "values":
            return (batch + beside(added, batch)) * beside(params.contrast, batch)
        xp, span = namespace(batch), self.high - self.low
        values = ((cast(batch, working_dtype(batch)) - self.low) / span).clip(MIN_SHARE, 1 - MIN_SHARE)
        logit = (xp.log(values / (1 - values)) + beside(added, values)) * beside(params.contrast, values)
        is_changed = beside((added != 0) | (params.contrast != 1), values) > 0
        return xp.where(is_changed, cast(self.low + span / (1 + xp.exp(-logit)), batch.dtype), batch)
