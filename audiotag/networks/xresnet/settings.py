"""An XResNet as a recipe knows it: the architecture, and how the rest of the package builds and uses the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from audiotag.networks.base import NetworkSettings, register_network
from audiotag.networks.xresnet.architecture import XResNetArchitecture

if TYPE_CHECKING:
    from torch import nn


@register_network("xresnet")
@dataclass(frozen=True)
class XResNetSettings(NetworkSettings, XResNetArchitecture):
    """Settings of an XResNet; its fields are those of `XResNetArchitecture`.

    The networks of https://github.com/mnpinto/audiotagging2019, which came 6th in Freesound Audio Tagging 2019, have
    the activation "relu" and inputs of 3 equal channels, 256 rows and 256 columns: ``xresnet18ssa`` and
    ``xresnet34ssa`` have ``self_attention`` and ``wide_stem``; ``xresnet34`` and ``xresnet50`` have the head "concat"
    with a dropout of 0.5.

    Raises
    ------
    AudiotagError
        If a field is out of its range.
    """

    added_fields: ClassVar[tuple[str, ...]] = ("wide_stem", "head")

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
        """A few words for pages.

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
        if self.wide_stem:
            parts.append("wide stem")
        if self.head == "concat":
            parts.append("maximum and mean")
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

    def split(self, network: nn.Module) -> tuple[nn.Module, nn.Module]:
        """The pooled feature maps, and the last linear layer; see `audiotag.networks.xresnet.model.split`."""
        from audiotag.networks.xresnet.model import split

        return split(cast("nn.Sequential", network))
