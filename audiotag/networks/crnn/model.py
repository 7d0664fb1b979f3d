"""Build the CRNN in torch; weights start as in torch.

Maps are (batch, channels, height, width): mel bands along the height, frames along the width. Sequences are (batch,
channels, frames).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from audiotag.networks.layers.blocks import ConvNorm
from audiotag.networks.layers.static import MeanOnRows

MAP_CHANNELS = (16, 16, 32, 32, 64, 64, 128, 128, 256)
POOLS = {2: (2, 2), 4: (2, 2), 6: (2, 2), 8: (2, 1), 9: (2, 1)}  # convolutions before a max-pool: bands, frames
ROWS = 4  # what five max-pools leave of 128 bands
UNITS, RECURRENT_LAYERS = 256, 2


def build_network(width: float, n_labels: int, channels: int = 1) -> nn.Sequential:
    """A freshly initialised network; its random weights come from torch's global generator.

    Parameters
    ----------
    width : float
        Factor on the channels of all layers.
    n_labels : int
        Number of logits, one per label.
    channels : int
        Channels of the network input.

    Returns
    -------
    torch.nn.Sequential
        Takes (batch, channels, height, width) float, gives logits (batch, n_labels).
    """
    widths, units = [channels, *(int(of_one * width) for of_one in MAP_CHANNELS)], int(UNITS * width)
    layers: list[nn.Module] = []
    for number, (n_in, n_out) in enumerate(pairwise(widths), start=1):
        layers.append(ConvNorm(n_in, n_out, bias=True))
        if number in POOLS:
            layers.append(nn.MaxPool2d(POOLS[number]))
    along_time = [ConvNormAlongTime(n_in, units) for n_in in (ROWS * widths[-1], units, units)]
    return nn.Sequential(
        *layers,
        MeanOnRows(ROWS),
        nn.Flatten(1, 2),
        *along_time,
        LastOfGRU(units),
        nn.Linear(units, units),
        nn.ReLU(),
        nn.Linear(units, n_labels),
    )


class ConvNormAlongTime(nn.Sequential):
    """A convolution over 3 frames, batch norm and ReLU: (batch, n_in, frames) → (batch, n_out, frames)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(nn.Conv1d(n_in, n_out, 3, padding=1), nn.BatchNorm1d(n_out), nn.ReLU())


class LastOfGRU(nn.Module):
    """What a GRU of two layers gives for the last frame: (batch, channels, frames) → (batch, channels)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gru = nn.GRU(channels, channels, RECURRENT_LAYERS, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, frames) → (batch, channels)."""
        _, states = self.gru(x.transpose(1, 2))
        return states[-1]
