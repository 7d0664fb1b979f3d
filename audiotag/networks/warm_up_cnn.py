"""CNN-model-1 of the warm-up pipeline: four blocks of convolutions, maximum and mean over all places, two layers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from audiotag.checks import Within
from audiotag.networks.base import NetworkSettings, register_network

if TYPE_CHECKING:
    from torch import nn

BLOCK_CHANNELS = (64, 128, 256, 512)
HALVINGS = 2 ** len(BLOCK_CHANNELS)  # each block halves bands and frames


@register_network("warm-up-cnn")
@dataclass(frozen=True)
class WarmUpCNNSettings(NetworkSettings):
    """CNN-model-1 of https://github.com/ebouteillon/freesound-audio-tagging-2019, which came 8th in 2019.

    The defaults are those of the published network, whose input has 3 equal channels, 128 bands and 128 frames;
    ``width`` is not published.

    Parameters
    ----------
    width : float, 1/16 to 2
        Factor on the channels of all blocks.
    dropout : float in [0, 1)
        Probability before the last layer; half of it before the hidden layer.
    """

    width: Annotated[float, Within(1 / 16, 2), "1.0 is the published width; 0.5 has about a quarter of its weights"] = (
        1.0
    )
    dropout: Annotated[float, Within(0, 1, below=True), "a probability; 0.5 is published"] = 0.5

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """A network with fresh weights: (batch, channels, height, width) to logits (batch, n_labels)."""
        from torch import nn

        from audiotag.networks.layers.blocks import ConvBlock
        from audiotag.networks.layers.heads import concat_head

        widths = [channels, *(int(width * self.width) for width in BLOCK_CHANNELS)]
        blocks = [ConvBlock(n_in, n_out, bias=True) for n_in, n_out in pairwise(widths)]
        return nn.Sequential(*blocks, *concat_head(widths[-1], n_labels, self.dropout))

    @property
    def fewest_frames(self) -> int:
        """Width of the narrowest input: four blocks halve it."""
        return HALVINGS

    @property
    def fewest_bands(self) -> int:
        """Height of the lowest input: four blocks halve it."""
        return HALVINGS

    def describe(self) -> str:
        """A few words for pages.

        >>> WarmUpCNNSettings(width=0.5).describe()
        'warm-up CNN-model-1, width 0.5'
        """
        return "warm-up CNN-model-1" + (f", width {self.width:g}" if self.width != 1 else "")
