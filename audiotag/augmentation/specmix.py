"""Replace stretches of network inputs by those of another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from audiotag.arrays import Array, Axis, Domain, items_of, namespace, stretches
from audiotag.augmentation.base import Mixer, Probability, register_augmentation
from audiotag.augmentation.mask import MaskParams, require_narrow, sample_share_stretches, sample_stretches
from audiotag.augmentation.mixup import draw_partners, partners_of, weighted_sum
from audiotag.checks import Within


@dataclass(frozen=True, eq=False)
class SpecMixParams:
    """Partner, the replaced frames and bands, and the weight of an item's own targets: shapes ``(batch,)``."""

    partner: np.ndarray
    time_start: np.ndarray
    time_width: np.ndarray
    mel_start: np.ndarray
    mel_width: np.ndarray
    weight: np.ndarray


@register_augmentation("specmix")
@dataclass(frozen=True)
class SpecMix(Mixer):
    """Replace one stretch of frames and one of bands by those of another clip (É. Bouteillon 2019).

    https://github.com/ebouteillon/freesound-audio-tagging-2019: SpecAugment's masks, both filled with the same place of
    the same other network input; targets are weighted by each one's share of the area.

    Parameters
    ----------
    time_width, mel_width : int
        Most frames and bands that are replaced; each number from 0 on is equally likely. 0 for none along that axis.
    whole_lines : bool
        Whether widths are sampled as whole numbers of frames and bands, and targets are weighted by the area that is
        replaced. With false, widths are real numbers below the two, what is replaced is rounded down to whole lines,
        and targets are weighted by the real numbers. That is the published rule: both widths are a quarter of the
        network input, so 32 for 128 × 128.
    """

    time_width: Annotated[int, Within(0, 10_000), "the unit is frames"] = 32
    mel_width: Annotated[int, Within(0, 10_000), "the unit is bands"] = 32
    p: Probability = 1.0
    whole_lines: bool = True
    domain: ClassVar[Domain] = "network-input"

    def sample(
        self, rng: np.random.Generator, shape: tuple[int, ...], pools: np.ndarray | None = None
    ) -> SpecMixParams:
        """Partners and stretches; a width larger than the network input is an error."""
        items, (bands, frames) = items_of(shape, self.domain), shape[2:]
        time_share, time = self._sample_axis(rng, items, self.time_width, frames, "time")
        mel_share, mel = self._sample_axis(rng, items, self.mel_width, bands, "mel")
        is_mixed = rng.random(items) < self.p
        time_width, mel_width = time.width * is_mixed, mel.width * is_mixed
        weight = np.where(is_mixed, (1 - time_share) * (1 - mel_share), 1.0)  # share that neither stretch covers
        partner = draw_partners(rng, items, pools)
        return SpecMixParams(partner, time.start, time_width, mel.start, mel_width, weight)

    def _sample_axis(
        self, rng: np.random.Generator, items: int, width: int, size: int, axis: Axis
    ) -> tuple[np.ndarray, MaskParams]:
        """Share of the lines along an axis that is replaced, and the lines themselves."""
        if self.whole_lines:
            drawn = sample_stretches(rng, (items,), width, size, axis)
            return drawn.width / size, drawn
        require_narrow(width, size, axis)
        return sample_share_stretches(rng, (items,), (0, width / size), size)

    def apply(self, batch: Array, params: SpecMixParams) -> Array:
        """Network inputs with their stretches replaced."""
        time = stretches(batch, params.time_start[:, None], params.time_width[:, None], "time")
        mel = stretches(batch, params.mel_start[:, None], params.mel_width[:, None], "mel")
        return namespace(batch).where(time | mel, partners_of(batch, params.partner), batch)

    def mix_targets(self, targets: Array, params: SpecMixParams) -> Array:
        """Sums weighted by area."""
        return weighted_sum(targets, params.partner, params.weight)
