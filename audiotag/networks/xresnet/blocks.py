"""The layers that an XResNet is built from; `audiotag.networks.xresnet.model` puts them together.

Shapes are (batch, channels, height, width): mel bands along the height, frames along the width.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

from audiotag.networks.xresnet.architecture import EXPANSION, XResNetArchitecture

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "mish": nn.Mish}


class ConvLayer(nn.Sequential):
    """Convolution, batch norm and, unless it is None, an activation: (batch, n_in, h, w) → (batch, n_out, h', w').

    The convolution takes ``frames`` columns as one: along the width its kernel, stride and padding are multiplied by
    ``frames``.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        activation: type[nn.Module] | None,
        kernel: int = 3,
        stride: int = 1,
        frames: int = 1,
    ) -> None:
        size, strides, padding = ((height, height * frames) for height in (kernel, stride, kernel // 2))
        conv = nn.Conv2d(n_in, n_out, size, stride=strides, padding=padding, bias=False)
        super().__init__(conv, nn.BatchNorm2d(n_out), *([] if activation is None else [activation()]))


class ResBlock(nn.Module):
    """Two convolutions (three at depth 50) parallel to an identity path.

    (batch, n_in, h, w) → (batch, n_out, ⌈h / stride⌉, ⌈w / stride⌉), where n_out is n_inner, or four times that at
    depth 50. The last batch norm starts at zero, so that a fresh block returns its input (Goyal et al. 2017, 5.1).
    """

    def __init__(self, n_in: int, n_inner: int, settings: XResNetArchitecture, stride: int, attends: bool) -> None:
        super().__init__()
        activation = ACTIVATIONS[settings.activation]
        n_out = n_inner * EXPANSION[settings.depth]
        convpath: list[nn.Module]
        if EXPANSION[settings.depth] == 1:
            convpath = [ConvLayer(n_in, n_inner, activation, stride=stride), ConvLayer(n_inner, n_out, None)]
        else:
            convpath = [
                ConvLayer(n_in, n_inner, activation, kernel=1),
                ConvLayer(n_inner, n_inner, activation, stride=stride),
                ConvLayer(n_inner, n_out, None, kernel=1),
            ]
        nn.init.zeros_(convpath[-1].get_submodule("1").get_parameter("weight"))
        if attends:
            convpath.append(SelfAttention(n_out))
        idpath: list[nn.Module] = []
        if stride != 1:
            idpath.append(nn.AvgPool2d(stride, ceil_mode=True))
        if n_in != n_out:
            idpath.append(ConvLayer(n_in, n_out, None, kernel=1))
        self.convpath = nn.Sequential(*convpath)
        self.idpath = nn.Sequential(*idpath)
        self.act = activation()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, n_in, h, w) → (batch, n_out, h', w')."""
        return self.act(self.convpath(x) + self.idpath(x))


class PointwiseConv(nn.Conv1d):
    """A 1×1 convolution of places before channels, without bias; its weight is (channels, channels, 1), as Conv1d's."""

    def __init__(self, channels: int, device: torch.device | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__(channels, channels, 1, bias=False, device=device, dtype=dtype)

    def forward(self, places: torch.Tensor) -> torch.Tensor:
        """(batch, places, channels) → the same shape."""
        return functional.linear(places, self.weight[:, :, 0])


class SelfAttention(nn.Module):
    """fastai's ``SimpleSelfAttention``: x + γ · (x xᵀ) conv(x) over all places of the feature map; γ starts at zero.

    Like fastai it uses the older ``torch.nn.utils.spectral_norm``: its ``weight_orig``, ``weight_u`` and ``weight_v``
    are in every checkpoint, and ``nn.utils.parametrizations`` would write other names.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        conv = PointwiseConv(channels)
        nn.init.kaiming_normal_(conv.weight)
        self.conv = spectral_norm(conv)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → the same shape."""
        batch, channels, height, width = x.shape
        # Places before channels, as maps in channels_last have them in memory: otherwise the layers before and after
        # would be computed in two memory formats, some of them at a fifteenth of the speed.
        places = x.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        # (x xᵀ) first: (channels, channels) is far smaller than (places, places).
        attended = torch.bmm(self.conv(places), torch.bmm(places.transpose(1, 2), places))
        mixed = places + self.gamma.to(attended.dtype) * attended
        return mixed.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


class MaxBlurPool(nn.Module):
    """Max-pool of 2 with stride 1, then a fixed 3×3 binomial blur with stride 2 (Zhang 2019, arXiv:1904.11486).

    The blur damps what is too fine for the halved feature map before every other place is dropped, so that a shift of
    the input changes the output less. Padding is that of kornia's ``MaxBlurPool2D(3)``: none for the max-pool, one zero
    on each side for the blur (kornia/filters/blur_pool.py, since pull request 894 of March 2021). Even sizes are
    halved, as by ``nn.MaxPool2d(3, stride=2, padding=1)``.
    """

    kernel: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        binomial = torch.tensor([1.0, 2.0, 1.0]) / 4
        # Not saved: it is constant, and a network with plain max-pool has the same names in its state_dict.
        self.register_buffer("kernel", torch.outer(binomial, binomial)[None, None], persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, channels, ⌊h / 2⌋, ⌊w / 2⌋)."""
        channels = x.shape[1]
        x = functional.max_pool2d(x, kernel_size=2, stride=1)
        kernel = self.kernel.to(x.dtype).expand(channels, 1, 3, 3)
        return functional.conv2d(x, kernel, stride=2, padding=1, groups=channels)


class BandChannel(nn.Module):
    """Add a channel that rises from −1 in the lowest band to 1 in the highest: (batch, c, h, w) → (batch, c + 1, h, w).

    This is one of the two coordinates of Liu et al., "An intriguing failing of convolutional neural networks and the
    CoordConv solution" (2018). The other, time, is left out: when a sound begins does not tell which sound it is.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, c, h, w) → (batch, c + 1, h, w)."""
        band = torch.linspace(-1, 1, x.shape[2], device=x.device, dtype=x.dtype)
        with_band = torch.cat([x, band[:, None].expand(x.shape[0], 1, -1, x.shape[3])], 1)
        return with_band.contiguous(memory_format=torch.channels_last)  # torch.cat may change the memory format
