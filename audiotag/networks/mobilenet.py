"""MobileNet v1, the network of the organisers' baseline of 2019."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from audiotag.checks import Within
from audiotag.networks.base import NetworkSettings, register_network

if TYPE_CHECKING:
    from torch import nn

FIRST_CHANNELS = 16
# Stride and channels of each pair of a depthwise and a pointwise convolution
PAIRS = ((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *[(1, 512)] * 5, (2, 1024), (1, 1024))
EPSILON, MOMENTUM = 1e-3, 3e-4  # of the batch norms; TensorFlow's decay of 0.9997 is one minus torch's momentum


@register_network("mobilenet-v1")
@dataclass(frozen=True)
class MobileNetSettings(NetworkSettings):
    """MobileNet v1 (Howard et al. 2017, arXiv:1704.04861) as in https://github.com/DCASE-REPO/dcase2019_task2_baseline.

    Its padding is TensorFlow's. The published network was trained on noisy clips with a dropout of 0.2, then on curated
    ones with 0.4; its input has 96 bands and 100 frames. Its code takes the mean over all places by default, its
    submission took the maximum. ``width`` is not published.

    Parameters
    ----------
    width : float, 1/16 to 2
        Factor on the channels of all layers.
    pool : "max" or "mean"
        What is taken over all places.
    dropout : float in [0, 1)
        Probability before the last layer.
    """

    width: Annotated[float, Within(1 / 16, 2), "1.0 is the published width; 0.5 has about a quarter of its weights"] = (
        1.0
    )
    pool: Literal["max", "mean"] = "max"
    dropout: Annotated[float, Within(0, 1, below=True), "a probability; 0.2 and 0.4 are published"] = 0.4

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """A network with fresh weights: (batch, channels, height, width) to logits (batch, n_labels).

        Weights start with Glorot's uniform distribution, as published.
        """
        from torch import nn

        from audiotag.networks.layers.heads import MaxPool, MeanPool
        from audiotag.networks.layers.static import SameConv

        def layer(n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
            norm = nn.BatchNorm2d(n_out, eps=EPSILON, momentum=MOMENTUM)
            return nn.Sequential(SameConv(n_in, n_out, kernel, stride, groups), norm, nn.ReLU())

        n_in = int(FIRST_CHANNELS * self.width)
        layers = [layer(channels, n_in, 3)]
        for stride, of_pair in PAIRS:
            n_out = int(of_pair * self.width)
            layers += [layer(n_in, n_in, 3, stride, groups=n_in), layer(n_in, n_out, 1)]
            n_in = n_out
        pool = MaxPool() if self.pool == "max" else MeanPool()
        head = nn.Linear(n_in, n_labels)
        nn.init.zeros_(head.bias)
        network = nn.Sequential(*layers, pool, nn.Dropout(self.dropout), head)
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
        return network

    def describe(self) -> str:
        """A few words for pages.

        >>> MobileNetSettings(pool="mean").describe()
        'MobileNet v1, mean pool'
        """
        width = f", width {self.width:g}" if self.width != 1 else ""
        return f"MobileNet v1{width}, {self.pool} pool"
