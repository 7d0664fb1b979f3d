"""EnvNet-v2, which takes the waveform itself.

Shapes are (batch, channels, height, width). The waveform is one row of samples. Two convolutions along it learn a
filter bank; their outputs then become the rows of a map, as mel bands are, and the other convolutions take both axes,
or time alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audiotag.checks import Within
from audiotag.networks.base import NetworkSettings, register_network

if TYPE_CHECKING:
    from torch import nn

    from audiotag.features.settings import NetworkInput

ROWS = 64  # filters of the filter bank, which become rows
FIRST_KERNEL, FIRST_CHANNELS = 64, 32
SECOND_KERNEL = 16
STRIDE = 2  # of both
FILTER_POOL = 64  # outputs of a filter, of which the maximum is taken
# Channels, kernel, and the max pool after the second of two equal convolutions, all (height, width)
GROUPS = ((32, (8, 8), (5, 3)), (64, (1, 4), (1, 2)), (128, (1, 2), (1, 2)), (256, (1, 2), (1, 1)))


@register_network("env-net-v2")
@dataclass(frozen=True)
class EnvNetSettings(NetworkSettings):
    """EnvNet-v2 (Tokozume et al. 2017, arXiv:1711.10282) with the maximum over time and three layers.

    This is the second network of https://github.com/OsciiArt/Freesound-Audio-Tagging-2019 (4th place by its README),
    whose input is a waveform of 133,300 or 200,000 samples at 44.1 kHz. Where the paper takes maps of one length, the
    maximum over all of time follows the last convolution, so sounds of any length from `fewest_frames` samples on will
    do. The published network has a second head, which learns from noisy clips alone; here there is one head.

    Parameters
    ----------
    width : float, 1/16 to 2
        Factor on the channels of all convolutions but that which makes the 64 rows; 1 is published.
    hidden : int, 1 to 4096
        Features of the two hidden layers.
    dropout : float in [0, 1)
        Probability after each hidden layer; 0.5 is that of the paper.
    """

    width: Annotated[float, Within(1 / 16, 2), "1.0 is the published width; 0.5 has about 60 % of its weights"] = 1.0
    hidden: Annotated[int, Within(1, 4096, "features"), "1024 is published"] = 1024
    dropout: Annotated[float, Within(0, 1, below=True), "a probability; 0.5 is that of the paper"] = 0.5

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """A network with fresh weights: (batch, channels, 1, samples) to logits (batch, n_labels).

        Kernels and layers start with He et al.'s normal distribution by the number of inputs.
        """
        from torch import nn

        from audiotag.networks.layers.blocks import start_as_he
        from audiotag.networks.layers.waveforms import ChannelsAsRows, MaxOverTime

        def convolution(n_in: int, n_out: int, kernel: tuple[int, int], stride: int = 1) -> list[nn.Module]:
            layer = nn.Conv2d(n_in, n_out, kernel, stride=(1, stride), bias=False)
            return [layer, nn.BatchNorm2d(n_out), nn.ReLU()]

        first = int(FIRST_CHANNELS * self.width)
        layers: list[nn.Module] = [
            *convolution(channels, first, (1, FIRST_KERNEL), STRIDE),
            *convolution(first, ROWS, (1, SECOND_KERNEL), STRIDE),
            nn.MaxPool2d((1, FILTER_POOL)),
            ChannelsAsRows(),
        ]
        n_in, rows = 1, ROWS
        for of_group, kernel, pool in GROUPS:
            n_out = int(of_group * self.width)
            layers += [*convolution(n_in, n_out, kernel), *convolution(n_out, n_out, kernel)]
            if pool != (1, 1):
                layers.append(nn.MaxPool2d(pool))
            n_in, rows = n_out, (rows - 2 * (kernel[0] - 1)) // pool[0]
        network = nn.Sequential(
            *layers,
            MaxOverTime(),
            nn.Linear(n_in * rows, self.hidden),
            nn.ReLU(),
            nn.Dropout(self.dropout),
            nn.Linear(self.hidden, self.hidden),
            nn.ReLU(),
            nn.Dropout(self.dropout),
            nn.Linear(self.hidden, n_labels),
        )
        return network.apply(start_as_he)

    @property
    def takes(self) -> NetworkInput:
        """Waveforms."""
        return "waveform"

    @property
    def fewest_frames(self) -> int:
        """The fewest samples, of which one place is left at the end.

        >>> EnvNetSettings().fewest_frames
        20570
        """
        places = 1
        for _, (_, kernel), (_, pool) in reversed(GROUPS):
            places = places * pool + 2 * (kernel - 1)
        for kernel in (SECOND_KERNEL, FIRST_KERNEL):
            places = STRIDE * (places * (FILTER_POOL if kernel == SECOND_KERNEL else 1) - 1) + kernel
        return places

    def columns(self, frames: int) -> int:
        """Number of places at which the first convolution is computed, of so many samples."""
        return max(1, (frames - FIRST_KERNEL) // STRIDE + 1)

    def describe(self) -> str:
        """A few words for pages.

        >>> EnvNetSettings().describe()
        'EnvNet-v2'
        """
        return "EnvNet-v2" + (f", width {self.width:g}" if self.width != 1 else "")
