"""Build a multi-scale CNN in torch.

Shapes are (batch, channels, height, width): mel bands along the height, frames along the width. Weights start as in
torch.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from audiotag.networks.layers.heads import MaxPool
from audiotag.networks.multi_scale_cnn.architecture import MultiScaleCNNArchitecture
from audiotag.networks.xresnet.blocks import BandChannel

UNITS = 128  # of a GRU, in each direction


def build_network(settings: MultiScaleCNNArchitecture, n_labels: int, channels: int = 1) -> nn.Sequential:
    """A freshly initialised network; its random weights come from torch's global generator.

    Parameters
    ----------
    settings : MultiScaleCNNArchitecture
    n_labels : int
        Number of logits, one per label.
    channels : int
        Channels of the network input, without that of the mel bands.

    Returns
    -------
    torch.nn.Sequential
        Takes (batch, channels, height, width) float, gives logits (batch, n_labels).
    """
    body = Body(settings, channels)
    features = body.features
    return nn.Sequential(
        BandChannel(),
        body,
        nn.BatchNorm1d(features),
        nn.Linear(features, features),
        nn.BatchNorm1d(features),
        nn.PReLU(features),
        nn.Dropout(settings.dropout),
        nn.Linear(features, n_labels),
    )


class Body(nn.Module):
    """The blocks, and what sums up the maps of each but the first: (batch, channels, h, w) → (batch, features).

    Attributes
    ----------
    features : int
        Features of all depths together.
    """

    def __init__(self, settings: MultiScaleCNNArchitecture, channels: int) -> None:
        super().__init__()
        widths = settings.channels_of_blocks
        self.blocks = nn.ModuleList(Block(n_in, n_out) for n_in, n_out in pairwise([channels + 1, *widths]))
        self.pools = nn.ModuleList(RecurrentPool(width) if settings.recurrent else MaxPool() for width in widths[1:])
        self.features = sum(2 * UNITS if settings.recurrent else width for width in widths[1:])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, features)."""
        x = self.blocks[0](x)
        features = []
        for block, pool in zip(self.blocks[1:], self.pools, strict=True):
            x = block(x)
            features.append(pool(x))
        return torch.cat(features, 1)


class Block(nn.Sequential):
    """A convolution, a max-pool and a residual part: (batch, n_in, h, w) → (batch, n_out, ⌊h / 2⌋, ⌊w / 2⌋)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(
            nn.BatchNorm2d(n_in),
            nn.Conv2d(n_in, n_out, 3, padding=1),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(n_out),
            nn.PReLU(n_out),
            Residual(n_out),
            nn.PReLU(n_out),
        )


class Residual(nn.Module):
    """Three convolutions of 1×1, 3×3 and 1×1 places, added to their input: (batch, channels, h, w) → the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → the same shape."""
        return x + self.layers(x)


class RecurrentPool(nn.Module):
    """Mean over the bands, layer norm, and the last states of a bidirectional GRU over the frames.

    (batch, channels, h, w) → (batch, 2 · `UNITS`), the forward direction first.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.gru = nn.GRU(channels, UNITS, batch_first=True, bidirectional=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, 2 · `UNITS`)."""
        _, states = self.gru(self.norm(x.mean(2).transpose(1, 2)))
        return torch.cat([states[0], states[1]], 1)
