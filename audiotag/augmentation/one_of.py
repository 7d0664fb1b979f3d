"""Mix each clip by one of several mixers, chosen at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from audiotag.arrays import Array, Domain, beside, items_of, namespace
from audiotag.augmentation.additive_mixer import AdditiveMixer
from audiotag.augmentation.base import Augmentation, Mixer, Probability, augmentation_from_dict, register_augmentation
from audiotag.augmentation.sigmoid_mixer import SigmoidMixer
from audiotag.checks import build, readable, require

NO_MIXER = -1  # as the number of a mixer: the item is not mixed

MAX_WEIGHT = 1000


@dataclass(frozen=True, eq=False)
class OneOfParams:
    """Partner of each item and the number of its mixer, shapes ``(batch,)``, and the params of each mixer.

    An item that is not mixed has the number `NO_MIXER` and is its own partner.
    """

    partner: np.ndarray
    choice: np.ndarray
    parts: tuple[Any, ...]


@register_augmentation("one-of")
@dataclass(frozen=True)
class OneOfMixers(Mixer):
    """Mix each clip by one of several mixers, as the 2019 winner did.

    https://github.com/lRomul/argus-freesound mixes 0.8 of all items (``p``): 0.6 of these by its sigmoid mixer, 0.4 by
    the additive one. There a partner is any clip of the item's pool; here it is one of the same batch, which has passed
    the other augmentations already. In a recipe:

        [[augment]]
        kind = "one-of"
        p = 0.8
        mixers = [{ kind = "sigmoid" }, { kind = "additive" }]
        weights = [0.6, 0.4]

    Parameters
    ----------
    mixers : tuple of Mixer
        Of one domain, which is that of the whole.
    weights : tuple of float
        One per mixer, proportional to the probability that it is chosen; without any, all are equally likely.
    """

    mixers: tuple[Mixer, ...] = (SigmoidMixer(), AdditiveMixer())
    weights: tuple[float, ...] = ()
    p: Probability = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        mixers, weights = self.mixers, self.weights
        require(len(mixers) > 0, "mixers", "hold at least one mixer", "none", 'add { kind = "sigmoid" }')
        for mixer in mixers:
            kind = getattr(mixer, "kind", readable(mixer))
            require(isinstance(mixer, Mixer), "mixers", "hold mixers only", kind, "give it an [[augment]] of its own")
        domains = sorted({mixer.domain for mixer in mixers})
        require(
            len(domains) == 1, "mixers", "all have the same domain", " and ".join(domains), "set domain of each mixer"
        )
        require(
            len(weights) in (0, len(mixers)),
            "weights",
            f"be one number per mixer ({len(mixers)})",
            f"{len(weights)} of them",
            "or leave weights out, and all mixers are equally likely",
        )
        are_numbers = all(isinstance(weight, int | float) and 0 < weight <= MAX_WEIGHT for weight in weights)
        rule, hint = f"be numbers above 0 and at most {MAX_WEIGHT}", "remove a mixer that is never chosen"
        require(are_numbers, "weights", rule, readable(list(weights)), hint)

    @property
    def domain(self) -> Domain:
        """That of its mixers."""
        return self.mixers[0].domain

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], pools: np.ndarray | None = None) -> OneOfParams:
        """The mixer of each item, and what each mixer samples for the whole batch."""
        items = items_of(shape, self.domain)
        shares = np.array(self.weights or [1] * len(self.mixers)) / (sum(self.weights) or len(self.mixers))
        choice = rng.choice(len(self.mixers), items, p=shares)
        choice = np.where(rng.random(items) < self.p, choice, NO_MIXER)
        parts = tuple(
            mixer.sample(rng, shape) if pools is None else mixer.sample(rng, shape, pools) for mixer in self.mixers
        )
        partner = np.arange(items)
        for number, part in enumerate(parts):
            partner = np.where(choice == number, part.partner, partner)
        return OneOfParams(partner, choice, parts)

    def apply(self, batch: Array, params: OneOfParams) -> Array:
        """Each item as its mixer makes it; the partners are unmixed."""
        return self._by_choice(batch, params, [mixer.apply for mixer in self.mixers])

    def mix_targets(self, targets: Array, params: OneOfParams) -> Array:
        """The targets of each item as its mixer makes them."""
        return self._by_choice(targets, params, [mixer.mix_targets for mixer in self.mixers])

    def _by_choice(self, values: Array, params: OneOfParams, ways: list[Any]) -> Array:
        mixed = values + 0  # a copy, in case that no item is mixed
        for number, (way, part) in enumerate(zip(ways, params.parts, strict=True)):
            is_chosen = params.choice == number
            if is_chosen.any():
                mixed = namespace(values).where(beside(is_chosen, values) > 0, way(values, part), mixed)
        return mixed

    def to_dict(self) -> dict[str, Any]:
        """Plain values, each mixer with its name."""
        return super().to_dict() | {"mixers": [mixer.to_dict() for mixer in self.mixers], "weights": [*self.weights]}

    @classmethod
    def from_values(cls, values: dict[str, Any], path: str) -> Augmentation:
        """An object from plain values: ``mixers`` is a list of tables, ``weights`` a list of numbers."""
        values = dict(values)
        for field, holds in (("mixers", dict), ("weights", int | float)):
            if field in values:
                given = values[field]
                is_list = isinstance(given, list | tuple) and all(isinstance(item, holds) for item in given)
                hint = 'write [{ kind = "sigmoid" }, …]' if field == "mixers" else "write [0.6, 0.4]"
                rule = f"be a list of {'tables' if field == 'mixers' else 'numbers'}"
                require(is_list, f"{path}{field}", rule, readable(given), hint)
                values[field] = tuple(given)
        if "mixers" in values:
            values["mixers"] = tuple(augmentation_from_dict(item, f"{path}mixers") for item in values["mixers"])
        return build(cls, values, path)
