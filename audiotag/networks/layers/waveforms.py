"""Layers of networks that take waveforms, at their beginning and at their end."""

from __future__ import annotations

import torch
from torch import nn


class ChannelsAsRows(nn.Module):
    """The channels of a filter bank as rows: (batch, channels, 1, w) → (batch, 1, channels, w)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, 1, w) → (batch, 1, channels, w)."""
        return x.transpose(1, 2)


class MaxOverTime(nn.Module):
    """Maximum over time of each row of each channel: (batch, channels, h, w) → (batch, channels · h)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, channels · h)."""
        return x.amax(3).flatten(1)
