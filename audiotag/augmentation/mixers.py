"""Augmentations that mix each clip of a batch with another of it, and their targets.

The conventions of `audiotag.augmentation.spectrograms` hold. A draw names each item's ``partner`` by its place in the batch: a
permutation, in which an item may be its own. ``mix_targets`` takes ``(batch, labels)`` multi-hot, floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, get_args

import numpy as np

from audiotag.arrays import (
    Array,
    Domain,
    beside,
    cast,
    items_of,
    namespace,
    on_device,
    require_fit,
    stretches,
    working_dtype,
)
from audiotag.augmentation.base import Augmentation, sample_stretches
from audiotag.checks import require_one_of, require_probability, require_range, require_within

Labels = Literal["share", "both"]

MIN_AUDIBLE_RATIO = 0.1  # 20 dB
DB_PER_NEPER = 10 / math.log(10)  # of a power that is e times as large; no NumPy number, which would make all float64
MIN_POWER = 1e-20  # far below any sound's power


class Mixer(Augmentation, Protocol):
    """An augmentation that changes the targets too."""

    def mix_targets(self, targets: Array, params: Any) -> Array:
        """What can be heard, or seen, in the clips mixed by the same draw."""


@dataclass(frozen=True, eq=False)
class MixUpParams:
    """Partner and own weight (0.5 to 1) of each item, shapes ``(batch,)``."""

    partner: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class MixUp:
    """Weighted sum of two clips and of their targets (Zhang et al. 2018), the weights as fastai's.

    Parameters
    ----------
    alpha : float
        λ ~ Beta(α, α); an item's own weight is the larger of λ and 1 − λ, so that it stays the louder.
    domain : "picture" or "waveform"
        Where it is to be applied; it can be to either.

    >>> clips, draw = np.array([[1.0, 0.0], [0.0, 1.0]]), MixUpParams(np.array([1, 0]), np.array([0.75, 1.0]))
    >>> MixUp().apply(clips, draw)
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """

    alpha: float = 0.4
    p: float = 1.0
    domain: Domain = "picture"

    def __post_init__(self) -> None:
        require_within("alpha", self.alpha, 0.01, 10, "0.4 is common; leave MixUp out for none")
        require_probability(self.p)
        require_one_of("domain", self.domain, get_args(Domain))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> MixUpParams:
        """Partners and weights."""
        items = items_of(shape, self.domain)
        share = rng.beta(self.alpha, self.alpha, items)
        chosen = rng.random(items) < self.p
        return MixUpParams(rng.permutation(items), np.where(chosen, np.maximum(share, 1 - share), 1.0))

    def apply(self, batch: Array, params: MixUpParams) -> Array:
        """Weighted sums."""
        return _weighted_sum(batch, params.partner, params.weight)

    def mix_targets(self, targets: Array, params: MixUpParams) -> Array:
        """Weighted sums, by the same weights."""
        return _weighted_sum(targets, params.partner, params.weight)


@dataclass(frozen=True)
class Overlay:
    """Two sounds at once: the partner brought to the clip's level, then their powers added at a drawn balance.

    As between-class learning mixes waveforms (Tokozume et al. 2018), here of log-mels: the powers of sounds that know
    nothing of each other add up. `MixUp` of log-mels would add decibels, which no two sounds do.

    Parameters
    ----------
    alpha : float
        λ ~ Beta(α, α); an item's own weight is the larger of λ and 1 − λ, in amplitude.
    labels : "share" or "both"
        Whether targets are weighted as the sounds are, or the labels of both count in full, where the other sound is
        not `MIN_AUDIBLE_RATIO` times quieter.

    >>> in_db, draw = np.array([[[[20.0]]], [[[-20.0]]]]), MixUpParams(np.array([1, 0]), np.array([0.5, 1.0]))
    >>> Overlay().apply(in_db, draw).round(2).ravel()
    array([ 16.99, -20.  ])
    """

    alpha: float = 0.4
    labels: Labels = "share"
    p: float = 1.0
    domain: ClassVar[Domain] = "picture"

    def __post_init__(self) -> None:
        require_within("alpha", self.alpha, 0.01, 10, "0.4 is common; leave the overlay out for none")
        require_one_of("labels", self.labels, get_args(Labels))
        require_probability(self.p)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> MixUpParams:
        """Partners and weights, as those of MixUp; an item that is its own partner has a weight of 1."""
        params = MixUp(self.alpha, self.p).sample(rng, shape)
        return MixUpParams(params.partner, np.where(params.partner == np.arange(shape[0]), 1.0, params.weight))

    def apply(self, batch: Array, params: MixUpParams) -> Array:
        """Sums, in dB."""
        xp = namespace(batch)
        power = xp.exp(cast(batch, working_dtype(batch)) / DB_PER_NEPER)
        level = power.mean((1, 2, 3), keepdims=True) + MIN_POWER
        own = beside(params.weight, power)
        other = _partners(power, params.partner) * (level / _partners(level, params.partner))
        mixed = (
            xp.log(own**2 * power + (1 - own) ** 2 * other + MIN_POWER) * DB_PER_NEPER
        )  # NumPy's log10 takes twice as long
        return xp.where(beside(params.weight, batch) < 1, cast(mixed, batch.dtype), batch)

    def mix_targets(self, targets: Array, params: MixUpParams) -> Array:
        """Weighted sums, or the labels of both."""
        if self.labels == "share":
            return _weighted_sum(targets, params.partner, params.weight)
        heard = (1 - params.weight > MIN_AUDIBLE_RATIO * params.weight).astype(float)
        return (targets + beside(heard, targets) * _partners(targets, params.partner)).clip(max=1)


@dataclass(frozen=True, eq=False)
class SpecMixParams:
    """Partner, the replaced frames and bands, and the share of the area that stays an item's own: ``(batch,)`` each."""

    partner: np.ndarray
    time_start: np.ndarray
    time_width: np.ndarray
    mel_start: np.ndarray
    mel_width: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class SpecMix:
    """One stretch of frames and one of bands replaced by those of another picture (É. Bouteillon 2019).

    https://github.com/ebouteillon/freesound-audio-tagging-2019: SpecAugment's masks, filled with the same place of one
    other picture; targets are weighted by the share of the area that is of each.

    Parameters
    ----------
    time_width, mel_width : int
        Most frames and bands that are replaced; how many is drawn evenly from 0 on. 0 for none along that axis.
    """

    time_width: int = 32
    mel_width: int = 32
    p: float = 1.0
    domain: ClassVar[Domain] = "picture"

    def __post_init__(self) -> None:
        require_within("time_width", self.time_width, 0, 10_000, "in frames?", whole=True)
        require_within("mel_width", self.mel_width, 0, 10_000, "in bands?", whole=True)
        require_probability(self.p)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> SpecMixParams:
        """Partners and stretches; a picture narrower than a width is an error."""
        items, (bands, frames) = items_of(shape, self.domain), shape[2:]
        time = sample_stretches(rng, (items,), self.time_width, frames, "time")
        mel = sample_stretches(rng, (items,), self.mel_width, bands, "mel")
        chosen = rng.random(items) < self.p
        time_width, mel_width = time.width * chosen, mel.width * chosen
        weight = (1 - time_width / frames) * (1 - mel_width / bands)  # what neither stretch covers
        return SpecMixParams(rng.permutation(items), time.start, time_width, mel.start, mel_width, weight)

    def apply(self, batch: Array, params: SpecMixParams) -> Array:
        """Pictures with their stretches replaced."""
        time = stretches(batch, params.time_start[:, None], params.time_width[:, None], "time")
        mel = stretches(batch, params.mel_start[:, None], params.mel_width[:, None], "mel")
        return namespace(batch).where(time | mel, _partners(batch, params.partner), batch)

    def mix_targets(self, targets: Array, params: SpecMixParams) -> Array:
        """Weighted by area."""
        return _weighted_sum(targets, params.partner, params.weight)


