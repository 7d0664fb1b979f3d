"""A multi-scale CNN as a recipe knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audiotag.networks.base import NetworkSettings, register_network
from audiotag.networks.multi_scale_cnn.architecture import MultiScaleCNNArchitecture

if TYPE_CHECKING:
    from torch import nn


@register_network("multi-scale-cnn")
@dataclass(frozen=True)
class MultiScaleCNNSettings(NetworkSettings, MultiScaleCNNArchitecture):
    """The 2-D CNN of https://github.com/ex4sperans/freesound-classification, which came 3rd in 2019.

    The published input is a log-mel spectrogram of 128 bands and any length; the network itself adds a channel that
    holds the mel band of each place. The defaults are one of the four published networks; the others have 6 blocks, are
    recurrent, or both. Its fields are those of `MultiScaleCNNArchitecture`.

    Raises
    ------
    AudiotagError
        If a field is out of its range.
    """

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """See `audiotag.networks.multi_scale_cnn.model.build_network`."""
        from audiotag.networks.multi_scale_cnn.model import build_network

        return build_network(self, n_labels, channels)

    @property
    def fewest_frames(self) -> int:
        """Width of the narrowest input: each block halves it."""
        return int(2**self.blocks)

    @property
    def fewest_bands(self) -> int:
        """Height of the lowest input: each block halves it."""
        return int(2**self.blocks)

    def describe(self) -> str:
        """A few words for pages.

        >>> MultiScaleCNNSettings(blocks=6, recurrent=True).describe()
        'multi-scale CNN, 6 blocks from 100 filters, GRU'
        """
        return f"multi-scale CNN, {self.blocks} blocks from {self.filters} filters" + ", GRU" * self.recurrent
