"""Build the winner's networks in torch."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from audiotag.networks.argus.architecture import BLOCK_CHANNELS, ArgusArchitecture
from audiotag.networks.argus.layers import ConvolutionalAttention, MeanMaxPool, RecurrentPool, Skip
from audiotag.networks.layers.blocks import ConvBlock
from audiotag.networks.layers.heads import MeanPool


def build_network(settings: ArgusArchitecture, n_labels: int, channels: int = 1) -> nn.Sequential | AuxiliaryNetwork:
    """A freshly initialised network; its random weights come from torch's global generator.

    The kernels of the blocks start with He et al.'s normal distribution, as published; all else as in torch.

    Parameters
    ----------
    settings : ArgusArchitecture
    n_labels : int
        Number of logits, one per label.
    channels : int
        Channels of the network input.

    Returns
    -------
    torch.nn.Sequential or AuxiliaryNetwork
        Takes (batch, channels, height, width) float, at least 16 bands and 16 frames; gives logits (batch, n_labels).
    """
    body = Body(settings, channels)
    main = nn.Sequential(body, *_head(body.features, settings, n_labels))
    if not settings.auxiliary_weights:
        return main
    return AuxiliaryNetwork(main, [_head(body.features, settings, n_labels) for _ in settings.auxiliary_weights])


class Body(nn.Module):
    """Everything before the head: (batch, channels, height, width) → (batch, features).

    Attributes
    ----------
    features : int
        Channels of the last block.
    """

    def __init__(self, settings: ArgusArchitecture, channels: int) -> None:
        super().__init__()
        widths = [int(width * settings.width) for width in BLOCK_CHANNELS]
        self.features = features = widths[-1]
        inputs = [channels, *widths[:-1]]
        self.blocks = nn.ModuleList(
            ConvBlock(n_in, n_out, settings.conv_bias) for n_in, n_out in zip(inputs, widths, strict=True)
        )
        self.skips = nn.ModuleList()
        if settings.skips:
            sizes = [2 ** (len(widths) - number) for number in range(1, len(widths))]
            self.skips.extend(Skip(width, features, size) for width, size in zip(widths[:-1], sizes, strict=True))
        joined = features * (1 + len(self.skips))
        self.attention = (
            ConvolutionalAttention(joined, settings.attention_kernel) if settings.attention else nn.Identity()
        )
        self.merge = Skip(joined, features, 1) if settings.skips else nn.Identity()
        self.pool: nn.Module = MeanPool()
        if settings.recurrent:
            self.pool = RecurrentPool(features)
        elif settings.pool == "mean-max":
            self.pool = MeanMaxPool()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, height, width) → (batch, features)."""
        return self.with_skips(x)[0]

    def with_skips(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The features as from `forward`, and the maps of the skips from the first, second and third block."""
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        skips = [skip(of_block) for skip, of_block in zip(self.skips, maps, strict=False)]
        if skips:
            x = torch.cat([x, *skips], 1)
        return self.pool(self.merge(self.attention(x))), skips


class AuxiliaryNetwork(nn.Module):
    """A network with auxiliary heads, which only training needs.

    Parameters
    ----------
    main : torch.nn.Sequential
        The whole network without auxiliary heads: a `Body`, and the layers of the main head.
    heads : list of torch.nn.Sequential
        Auxiliary heads on the skips of the third, second and first block.
    """

    def __init__(self, main: nn.Sequential, heads: list[nn.Sequential]) -> None:
        super().__init__()
        self.main = main
        self.heads = nn.ModuleList(heads)
        self.pool = MeanPool()

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """(batch, channels, height, width) → logits (batch, n_labels); in training mode those of every head."""
        return self.all_logits(x) if self.training else self.main(x)

    def all_logits(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Logits of the main head and of the auxiliary heads, in whichever mode the network is."""
        body = cast(Body, self.main[0])
        features, skips = body.with_skips(x)
        auxiliary = [head(self.pool(skip)) for head, skip in zip(self.heads, reversed(skips), strict=True)]
        return self.main[1:](features), *auxiliary


def _head(n_in: int, settings: ArgusArchitecture, n_labels: int) -> nn.Sequential:
    """(batch, n_in) → (batch, n_labels)."""
    return nn.Sequential(
        nn.Dropout(settings.dropout),
        nn.Linear(n_in, settings.hidden),
        nn.PReLU(),
        nn.BatchNorm1d(settings.hidden),
        nn.Dropout(settings.dropout / 2),
        nn.Linear(settings.hidden, n_labels),
    )
