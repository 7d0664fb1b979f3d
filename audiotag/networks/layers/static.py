"""Layers whose operations depend on the size of their maps, written so that the ONNX exporter takes them.

An ONNX graph is for network inputs of one size. While it is made, torch passes sizes as tensors, which `int` turns into
numbers.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's ``SAME``: (batch, n_in, h, w) → (batch, n_out, ⌈h / stride⌉, ⌈w / stride⌉).

    Where the number of zeros that are needed is odd, the end gets one more than the start; torch's own padding with a
    stride puts as many before as after. Square kernel and stride, no bias.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(n_in, n_out, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, n_in, h, w) → (batch, n_out, ⌈h / stride⌉, ⌈w / stride⌉)."""
        (top, bottom), (left, right) = (self._zeros(int(size)) for size in x.shape[2:])
        if top == bottom and left == right:
            return functional.conv2d(x, self.weight, None, self.stride, (top, left), 1, self.groups)
        return super().forward(functional.pad(x, (left, right, top, bottom)))

    def _zeros(self, size: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        zeros = max(0, (-(-size // stride) - 1) * stride + kernel - size)
        return zeros // 2, zeros - zeros // 2


class MeanOnGrid(nn.Module):
    """``nn.AdaptiveAvgPool2d`` as two products of matrices: (batch, channels, h, w) → (batch, channels, size, size).

    The ONNX exporter takes adaptive pools only where the size of the maps is a multiple of ``size``.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, channels, size, size)."""
        rows, columns = (means_of(self.size, int(places)).to(x) for places in x.shape[2:])
        return rows @ x @ columns.T


def means_of(cells: int, places: int) -> torch.Tensor:
    """A matrix (cells, places); each row takes the mean over one of the cells that torch's adaptive pools make."""
    weights = torch.zeros(cells, places)
    for cell in range(cells):
        first, end = cell * places // cells, -(-(cell + 1) * places // cells)
        weights[cell, first:end] = 1 / (end - first)
    return weights
