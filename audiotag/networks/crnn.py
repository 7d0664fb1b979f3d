"""The CRNN of the 5th place of 2019: convolutions over bands and frames, then over frames, then a GRU over frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audiotag.checks import Within
from audiotag.networks.base import NetworkSettings, register_network

if TYPE_CHECKING:
    from torch import nn

# Channels of each 3×3 convolution, and the size of the max-pool after it: bands × frames.
CONVOLUTIONS = (
    (16, None),
    (16, (2, 2)),
    (32, None),
    (32, (2, 2)),
    (64, None),
    (64, (2, 2)),
    (128, None),
    (128, (2, 1)),
    (256, (2, 1)),
)
FEWEST_BANDS, FEWEST_FRAMES = 32, 8  # what the pools leave one row and one column of
ROWS = 4  # that they leave of the published 128 bands
UNITS = 256  # of the convolutions over frames, of the GRU and of the hidden layer
GRU_LAYERS = 2


@register_network("crnn")
@dataclass(frozen=True)
class CRNNSettings(NetworkSettings):
    """The CRNN of Ebbers and Häb-Umbach (DCASE 2019, https://github.com/fgnt/upb_audio_tagging_2019).

    The published input is a log-mel spectrogram of 128 bands; with another number of bands, what the pools leave is
    averaged to as many rows as they leave of 128. The published network may have a second head, which learns from noisy
    clips alone; here there is one. Weights start as in torch.

    Parameters
    ----------
    width : float, 1/16 to 2
        Factor on the channels of all convolutions, the GRU and the hidden layer; 1 is published.
    """

    width: Annotated[float, Within(1 / 16, 2), "1.0 is the published width; 0.5 has about a quarter of its weights"] = (
        1.0
    )

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """A network with fresh weights: (batch, channels, height, width) to logits (batch, n_labels)."""
        from torch import nn

        from audiotag.networks.layers.blocks import ConvNorm
        from audiotag.networks.layers.frames import FrameConvNorm, LastState, RowsAsChannels

        layers: list[nn.Module] = []
        n_in, units = channels, int(UNITS * self.width)
        for published, pool in CONVOLUTIONS:
            n_out = int(published * self.width)
            layers.append(ConvNorm(n_in, n_out, bias=True))
            if pool is not None:
                layers.append(nn.MaxPool2d(pool))
            n_in = n_out
        return nn.Sequential(
            *layers,
            RowsAsChannels(ROWS),
            FrameConvNorm(n_in * ROWS, units),
            FrameConvNorm(units, units),
            FrameConvNorm(units, units),
            LastState(units, GRU_LAYERS),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Linear(units, n_labels),
        )

    @property
    def fewest_frames(self) -> int:
        """Width of the narrowest input: three pools halve it."""
        return FEWEST_FRAMES

    @property
    def fewest_bands(self) -> int:
        """Height of the lowest input: five pools halve it."""
        return FEWEST_BANDS

    def describe(self) -> str:
        """A few words for pages.

        >>> CRNNSettings(width=0.5).describe()
        'CRNN, width 0.5'
        """
        return "CRNN" + (f", width {self.width:g}" if self.width != 1 else "")