@dataclass(frozen=True, eq=False)
class SigmoidParams:
    """Partner, radius of the sigmoid, and whether the item is mixed at all, shapes ``(batch,)``."""

    partner: np.ndarray
    radius: np.ndarray
    mixed: np.ndarray


@dataclass(frozen=True)
class SigmoidMixer:
    """A fade along time from the partner into the clip itself, and the labels of both (the 2019 winner's).

    https://github.com/lRomul/argus-freesound, ``SigmoidConcatMixer``: the clip's own weight is a sigmoid, from
    −radius at the start to +radius at the end.

    Parameters
    ----------
    min_radius, max_radius : int
        Drawn evenly among whole numbers. From 10 to 90 % takes 73 % of the length at 3, 18 % at 12.
    domain : "picture" or "waveform"
        Where it is to be applied; it can be to either.
    """

    min_radius: int = 3
    max_radius: int = 12
    p: float = 1.0
    domain: Domain = "picture"

    def __post_init__(self) -> None:
        hint = "3 to 12 are the winner's; larger is steeper"
        require_within("min_radius", self.min_radius, 1, 80, hint, whole=True)
        require_within("max_radius", self.max_radius, 1, 80, hint, whole=True)
        require_range(("min_radius", "max_radius"), (self.min_radius, self.max_radius), 1, 80, hint)
        require_probability(self.p)
        require_one_of("domain", self.domain, get_args(Domain))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> SigmoidParams:
        """Partners and radii; an item that is its own partner is not mixed."""
        items = items_of(shape, self.domain)
        radius = rng.integers(self.min_radius, self.max_radius + 1, items)
        chosen, partner = rng.random(items) < self.p, rng.permutation(items)
        return SigmoidParams(partner, radius, chosen & (partner != np.arange(items)))

    def apply(self, batch: Array, params: SigmoidParams) -> Array:
        """Clips faded into."""
        require_fit(params.radius, batch)
        xp, size = namespace(batch), batch.shape[-1]
        places = xp.arange(size, device=batch.device, dtype=xp.float32) * (2 / size) - 1
        own = 1 / (1 + xp.exp(-places * on_device(params.radius[:, None], batch, xp.float32)))
        own = cast(own.reshape((len(params.radius),) + (1,) * (batch.ndim - 2) + (size,)), batch.dtype)
        mixed = own * batch + (1 - own) * _partners(batch, params.partner)
        return xp.where(beside(params.mixed, batch) > 0, mixed, batch)

    def mix_targets(self, targets: Array, params: SigmoidParams) -> Array:
        """The labels of both: their sum, at most 1."""
        both = (targets + _partners(targets, params.partner)).clip(max=1)
        return namespace(targets).where(beside(params.mixed, targets) > 0, both, targets)


def _partners(batch: Array, partner: np.ndarray) -> Array:
    require_fit(partner, batch)
    return batch[on_device(partner, batch, namespace(batch).int64)]


def _weighted_sum(batch: Array, partner: np.ndarray, weight: np.ndarray) -> Array:
    own = beside(weight, batch)
    return own * batch + (1 - own) * _partners(batch, partner)
