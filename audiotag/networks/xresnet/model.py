"""The network that tags: fastai's XResNet, rebuilt in plain torch so that tagging never imports fastai.

A picture goes in, (batch, channels, n_mels, frames); one logit a label comes out, (batch, n_labels). Weights go by
fastai's names, so either side loads what the other trained.

The architecture is that of He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks"
(2018): a stem of three 3×3 convolutions, and an average-pool before the 1×1 convolution of a block's identity path.
With ``frames_at_once`` above 1, which fastai has not, the first of them is as many times as long, and loads here alone.
"""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import skip_init, spectral_norm

from audiotag.checks import require
from audiotag.networks.xresnet.settings import BLOCKS, EXPANSION, GROUP_CHANNELS, XResNetSettings

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "mish": nn.Mish}


def build_network(settings: XResNetSettings, n_labels: int, channels: int = 1) -> XResNet:
    """A freshly initialised network; the draw comes from torch's global generator.

    Parameters
    ----------
    settings : XResNetSettings
    n_labels : int
        Logits that come out, one a label.
    channels : int
        Pictures that go in for a clip: 1 for a log-mel alone.

    Returns
    -------
    XResNet
        Takes (batch, channels, n_mels, frames) float, gives logits (batch, n_labels).

    Raises
    ------
    AudiotagError
        If ``n_labels`` or ``channels`` is below 1.

    Examples
    --------
    >>> network = build_network(XResNetSettings(width=0.5), n_labels=10).eval()
    >>> network(torch.zeros(2, 1, 128, 128)).shape
    torch.Size([2, 10])
    """
    require(n_labels >= 1, "n_labels", "be at least 1", n_labels, "does the dataset have labels?")
    require(channels >= 1, "channels", "be at least 1", channels, "a log-mel alone is 1 channel")
    return XResNet(settings, n_labels, channels)


def count_parameters(network: nn.Module) -> int:
    """Number of weights that training changes."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def fold_spectral_norm(network: XResNet) -> XResNet:
    """A copy in evaluation mode whose self-attention holds its normalised weight as a plain one, for export.

    A network without self-attention, or one already folded, comes back as a plain copy. To load folded weights, fold
    a fresh network of the same settings and load into that.

    Parameters
    ----------
    network : XResNet
        Left as it is.

    Returns
    -------
    XResNet
        Gives the logits that ``network`` gives in evaluation mode, to within 1e-6.
    """
    normed = [m.conv for m in network.modules() if isinstance(m, SelfAttention) and hasattr(m.conv, "weight_orig")]
    # torch's own remove_spectral_norm leaves a hook behind that refuses folded weights, and after a training step the
    # derived weight hangs on the autograd graph and cannot be copied: the copy gets new convolutions instead.
    return copy.deepcopy(network, {id(conv): _folded(conv) for conv in normed}).eval()


def exportable(network: XResNet) -> nn.Sequential:
    """The same layers, but the blur as a convolution of fixed size: the exporter must know that of every kernel."""
    layers: list[nn.Module] = list(network)
    for number, layer in enumerate(layers):
        if isinstance(layer, MaxBlurPool):
            channels = len(layers[number - 1].get_parameter("1.bias"))  # of the norm before it
            blur = nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels, bias=False)
            blur.weight.data = layer.kernel.repeat(channels, 1, 1, 1)
            layers[number] = nn.Sequential(nn.MaxPool2d(2, stride=1), blur)
    return nn.Sequential(*([BandChannel()] if network.band_channel else []), *layers)


class XResNet(nn.Sequential):
    """``fastai.vision.models.xresnet.XResNet`` layer by layer, with the same names in its ``state_dict``.

    Use :func:`build_network`, which checks its arguments.
    """

    def __init__(self, settings: XResNetSettings, n_labels: int, channels: int) -> None:
        activation = ACTIVATIONS[settings.activation]
        expansion = EXPANSION[settings.depth]
        stem_out = (settings.stem, settings.stem, 2 * settings.stem)
        stem_in = (channels + settings.band_channel, *stem_out[:-1])
        stem = [
            ConvLayer(n_in, n_out, activation, stride=2, frames=settings.frames_at_once)
            if index == 0
            else ConvLayer(n_in, n_out, activation)
            for index, (n_in, n_out) in enumerate(zip(stem_in, stem_out, strict=True))
        ]
        groups = []
        n_in = stem_out[-1]
        for index, n_blocks in enumerate(BLOCKS[settings.depth]):
            n_inner = int(GROUP_CHANNELS[index] * settings.width)
            blocks = []
            for block in range(n_blocks):
                stride = 2 if index > 0 and block == 0 else 1
                attends = settings.self_attention and index == 0 and block == n_blocks - 1
                blocks.append(ResBlock(n_in, n_inner, settings, stride, attends))
                n_in = n_inner * expansion
            groups.append(nn.Sequential(*blocks))
        super().__init__(
            *stem,
            MaxBlurPool() if settings.pool == "max-blur" else nn.MaxPool2d(3, stride=2, padding=1),
            *groups,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(settings.dropout),
            nn.Linear(n_in, n_labels),
        )
        self.band_channel = settings.band_channel
        for module in self.modules():
            _initialise(module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, n_mels, frames) → (batch, n_labels)."""
        if self.band_channel:
            x = BandChannel()(x)
        return super().forward(x)


