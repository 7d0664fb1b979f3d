"""Sort a recipe's augmentations by what they change, and apply them to a batch and its targets.

Nothing here imports torch: the same calls change NumPy arrays, for training on a CPU, and tensors on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiotag.arrays import Array
from audiotag.augmentation.base import Augmentation, Mixer
from audiotag.augmentation.mixup import MixUp


@dataclass(frozen=True)
class Chain:
    """Augmentations by their domain, in each domain in the order of the recipe.

    Attributes
    ----------
    on_waveforms, on_log_mels, on_network_inputs : tuple
        Augmentations of waveforms, of log-mels in dB, and of network inputs.
    """

    on_waveforms: tuple[Augmentation, ...] = ()
    on_log_mels: tuple[Augmentation, ...] = ()
    on_network_inputs: tuple[Augmentation, ...] = ()

    @classmethod
    def of(cls, augmentations: tuple[Augmentation, ...], mixup: float) -> Chain:
        """The chain of these augmentations, MixUp with α ``mixup`` last of all; 0 for no MixUp."""
        if mixup:
            augmentations = (*augmentations, MixUp(mixup))

        def augmentations_of(domain: str) -> tuple[Augmentation, ...]:
            return tuple(item for item in augmentations if item.domain == domain)

        return cls(augmentations_of("waveform"), augmentations_of("log-mel"), augmentations_of("network-input"))

    def labels_after(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """What the columns of the targets stand for after all augmentations."""
        for augmentation in (*self.on_waveforms, *self.on_log_mels, *self.on_network_inputs):
            labels = augmentation.labels_after(labels)
        return labels

    def held_out(self) -> Chain:
        """The part of the chain that held-out clips get, in a recipe that augments them too, as fastaudio does.

        It has no mixer: a clip is measured by its own labels.
        """
        return Chain(on_log_mels=tuple(item for item in self.on_log_mels if not isinstance(item, Mixer)))


def apply_all(
    augmentations: tuple[Augmentation, ...],
    batch: Array,
    targets: Array,
    rng: np.random.Generator,
    pools: np.ndarray | None = None,
) -> tuple[Array, Array]:
    """The batch and its targets after all augmentations in turn; all random numbers come from ``rng``.

    Where ``pools`` says which pool each item was drawn from, mixers mix it with an item of the same pool.
    """
    for augmentation in augmentations:
        shape = tuple(batch.shape)
        if pools is not None and isinstance(augmentation, Mixer):
            params = augmentation.sample(rng, shape, pools)
        else:
            params = augmentation.sample(rng, shape)
        batch = augmentation.apply(batch, params)
        targets = augmentation.change_targets(targets, params)
    return batch, targets
