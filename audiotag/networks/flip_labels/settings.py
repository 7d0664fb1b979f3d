"""A network whose outputs are asked for each flip of the network input, as a recipe knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from audiotag.arrays import FLIPS
from audiotag.checks import build, readable, require
from audiotag.networks.base import NetworkSettings, default_network, network_from_dict, register_network

if TYPE_CHECKING:
    from torch import nn

    from audiotag.features.settings import NetworkInput
    from audiotag.networks.flip_labels.model import FlipNetwork


@register_network("flip-labels")
@dataclass(frozen=True)
class FlipLabelsSettings(NetworkSettings):
    """A network with four outputs per label, one per flip of the network input.

    It belongs to the augmentation ``flip-labels``, without which a recipe that names it is refused. In training mode it
    is the network inside, with four times as many outputs. In evaluation mode it has one output per label: it scores
    the network input as it is, mirrored in time, in frequency, and both, reads each from the outputs of that flip, and
    gives the logit of the mean of the four scores. All that tags, measures and exports sees an ordinary network, which
    computes four times as much.

    https://github.com/mnpinto/audiotagging2019 (sixth place) takes the maximum over the windows of a clip for each
    flip, then the mean of the flips. Here the mean of the flips comes first, window by window.

    Parameters
    ----------
    network : NetworkSettings
        The network inside; in a recipe a table of its own, ``[network.network]``.

    Raises
    ------
    AudiotagError
        If the network inside is not a network, or flips its inputs itself.
    """

    network: NetworkSettings = field(default_factory=default_network)

    def __post_init__(self) -> None:
        super().__post_init__()
        is_network = isinstance(self.network, NetworkSettings) and not isinstance(self.network, FlipLabelsSettings)
        value = getattr(self.network, "kind", readable(self.network))
        require(is_network, "network", "be another network", value, 'write [network.network] and, below it, kind = "…"')

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """See `audiotag.networks.flip_labels.model.FlipNetwork`."""
        from audiotag.networks.flip_labels.model import FlipNetwork

        return FlipNetwork(self.network.build(self.outputs_per_label * n_labels, channels), n_labels)

    @property
    def outputs_per_label(self) -> int:
        """One per flip."""
        return len(FLIPS)

    @property
    def takes(self) -> NetworkInput:
        """What the network inside takes."""
        return self.network.takes

    @property
    def fewest_frames(self) -> int:
        """That of the network inside."""
        return self.network.fewest_frames

    @property
    def fewest_bands(self) -> int:
        """That of the network inside."""
        return self.network.fewest_bands

    @property
    def output_weights(self) -> tuple[float, ...]:
        """Those of the network inside, whose auxiliary heads have four outputs per label as well."""
        return self.network.output_weights

    def columns(self, frames: int) -> int:
        """That of the network inside."""
        return self.network.columns(frames)

    def describe(self) -> str:
        """A few words for pages.

        >>> FlipLabelsSettings().describe()
        'XResNet-18, Mish, four flips'
        """
        return f"{self.network.describe()}, four flips"

    def for_inference(self, network: nn.Module) -> nn.Module:
        """The network with the one inside as an ensemble stores that."""
        return self._with_inner(network, self.network.for_inference)

    def exportable(self, network: nn.Module) -> nn.Module:
        """The network with the one inside as the ONNX exporter supports that."""
        return self._with_inner(network, self.network.exportable)

    def _with_inner(self, network: nn.Module, change: Any) -> nn.Module:
        from audiotag.networks.flip_labels.model import FlipNetwork

        flips = cast("FlipNetwork", network)
        return FlipNetwork(change(flips.network), flips.n_labels).train(network.training)

    def split(self, network: nn.Module) -> tuple[nn.Module, nn.Module] | None:
        """The embeddings of the four flips beside each other, and the heads that turn them into logits."""
        from audiotag.networks.flip_labels.model import FlipBody, FlipHead

        flips = cast("FlipNetwork", network)
        parts = self.network.split(flips.network)
        return parts and (FlipBody(parts[0]), FlipHead(parts[1], flips.n_labels))

    def fingerprint(self) -> str:
        """Text that identifies the settings, with that of the network inside."""
        return f"{self.kind}({self.network.fingerprint()})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"kind": self.kind, "network": self.network.to_dict()}

    @classmethod
    def from_values(cls, values: dict[str, Any], path: str) -> NetworkSettings:
        """An object from plain values: ``network`` is a table."""
        if "network" in values:
            values = values | {"network": network_from_dict(values["network"], f"{path}network")}
        return build(cls, values, path)
