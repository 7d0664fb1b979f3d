"""Blocks of convolutions that several networks share.

Shapes are (batch, channels, height, width): mel bands along the height, frames along the width.
"""

from __future__ import annotations

from torch import nn


class ConvNorm(nn.Sequential):
    """A 3×3 convolution, batch norm and ReLU: (batch, n_in, h, w) → (batch, n_out, h, w)."""

    def __init__(self, n_in: int, n_out: int, bias: bool = False) -> None:
        super().__init__(nn.Conv2d(n_in, n_out, 3, padding=1, bias=bias), nn.BatchNorm2d(n_out), nn.ReLU())


class ConvBlock(nn.Sequential):
    """Two `ConvNorm` and a mean over 2×2 places: (batch, n_in, h, w) → (batch, n_out, ⌊h / 2⌋, ⌊w / 2⌋).

    The kernels start with He et al.'s normal distribution by the number of inputs, any biases at zero.
    """

    def __init__(self, n_in: int, n_out: int, bias: bool = False) -> None:
        super().__init__(ConvNorm(n_in, n_out, bias), ConvNorm(n_out, n_out, bias), nn.AvgPool2d(2))
        self.apply(start_as_he)


def start_as_he(module: nn.Module) -> None:
    """Set the weights of a convolution or a linear layer as He et al. (2015, arXiv:1502.01852), its biases to zero."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
