"""ResNet-34 as a recipe knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audiotag.checks import Within
from audiotag.networks.base import NetworkSettings, register_network

if TYPE_CHECKING:
    from torch import nn


@register_network("resnet-34")
@dataclass(frozen=True)
class ResNetSettings(NetworkSettings):
    """ResNet-34 (He et al. 2015, arXiv:1512.03385), maximum over all places and three layers.

    This is the spectrogram network of https://github.com/OsciiArt/Freesound-Audio-Tagging-2019 (4th place by its
    README), whose input is a log-mel spectrogram of 128 bands and 512 or more frames. The published network has a
    second head, which learns from noisy clips alone; here there is one head.

    Parameters
    ----------
    width : float, 1/16 to 2
        Factor on the channels of all groups; 1 is published.
    hidden : int, 1 to 4096
        Features of the two hidden layers.
    """

    width: Annotated[float, Within(1 / 16, 2), "1.0 is the published width; 0.5 has about a quarter of its weights"] = (
        1.0
    )
    hidden: Annotated[int, Within(1, 4096, "features"), "1024 is published"] = 1024

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """See `audiotag.networks.resnet.model.build_network`."""
        from audiotag.networks.resnet.model import build_network

        return build_network(self.width, self.hidden, n_labels, channels)

    def columns(self, frames: int) -> int:
        """The first convolution takes every second frame."""
        return -(-frames // 2)

    def describe(self) -> str:
        """A few words for pages.

        >>> ResNetSettings().describe()
        'ResNet-34'
        """
        return "ResNet-34" + (f", width {self.width:g}" if self.width != 1 else "")
