"""The winner's networks as a recipe knows them: which parts a network has, and the weights of its auxiliary heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audiotag.checks import Within, readable, require
from audiotag.networks.argus.architecture import BLOCK_CHANNELS, SKIPS, ArgusArchitecture
from audiotag.networks.base import NetworkSettings, register_network

if TYPE_CHECKING:
    from torch import nn

HALVINGS = 2 ** len(BLOCK_CHANNELS)  # each block halves bands and frames


@register_network("argus")
@dataclass(frozen=True)
class ArgusSettings(NetworkSettings, ArgusArchitecture):
    """A network of https://github.com/lRomul/argus-freesound, which won Freesound Audio Tagging 2019.

    The defaults are the published ``AuxSkipAttention``. Of the others, ``RnnAuxSkipAttention`` has ``recurrent``;
    ``SkipAttention`` has ``auxiliary_weights = []``, ``hidden = 128`` and ``dropout = 0.2``, and was also trained with
    ``attention_kernel = 3``; ``SimpleAttention`` is ``SkipAttention`` without ``skips``; ``SimpleKaggle`` has also no
    ``attention``, but ``conv_bias`` and ``pool = "mean-max"``. The published input has 3 channels (log-mel and two
    deltas), 128 bands and 256 frames. ``width`` is not published.

    Its fields are those of `ArgusArchitecture`.

    Raises
    ------
    AudiotagError
        If a field is out of its range, or parts do not fit together.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = self.auxiliary_weights
        require(
            isinstance(weights, list | tuple)
            and len(weights) in (0, SKIPS)
            and all(type(weight) in (int, float) and Within(0, 10).accepts(weight) for weight in weights),
            "auxiliary_weights",
            f"be empty or {SKIPS} numbers from 0 to 10",
            readable(weights),
            "0.4, 0.2 and 0.1 are published",
        )
        object.__setattr__(self, "auxiliary_weights", tuple(float(weight) for weight in weights))  # JSON has lists
        require(
            self.skips or not weights,
            "auxiliary_weights",
            "be empty without skips",
            readable(weights),
            "the auxiliary heads take the maps of the skips",
        )
        require(
            not self.recurrent or self.pool == "mean",
            "pool",
            'be "mean" in a recurrent network',
            readable(self.pool),
            "the LSTM takes the mean over the bands",
        )

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """See `audiotag.networks.argus.model.build_network`."""
        from audiotag.networks.argus.model import build_network

        return build_network(self, n_labels, channels)

    @property
    def fewest_frames(self) -> int:
        """Width of the narrowest input: four blocks halve it."""
        return HALVINGS

    @property
    def fewest_bands(self) -> int:
        """Height of the lowest input: four blocks halve it."""
        return HALVINGS

    @property
    def output_weights(self) -> tuple[float, ...]:
        """Weight of each output in the loss: the main one's, then those of the auxiliary heads."""
        return (1.0, *self.auxiliary_weights)

    def describe(self) -> str:
        """A few words for pages.

        >>> ArgusSettings().describe()
        'argus, skips, attention 7×7, 3 auxiliary heads'
        >>> ArgusSettings(width=0.5, skips=False, attention=False, auxiliary_weights=()).describe()
        'argus, width 0.5'
        """
        parts = ["argus"]
        if self.width != 1:
            parts.append(f"width {self.width:g}")
        if self.skips:
            parts.append("skips")
        if self.attention:
            parts.append(f"attention {self.attention_kernel}×{self.attention_kernel}")
        if self.recurrent:
            parts.append("LSTM")
        if self.auxiliary_weights:
            parts.append(f"{SKIPS} auxiliary heads")
        return ", ".join(parts)

    def for_inference(self, network: nn.Module) -> nn.Module:
        """The network without its auxiliary heads; it shares the weights of ``network``."""
        from audiotag.networks.argus.model import AuxiliaryNetwork

        return network.main if isinstance(network, AuxiliaryNetwork) else network

    def split(self, network: nn.Module) -> tuple[nn.Module, nn.Module] | None:
        """What the last layer of the main head takes, and that layer."""
        return super().split(self.for_inference(network))
