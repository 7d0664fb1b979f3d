"""The CRNN as a recipe knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audiotag.checks import Within
from audiotag.networks.base import NetworkSettings, register_network

if TYPE_CHECKING:
    from torch import nn


@register_network("crnn")
@dataclass(frozen=True)
class CRNNSettings(NetworkSettings):
    """The network of https://github.com/fgnt/upb_audio_tagging_2019, which came 5th in Freesound Audio Tagging 2019.

    Its input is a log-mel spectrogram of 128 bands and any length; for another number of bands, the mean of the last
    maps over neighbouring rows is taken, which is not published. Some of the published models have a second head, which
    learns from noisy clips alone; here there is one head.

    Parameters
    ----------
    width : float, 1/16 to 2
        Factor on the channels of all layers; 1 is published.
    """

    width: Annotated[float, Within(1 / 16, 2), "1.0 is the published width; 0.5 has about a quarter of its weights"] = (
        1.0
    )

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """See `audiotag.networks.crnn.model.build_network`."""
        from audiotag.networks.crnn.model import build_network

        return build_network(self.width, n_labels, channels)

    @property
    def fewest_frames(self) -> int:
        """Width of the narrowest input: three max-pools halve it."""
        return 8

    @property
    def fewest_bands(self) -> int:
        """Height of the lowest input: five max-pools halve it."""
        return 32

    def describe(self) -> str:
        """A few words for pages.

        >>> CRNNSettings(width=0.5).describe()
        'CRNN, width 0.5'
        """
        return "CRNN" + (f", width {self.width:g}" if self.width != 1 else "")
