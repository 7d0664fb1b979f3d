"""Layers that several networks share do what their published counterparts do."""

import pytest
import torch
from torch import nn

from audiotag.networks.layers.heads import ConcatPool
from audiotag.networks.layers.static import MeanOnGrid, SameConv


@pytest.mark.parametrize(("height", "width"), [(4, 4), (4, 8), (7, 7), (9, 5), (1, 20)])
def test_means_on_a_grid_are_those_of_the_adaptive_pool(height: int, width: int) -> None:
    maps = torch.randn(2, 3, height, width)
    torch.testing.assert_close(MeanOnGrid(7)(maps), nn.AdaptiveAvgPool2d(7)(maps))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_padding_of_tensorflow_puts_the_odd_zero_at_the_end(size: int, stride: int) -> None:
    conv = SameConv(1, 1, 3, stride)
    nn.init.ones_(conv.weight)
    row = torch.arange(1.0, size + 1)
    before = 0 if stride == 2 and size % 2 == 0 else 1
    padded = [0] * before + row.tolist() + [0, 0]
    expected = [sum(padded[first : first + 3]) for first in range(0, size, stride)]
    out = conv(row.expand(1, 1, size, size).contiguous())
    single = conv(row.expand(1, 1, 1, size).contiguous())[0, 0, 0]  # one row: nothing but zeros above and below
    assert out.shape == (1, 1, -(-size // stride), -(-size // stride))
    assert single.tolist() == expected


def test_maxima_come_before_means() -> None:
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 10.0]]]])
    assert ConcatPool()(maps).tolist() == [[10.0, 4.0]]
