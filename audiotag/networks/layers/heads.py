"""Heads that several networks share: what turns the maps of the last block into logits."""

from __future__ import annotations

import torch
from torch import nn

from audiotag.networks.layers.blocks import start_as_he

HIDDEN = 512  # features of the hidden layer of `concat_head`


class MeanPool(nn.Module):
    """Mean over all places: (batch, channels, h, w) → (batch, channels)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, channels)."""
        return x.mean((2, 3))


class MaxPool(nn.Module):
    """Maximum over all places: (batch, channels, h, w) → (batch, channels)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, channels)."""
        return x.amax((2, 3))


class ConcatPool(nn.Module):
    """Maximum and mean over all places: (batch, channels, h, w) → (batch, 2 · channels), the maxima first."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, 2 · channels)."""
        return torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1)


def concat_head(channels: int, n_labels: int, dropout: float, hidden: int = HIDDEN) -> nn.Sequential:
    """The head of fastai 1.0 (``fastai.vision.learner.create_head``): (batch, channels, h, w) → (batch, n_labels).

    `ConcatPool`, batch norm, dropout, a hidden layer with ReLU, batch norm, dropout and the last layer. Weights start
    with He et al.'s normal distribution, biases at zero.

    Parameters
    ----------
    channels : int
        Of the maps.
    n_labels : int
    dropout : float
        Probability before the last layer; half of it before the hidden layer.
    hidden : int
        Features of the hidden layer.
    """
    head = nn.Sequential(
        ConcatPool(),
        nn.BatchNorm1d(2 * channels),
        nn.Dropout(dropout / 2),
        nn.Linear(2 * channels, hidden),
        nn.ReLU(),
        nn.BatchNorm1d(hidden),
        nn.Dropout(dropout),
        nn.Linear(hidden, n_labels),
    )
    return head.apply(start_as_he)
