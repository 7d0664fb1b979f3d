"""What a recipe's augmentations do to a batch, each at its place on the way from waveforms to pictures.

Nothing here knows torch: the same calls change NumPy arrays on the way to a CPU and tensors on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from audiotag.arrays import Array
from audiotag.augmentation.base import Augmentation
from audiotag.augmentation.mixers import MixUp, Overlay, SigmoidMixer, SpecMix
from audiotag.augmentation.spectrograms import Equaliser, Lighting, Mask, RandomResizedCrop, Shift, TimeCrop
from audiotag.augmentation.waveforms import Gain, Noise

KINDS: dict[str, type] = {
    "gain": Gain,
    "noise": Noise,
    "shift": Shift,
    "crop": TimeCrop,
    "equaliser": Equaliser,
    "resized-crop": RandomResizedCrop,
    "overlay": Overlay,
    "mask": Mask,
    "lighting": Lighting,
    "specmix": SpecMix,
    "sigmoid": SigmoidMixer,
}
ON_LOG_MELS = (
    Shift,
    TimeCrop,
    Equaliser,
    RandomResizedCrop,
    Overlay,
    Mask,
)  # in dB, before the picture is normalised and resized


def kind_of(augmentation: Augmentation) -> str:
    """The name that a recipe gives it."""
    return next(name for name, kind in KINDS.items() if type(augmentation) is kind)


@dataclass(frozen=True)
class Chain:
    """Augmentations in the order of the recipe, at their three places; MixUp comes last of all.

    Attributes
    ----------
    on_waveforms, on_log_mels, on_pictures : tuple
        Of waveforms; of log-mels in dB; of pictures as the network would get them.
    """

    on_waveforms: tuple[Augmentation, ...] = ()
    on_log_mels: tuple[Augmentation, ...] = ()
    on_pictures: tuple[Augmentation, ...] = ()

    @classmethod
    def of(cls, augmentations: tuple[Augmentation, ...], mixup: float) -> Chain:
        """Each where it belongs; ``mixup`` is α, 0 for none."""
        waveforms = tuple(item for item in augmentations if item.domain == "waveform")
        log_mels = tuple(item for item in augmentations if isinstance(item, ON_LOG_MELS))
        pictures = tuple(item for item in augmentations if item not in waveforms and item not in log_mels)
        return cls(waveforms, log_mels, (*pictures, MixUp(mixup)) if mixup else pictures)

    def held_out(self) -> Chain:
        """What of it held-out clips get, in a recipe that augments them too: as fastaudio, which masks them.

        Never a mixer: a clip is measured by its own labels.
        """
        return Chain(on_log_mels=tuple(item for item in self.on_log_mels if not hasattr(item, "mix_targets")))


def apply_all(
    augmentations: tuple[Augmentation, ...], batch: Array, targets: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """The batch and its targets after all of them, every chance taken from the generator."""
    for augmentation in augmentations:
        params: Any = augmentation.sample(rng, tuple(batch.shape))
        batch = augmentation.apply(batch, params)
        if hasattr(augmentation, "mix_targets"):
            targets = augmentation.mix_targets(targets, params)
    return batch, targets