class ConvLayer(nn.Sequential):
    """Convolution, batch norm and, where given, an activation: (batch, n_in, h, w) → (batch, n_out, h', w').

    ``frames`` columns are taken as one place: along time kernel, stride and padding are so many times as long.
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
        along_bands = (kernel, stride, kernel // 2)
        shape, strides, padding = ((size, size * frames) for size in along_bands)
        conv = nn.Conv2d(n_in, n_out, shape, stride=strides, padding=padding, bias=False)
        super().__init__(conv, nn.BatchNorm2d(n_out), *([] if activation is None else [activation()]))


class ResBlock(nn.Module):
    """Two convolutions (three at depth 50) beside an identity path.

    (batch, n_in, h, w) → (batch, n_out, ⌈h / stride⌉, ⌈w / stride⌉), n_out being n_inner, or four times that at
    depth 50. The last norm starts at zero, so that a fresh block passes its input on (Goyal et al. 2017, 5.1).
    """

    def __init__(self, n_in: int, n_inner: int, settings: XResNetSettings, stride: int, attends: bool) -> None:
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


class SelfAttention(nn.Module):
    """fastai's ``SimpleSelfAttention``: x + γ · (x xᵀ) conv(x) over all places of the picture; γ starts at zero.

    The older ``torch.nn.utils.spectral_norm`` is what fastai uses; its ``weight_orig``, ``weight_u`` and ``weight_v``
    are in every checkpoint, where ``nn.utils.parametrizations`` would write other names.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        conv = nn.Conv1d(channels, channels, 1, bias=False)
        nn.init.kaiming_normal_(conv.weight)
        self.conv = spectral_norm(conv)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → the same shape."""
        flat = x.flatten(2)
        # (x xᵀ) first: channels × channels is far smaller than places × places.
        attended = torch.bmm(torch.bmm(flat, flat.transpose(1, 2)), self.conv(flat))
        return (self.gamma * attended + flat).reshape(x.shape)


class MaxBlurPool(nn.Module):
    """Max-pool of 2 with stride 1, then a fixed 3×3 binomial blur with stride 2 (Zhang 2019, arXiv:1904.11486).

    Padding as in kornia's ``MaxBlurPool2D(3)``: none for the max-pool, one zero all round for the blur
    (kornia/filters/blur_pool.py, since pull request 894 of March 2021). What is too fine for the halved picture is
    damped before every other place is dropped, so that a shift of the input changes the output less. An even picture
    comes out half as large, as from ``nn.MaxPool2d(3, stride=2, padding=1)``.
    """

    kernel: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        binomial = torch.tensor([1.0, 2.0, 1.0]) / 4
        # Not saved: it is fixed, and the names stay those of a network with plain max-pool.
        self.register_buffer("kernel", torch.outer(binomial, binomial)[None, None], persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, h, w) → (batch, channels, ⌊h / 2⌋, ⌊w / 2⌋)."""
        channels = x.shape[1]
        x = functional.max_pool2d(x, kernel_size=2, stride=1)
        kernel = self.kernel.to(x.dtype).expand(channels, 1, 3, 3)
        return functional.conv2d(x, kernel, stride=2, padding=1, groups=channels)


class BandChannel(nn.Module):
    """A channel more, from −1 in the lowest band to 1 in the highest: (batch, c, h, w) → (batch, c + 1, h, w).

    One of the two coordinates of Liu et al., "An intriguing failing of convolutional neural networks and the CoordConv
    solution" (2018): where a sound lies in time says nothing of what it is.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, c, h, w) → (batch, c + 1, h, w)."""
        band = torch.linspace(-1, 1, x.shape[2], device=x.device, dtype=x.dtype)
        told = torch.cat([x, band[:, None].expand(x.shape[0], 1, -1, x.shape[3])], 1)
        return told.contiguous(memory_format=torch.channels_last)  # which the concatenation does not keep


def _initialise(module: nn.Module) -> None:
    """fastai's ``init_cnn``: Kaiming normal for weights, zero for biases; norms keep their ones and zeros."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


@torch.no_grad()
def _folded(conv: nn.Module) -> nn.Conv1d:
    weight = conv.get_parameter("weight_orig")
    u, v = conv.get_buffer("weight_u"), conv.get_buffer("weight_v")
    channels = len(weight)
    folded = skip_init(nn.Conv1d, channels, channels, 1, bias=False, device=weight.device, dtype=weight.dtype)
    folded.weight.copy_(weight / torch.dot(u, weight.flatten(1) @ v))
    return folded
