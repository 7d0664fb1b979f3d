"""The layers of the winner's networks; `audiotag.networks.argus.model` puts them together.

Shapes are (batch, channels, height, width): mel bands along the height, frames along the width.
"""

from __future__ import annotations

import torch
from torch import nn

from audiotag.networks.layers.blocks import ConvNorm

REDUCTION = 16  # of the channels, inside the channel attention


class Skip(nn.Sequential):
    """Maps of an earlier block at the size and with the channels of the last one.

    (batch, n_in, h, w) → (batch, n_out, ⌊h / size⌋, ⌊w / size⌋): a mean over size × size places, then a `ConvNorm`.
    """

    def __init__(self, n_in: int, n_out: int, size: int) -> None:
        pool = [nn.AvgPool2d(size)] if size > 1 else []
        super().__init__(*pool, ConvNorm(n_in, n_out))


class ConvolutionalAttention(nn.Module):
    """Weigh the channels, then the places: (batch, channels, h, w) → the same shape.

    This is CBAM (Woo et al. 2018, arXiv:1807.06521) without biases and without a batch norm.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        reduced = max(1, channels // REDUCTION)
        self.of_channels = nn.Sequential(
            nn.Conv2d(channels, reduced, 1, bias=False), nn.ReLU(), nn.Conv2d(reduced, channels, 1, bias=False)
        )
        self.of_places = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → the same shape."""
        mean, maximum = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        x = x * (self.of_channels(mean) + self.of_channels(maximum)).sigmoid()
        of_places = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * self.of_places(of_places).sigmoid()


class MeanMaxPool(nn.Module):
    """Mean over the frames, then maximum over the bands: (batch, channels, h, w) → (batch, channels)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, channels)."""
        return x.mean(3).amax(2)


class RecurrentPool(nn.Module):
    """Mean over the bands, a bidirectional LSTM over the frames, and the mean over its outputs.

    (batch, channels, h, w) → (batch, channels). The LSTM has ``channels`` units in each direction.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, channels)."""
        steps, _ = self.lstm(x.mean(2).transpose(1, 2))
        return self.linear(steps).mean(1)
