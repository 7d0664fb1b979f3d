"""Mirror network inputs in time and frequency, under labels of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from audiotag.arrays import FLIPS, Array, Domain, beside, items_of, namespace, on_device, require_fit
from audiotag.augmentation.base import Augmentation, register_augmentation

NAMES = ("", " (reversed in time)", " (upside down)", " (reversed and upside down)")  # of labels, one per flip


@dataclass(frozen=True, eq=False)
class FlipLabelsParams:
    """Number of each network input's flip in `audiotag.arrays.FLIPS`, int64 of shape ``(batch,)``."""

    flip: np.ndarray


@register_augmentation("flip-labels")
@dataclass(frozen=True)
class FlipLabels(Augmentation):
    """Mirror network inputs in time, in frequency or both, each under labels of its own (M. Pinto 2019).

    https://github.com/mnpinto/audiotagging2019 adds the mirrored spectrograms to the clips, all four drawn equally
    often. A reversed bark is no longer labelled Bark, but Bark (reversed in time): there are four times as many labels.
    They need the network ``flip-labels``, which scores all four flips and takes the mean. Mixers that follow in the
    recipe mix flips with each other, as there.
    """

    domain: ClassVar[Domain] = "network-input"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> FlipLabelsParams:
        """Flips, each equally likely."""
        return FlipLabelsParams(rng.integers(len(FLIPS), size=items_of(shape, self.domain)))

    def apply(self, batch: Array, params: FlipLabelsParams) -> Array:
        """Network inputs mirrored."""
        xp, flipped = namespace(batch), batch + 0
        for number, axes in enumerate(FLIPS):
            if axes:
                is_so = beside(params.flip == number, batch) > 0
                flipped = xp.where(is_so, xp.flip(batch, axes), flipped)
        return flipped

    def change_targets(self, targets: Array, params: FlipLabelsParams) -> Array:
        """Targets among four times as many labels, shape ``(batch, 4 · labels)``: those of all labels for each flip."""
        require_fit(params.flip, targets)
        chosen = on_device(np.eye(len(FLIPS))[params.flip][:, :, None], targets)
        return (chosen * targets[:, None]).reshape((len(targets), len(FLIPS) * targets.shape[1]))

    def labels_after(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the labels for each flip."""
        return tuple(label + name for name in NAMES for label in labels)
