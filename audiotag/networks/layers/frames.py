"""Layers over frames, behind convolutions over bands and frames.

Shapes are (batch, channels, height, width) with mel bands along the height and frames along the width, then
(batch, channels, frames).
"""

from __future__ import annotations

import torch
from torch import nn

from audiotag.networks.layers.static import means_of


class RowsAsChannels(nn.Module):
    """All rows of a map as channels: (batch, channels, h, w) → (batch, channels · rows, w).

    The rows of a channel are neighbours. A map of another height is averaged to ``rows`` first.
    """

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, channels · rows, w)."""
        height = int(x.shape[2])
        if height != self.rows:
            x = means_of(self.rows, height).to(x) @ x
        return x.flatten(1, 2)


class FrameConvNorm(nn.Sequential):
    """A convolution over three frames, batch norm and ReLU: (batch, n_in, w) → (batch, n_out, w)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(nn.Conv1d(n_in, n_out, 3, padding=1), nn.BatchNorm1d(n_out), nn.ReLU())


class LastState(nn.Module):
    """What a GRU over the frames has at the last one: (batch, units, w) → (batch, units)."""

    def __init__(self, units: int, layers: int) -> None:
        super().__init__()
        self.gru = nn.GRU(units, units, layers, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, units, w) → (batch, units)."""
        outputs, _ = self.gru(x.transpose(1, 2))
        return outputs[:, -1]
