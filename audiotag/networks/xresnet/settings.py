"""Settings of an XResNet; its layers are in `audiotag.networks.xresnet.model`, which imports torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from audiotag.checks import require
from audiotag.networks.base import NetworkSettings, register_network

if TYPE_CHECKING:
    from torch import nn

GROUP_CHANNELS = (64, 128, 256, 512)
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}  # depth → blocks in each of the four groups
EXPANSION = {18: 1, 34: 1, 50: 4}  # depth → output channels of a block over its inner ones
ACTIVATION_NAMES = ("relu", "mish")
POOLS = ("max", "max-blur")


@register_network("xresnet")
@dataclass(frozen=True)
class XResNetSettings(NetworkSettings):
    """What a network is built from, validated.

    Parameters
    ----------
    depth : int, 18, 34 or 50
    width : float, at least 1/64
        Factor on the channels of the four groups (fastai's ``widen``).
    stem : int, 1 to 256
        Channels of the first two convolutions; the third has twice as many. On narrow networks most of the time
        goes here, where the picture is largest.
    activation : str, "relu" or "mish"
    self_attention : bool
        Self-attention at the end of the first group.
    pool : str, "max" or "max-blur"
        What halves the picture after the stem.
    dropout : float in [0, 1)
        Probability, before the last layer.
    band_channel : bool
        A channel more goes in, which tells each place its mel band, from −1 at the lowest to 1 at the highest:
        convolutions and the mean at the end know of no place, but the same shape at another pitch is another sound.
    frames_at_once : int, 1 to 16
        Neighbouring frames that the first convolution takes as one place: its kernel and its stride along time are so
        many times as long. Frames as fine as crackling needs then cost hardly more than coarse ones.

    Raises
    ------
    AudiotagError
        If a field is out of its range.
    """

    depth: int = 18
    width: float = 1.0
    stem: int = 32
    activation: str = "mish"
    self_attention: bool = False
    pool: str = "max"
    dropout: float = 0.0
    band_channel: bool = False
    frames_at_once: int = 1

    def __post_init__(self) -> None:
        _check_choice("depth", self.depth, tuple(BLOCKS), "18 is the quickest, 50 the largest")
        narrowest = 1 / GROUP_CHANNELS[0]
        require(
            _is_number(self.width) and narrowest <= self.width < math.inf,
            "width",
            f"be a number of at least {narrowest} (one channel in the first group)",
            self.width,
            "1.0 is the published width, 0.5 has about a quarter of its weights",
        )
        require(
            _is_number(self.stem) and 1 <= self.stem <= 256 and self.stem == int(self.stem),
            "stem",
            "be a whole number of 1 to 256 channels",
            self.stem,
            "32 is the published stem",
        )
        _check_choice("activation", self.activation, ACTIVATION_NAMES, "names are in lower case")
        _check_choice("self_attention", self.self_attention, (False, True), "is it in quotes?")
        _check_choice("band_channel", self.band_channel, (False, True), "is it in quotes?")
        _check_choice("pool", self.pool, POOLS, "names are in lower case")
        require(
            _is_number(self.dropout) and 0 <= self.dropout < 1,
            "dropout",
            "be a probability from 0 up to but not including 1",
            self.dropout,
            "is it in per cent?",
        )
        require(
            type(self.frames_at_once) is int and 1 <= self.frames_at_once <= 16,
            "frames_at_once",
            "be a whole number of 1 to 16 frames",
            self.frames_at_once,
            "1 takes each frame by itself, as published",
        )

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """See `audiotag.networks.xresnet.model.build_network`."""
        from audiotag.networks.xresnet.model import build_network

        return build_network(self, n_labels, channels)

    @property
    def fewest_frames(self) -> int:
        """Width of the narrowest input: the kernels of the first convolution and of the blur must fit."""
        return self.frames_at_once * (3 if self.pool == "max-blur" else 1)

    def columns(self, frames: int) -> int:
        """Groups of `frames_at_once` frames, each of which is one column to the first convolution."""
        return frames // self.frames_at_once

    def describe(self) -> str:
        """The network in a few words.

        >>> XResNetSettings(depth=50, self_attention=True, pool="max-blur").describe()
        'XResNet-50, Mish, self-attention, MaxBlurPool'
        >>> XResNetSettings(width=0.5, activation="relu", band_channel=True, frames_at_once=3).describe()
        'XResNet-18, width 0.5, ReLU, band channel, 3 frames at once'
        """
        parts = [f"XResNet-{self.depth}"]
        if self.width != 1:
            parts.append(f"width {self.width:g}")
        parts.append({"relu": "ReLU", "mish": "Mish"}[self.activation])
        if self.self_attention:
            parts.append("self-attention")
        if self.pool == "max-blur":
            parts.append("MaxBlurPool")
        if self.band_channel:
            parts.append("band channel")
        if self.frames_at_once > 1:
            parts.append(f"{self.frames_at_once} frames at once")
        return ", ".join(parts)

    def for_inference(self, network: nn.Module) -> nn.Module:
        """The network with the spectral norm of its self-attention folded into the weights."""
        if not self.self_attention:
            return network
        from audiotag.networks.xresnet.model import XResNet, fold_spectral_norm

        return fold_spectral_norm(cast(XResNet, network))

    def exportable(self, network: nn.Module) -> nn.Module:
        """See `audiotag.networks.xresnet.model.exportable`."""
        from audiotag.networks.xresnet.model import XResNet, exportable

        return exportable(cast(XResNet, network))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_choice(field: str, value: object, choices: tuple[object, ...], hint: str) -> None:
    # By type too: 1 would pass for True, and 18.0 for 18.
    holds = any(value == choice and type(value) is type(choice) for choice in choices)
    require(holds, field, f"be one of {', '.join(map(repr, choices))}", value, hint)
