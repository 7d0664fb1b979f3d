"""VGG-16 with batch norms and the head of fastai 1.0, as the warm-up pipeline has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from audiotag.checks import Within
from audiotag.networks.base import NetworkSettings, register_network

if TYPE_CHECKING:
    from torch import nn

GROUP_CHANNELS = (64, 128, 256, 512, 512)
CONVOLUTIONS = (2, 2, 3, 3, 3)  # in each group
GRID = 7  # the maps are brought to 7×7 places before the head, for which torchvision's network was made
HALVINGS = 2 ** len(GROUP_CHANNELS)


@register_network("vgg-16-bn")
@dataclass(frozen=True)
class VGGSettings(NetworkSettings):
    """VGG-16 (Simonyan and Zisserman 2014, arXiv:1409.1556) with batch norms and a head of maximum and mean.

    This is the second network of https://github.com/ebouteillon/freesound-audio-tagging-2019: the body of torchvision,
    its mean pool to 7×7 places included, and the head of fastai. The defaults are those of the published network, whose
    input has 3 equal channels, 128 bands and 128 frames; ``width`` is not published.

    Parameters
    ----------
    width : float, 1/16 to 2
        Factor on the channels of all groups.
    dropout : float in [0, 1)
        Probability before the last layer; half of it before the hidden layer.
    """

    width: Annotated[float, Within(1 / 16, 2), "1.0 is the published width; 0.5 has about a quarter of its weights"] = (
        1.0
    )
    dropout: Annotated[float, Within(0, 1, below=True), "a probability; 0.5 is published"] = 0.5

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """A network with fresh weights: (batch, channels, height, width) to logits (batch, n_labels).

        As in torchvision, the kernels start with He et al.'s normal distribution by the number of outputs.
        """
        from torch import nn

        from audiotag.networks.layers.blocks import ConvNorm
        from audiotag.networks.layers.heads import concat_head

        layers: list[nn.Module] = []
        n_in = channels
        for of_group, convolutions in zip(GROUP_CHANNELS, CONVOLUTIONS, strict=True):
            for _ in range(convolutions):
                layers.append(ConvNorm(n_in, int(of_group * self.width), bias=True))
                n_in = int(of_group * self.width)
            layers.append(nn.MaxPool2d(2))
        for module in nn.Sequential(*layers).modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                nn.init.zeros_(cast("nn.Parameter", module.bias))
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(GRID), *concat_head(n_in, n_labels, self.dropout))

    @property
    def fewest_frames(self) -> int:
        """Width of the narrowest input: five max-pools halve it."""
        return HALVINGS

    @property
    def fewest_bands(self) -> int:
        """Height of the lowest input: five max-pools halve it."""
        return HALVINGS

    def describe(self) -> str:
        """A few words for pages.

        >>> VGGSettings().describe()
        'VGG-16 with batch norms'
        """
        return "VGG-16 with batch norms" + (f", width {self.width:g}" if self.width != 1 else "")

    def exportable(self, network: nn.Module) -> nn.Module:
        """The same layers, but the adaptive mean pool as products of matrices."""
        from torch import nn

        from audiotag.networks.layers.static import MeanOnGrid

        layers = cast("nn.Sequential", network)
        return nn.Sequential(
            *(MeanOnGrid(GRID) if isinstance(layer, nn.AdaptiveAvgPool2d) else layer for layer in layers)
        )
