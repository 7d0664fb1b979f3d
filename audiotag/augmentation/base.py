"""What every augmentation has, and the registry that finds an augmentation by its name.

An augmentation is one file: a frozen dataclass of settings, derived from `Augmentation` and decorated with
`register_augmentation`. Its annotations hold the rules of its settings, as `audiotag.checks` describes. Its class
attribute ``domain`` says what it changes, and thereby when it is applied, in this order:

- ``"waveform"``: a batch of shape ``(batch, samples)``, values from -1 to 1;
- ``"log-mel"``: a batch of shape ``(batch, 1, n_mels, frames)``, in dB;
- ``"network-input"``: a batch of shape ``(batch, channels, height, width)``, normalised and resized.

Sampling and applying are apart, so that an augmentation can be repeated and shown: `Augmentation.sample` takes all
random numbers from one NumPy generator and returns them as arrays of one entry per item of the batch;
`Augmentation.apply` uses them and is deterministic. ``apply`` takes a NumPy array or a torch tensor on any device,
keeps its dtype and leaves it unchanged. `audiotag.arrays` has arithmetic that works on both.

A field ``p`` is the probability that an item is changed at all, sampled item by item.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, TypeVar, get_args

import numpy as np

from audiotag.arrays import Array, Domain
from audiotag.checks import Within, build, check, readable
from audiotag.errors import AudiotagError
from audiotag.registry import Registry

Probability = Annotated[float, Within(0, 1), "a probability; write 0.2 for 20 %"]

OLD_DOMAINS = {"picture": "network-input"}  # as recipes of audiotag 0.1 call them


class Augmentation:
    """A random change of a batch; base of a frozen dataclass for each."""

    kind: ClassVar[str] = ""  # its name in recipes, set by `register_augmentation`

    @property
    def domain(self) -> Domain:
        """What it changes: a class attribute of each augmentation, or a field where users may choose."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        check(self)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        """All random numbers for a batch of this shape: arrays of one entry per item.

        Raises
        ------
        AudiotagError
            If the settings do not fit the shape, such as a mask that is wider than the spectrogram.
        """
        raise NotImplementedError

    def apply(self, batch: Array, params: Any) -> Array:
        """The batch, changed by the sampled ``params``; the same ``params`` give the same again."""
        raise NotImplementedError

    def change_targets(self, targets: Array, params: Any) -> Array:
        """Targets of the batch that the same ``params`` change; most augmentations leave the labels as they are.

        Parameters
        ----------
        targets : numpy.ndarray or torch.Tensor, shape=(batch, labels)
            Multi-hot, floats.
        """
        return targets

    def labels_after(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """What the columns of the targets stand for after it: others only if `change_targets` adds columns.

        The network of such a recipe must have as many outputs, see
        `audiotag.networks.base.NetworkSettings.outputs_per_label`.
        """
        return labels

    def frames_after(self, frames: int) -> int:
        """Number of frames after it, of so many before: fewer for an augmentation that crops."""
        return frames

    @classmethod
    def description(cls) -> str:
        """The first line of the docstring, for pages."""
        return (cls.__doc__ or "").strip().split("\n")[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; `augmentation_from_dict` reads them back."""
        return {"kind": self.kind} | asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_values(cls, values: dict[str, Any], path: str) -> Augmentation:
        """An object from the plain values of its fields; ``path`` is put before the name of a field in an error."""
        return build(cls, values, path)


class Mixer(Augmentation):
    """An augmentation that mixes each clip of a batch with another one of it, and so changes the targets too.

    ``params.partner`` is the place of each item's partner in the batch; an item may be its own partner.
    `audiotag.augmentation.mixup.draw_partners` draws them.
    """

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], pools: np.ndarray | None = None) -> Any:
        """All random numbers for a batch of this shape: arrays of one entry per item.

        Parameters
        ----------
        rng : numpy.random.Generator
        shape : tuple of int
            Shape of the batch.
        pools : numpy.ndarray of int, shape=(batch,), optional
            Where it is given, the partner of an item is one of the same pool.
        """
        raise NotImplementedError

    def change_targets(self, targets: Array, params: Any) -> Array:
        """The same as `mix_targets`."""
        return self.mix_targets(targets, params)

    def mix_targets(self, targets: Array, params: Any) -> Array:
        """Targets of the clips that the same ``params`` mix.

        Parameters
        ----------
        targets : numpy.ndarray or torch.Tensor, shape=(batch, labels)
            Multi-hot, floats.
        """
        raise NotImplementedError


AugmentationType = TypeVar("AugmentationType", bound=type[Augmentation])
AUGMENTATIONS: Registry[type[Augmentation]] = Registry(
    "augmentation", "audiotag.augmentation", "audiotag.augmentations"
)


def register_augmentation(name: str) -> Callable[[AugmentationType], AugmentationType]:
    """Decorate an augmentation to make it known to recipes as ``kind = "name"``.

    Raises
    ------
    AudiotagError
        If its class attribute ``domain`` is missing or not one of the three. A property of its own may stand for it.
    """

    def register(augmentation: AugmentationType) -> AugmentationType:
        domain, domains = getattr(augmentation, "domain", None), get_args(Domain)
        is_own_property = isinstance(domain, property) and domain is not Augmentation.domain
        if domain not in domains and not is_own_property:
            value = "none" if isinstance(domain, property) else repr(domain)
            raise AudiotagError(
                f"the domain of the augmentation {name} must be one of {', '.join(map(repr, domains))}, got {value}; "
                f"give the class an attribute named domain."
            )
        augmentation.kind = name
        AUGMENTATIONS.register(name)(augmentation)
        return augmentation

    return register


def augmentation_from_dict(values: dict[str, Any], path: str = "augment") -> Augmentation:
    """An augmentation from plain values: its name as ``kind``, and its fields.

    Parameters
    ----------
    values : dict
    path : str
        Where the values come from, for errors.

    Raises
    ------
    AudiotagError
        If there is no such augmentation, or a field is unknown, missing or out of its range.
    """
    values = dict(values)
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in AUGMENTATIONS.names():
        raise AudiotagError(f"{path}.kind must be one of {', '.join(AUGMENTATIONS.names())}, got {readable(kind)}.")
    if "domain" in values:
        values["domain"] = OLD_DOMAINS.get(str(values["domain"]), values["domain"])
    return AUGMENTATIONS.get(kind).from_values(values, f"{path}, {kind}: ")
