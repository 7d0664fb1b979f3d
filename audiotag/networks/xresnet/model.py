"""Build fastai's XResNet in plain torch, so that tagging never imports fastai.

The architecture is that of He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks"
(2018): a stem of three 3×3 convolutions, and an average-pool before the 1×1 convolution of a block's identity path.
Weights have fastai's names, so weights trained here load in fastai and the other way round. Some settings have no
counterpart in fastai's class: ``pool="max-blur"``, which adds no weight, ``band_channel``, ``frames_at_once`` above 1,
``wide_stem`` and ``head="concat"``.
"""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils import skip_init

from audiotag.checks import require
from audiotag.networks.layers.heads import concat_head
from audiotag.networks.xresnet.architecture import BLOCKS, EXPANSION, GROUP_CHANNELS, XResNetArchitecture
from audiotag.networks.xresnet.blocks import (
    ACTIVATIONS,
    BandChannel,
    ConvLayer,
    MaxBlurPool,
    PointwiseConv,
    ResBlock,
    SelfAttention,
)


def build_network(settings: XResNetArchitecture, n_labels: int, channels: int = 1) -> XResNet:
    """Build a freshly initialised network; its random weights come from torch's global generator.

    Parameters
    ----------
    settings : XResNetArchitecture
    n_labels : int
        Number of logits, one per label.
    channels : int
        Channels of the network input: 1 for a log-mel alone.

    Returns
    -------
    XResNet
        Takes (batch, channels, height, width) float, gives logits (batch, n_labels).

    Raises
    ------
    AudiotagError
        If ``n_labels`` or ``channels`` is below 1.

    Examples
    --------
    >>> network = build_network(XResNetArchitecture(width=0.5), n_labels=10).eval()
    >>> network(torch.zeros(2, 1, 128, 128)).shape
    torch.Size([2, 10])
    """
    require(n_labels >= 1, "n_labels", "be at least 1", n_labels, "does the dataset have labels?")
    require(channels >= 1, "channels", "be at least 1", channels, "a log-mel alone is 1 channel")
    return XResNet(settings, n_labels, channels)


class XResNet(nn.Sequential):
    """``fastai.vision.models.xresnet.XResNet`` layer by layer, with the same names in its ``state_dict``.

    Use `build_network`, which checks its arguments.
    """

    def __init__(self, settings: XResNetArchitecture, n_labels: int, channels: int) -> None:
        activation = ACTIVATIONS[settings.activation]
        expansion = EXPANSION[settings.depth]
        stem_out = (settings.stem, (2 if settings.wide_stem else 1) * settings.stem, 2 * settings.stem)
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
            *_head(settings, n_in, n_labels),
        )
        self.band_channel = settings.band_channel
        for module in self.modules():
            _initialise(module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, height, width) → (batch, n_labels)."""
        if self.band_channel:
            x = BandChannel()(x)
        return super().forward(x)


def _head(settings: XResNetArchitecture, n_in: int, n_labels: int) -> nn.Sequential:
    """(batch, n_in, h, w) → (batch, n_labels)."""
    if settings.head == "concat":
        return concat_head(n_in, n_labels, settings.dropout)
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(settings.dropout), nn.Linear(n_in, n_labels))


def fold_spectral_norm(network: XResNet) -> XResNet:
    """Copy a network and replace the spectral norm of its self-attention by the normalised weight, for export.

    A network without self-attention, or one that is folded already, gives a plain copy. To load folded weights, fold a
    fresh network of the same settings and load them into that.

    Parameters
    ----------
    network : XResNet
        Is not changed.

    Returns
    -------
    XResNet
        In evaluation mode; gives the logits that ``network`` gives in evaluation mode, to within 1e-6.
    """
    normed = [m.conv for m in network.modules() if isinstance(m, SelfAttention) and hasattr(m.conv, "weight_orig")]
    # torch's own remove_spectral_norm leaves a hook that refuses folded weights, and after a training step the derived
    # weight is part of the autograd graph and cannot be copied. So the copy gets new convolutions.
    return copy.deepcopy(network, {id(conv): _without_spectral_norm(conv) for conv in normed}).eval()


def exportable(network: XResNet) -> nn.Sequential:
    """The same layers, but the blur as a convolution: the ONNX exporter must know the size of every kernel."""
    layers: list[nn.Module] = list(network)
    for index, layer in enumerate(layers):
        if isinstance(layer, MaxBlurPool):
            channels = len(layers[index - 1].get_parameter("1.bias"))  # of the batch norm before it
            blur = nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels, bias=False)
            blur.weight.data = layer.kernel.repeat(channels, 1, 1, 1)
            layers[index] = nn.Sequential(nn.MaxPool2d(2, stride=1), blur)
    return nn.Sequential(*([BandChannel()] if network.band_channel else []), *layers)


def split(network: nn.Sequential) -> tuple[nn.Sequential, nn.Module]:
    """The network without its last linear layer, and that layer; also of a network that is `exportable`."""
    *body, head = network
    gets_bands = isinstance(network, XResNet) and network.band_channel
    return nn.Sequential(*([BandChannel()] if gets_bands else []), *body), head


def _initialise(module: nn.Module) -> None:
    """fastai's ``init_cnn``: Kaiming normal for weights, zero for biases; batch norms are not changed."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


@torch.no_grad()
def _without_spectral_norm(conv: nn.Module) -> PointwiseConv:
    weight = conv.get_parameter("weight_orig")
    u, v = conv.get_buffer("weight_u"), conv.get_buffer("weight_v")
    plain = skip_init(PointwiseConv, len(weight), device=weight.device, dtype=weight.dtype)
    plain.weight.copy_(weight / torch.dot(u, weight.flatten(1) @ v))
    return plain
