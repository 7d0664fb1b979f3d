"""What every network has: settings that a recipe holds, and the registry that finds a network by its name.

A network is one file: a frozen dataclass of settings, derived from `NetworkSettings` and decorated with
`register_network`, whose `NetworkSettings.build` makes the torch module. Its annotations hold the rules of its fields,
as `audiotag.checks` describes. Pages read settings and must not wait for torch, so torch is imported inside ``build``,
or in a module that ``build`` imports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from audiotag.checks import build, check, readable, require
from audiotag.errors import AudiotagError
from audiotag.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from audiotag.features.settings import NetworkInput, SpectrogramSettings

DEFAULT_NETWORK = "xresnet"


class NetworkSettings:
    """What a network is built from; base of a frozen dataclass for each network.

    A network takes ``(batch, channels, height, width)`` float32 and gives logits of shape ``(batch, n_labels)``; one
    with auxiliary heads gives more in training mode, see `output_weights`.
    """

    kind: ClassVar[str] = ""  # its name in recipes, set by `register_network`
    # Fields that a later version added. At their defaults they are left out of the fingerprint, so that the engines
    # that were compiled before are found again.
    added_fields: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check(self)

    def build(self, n_labels: int, channels: int = 1) -> nn.Module:
        """A freshly initialised network, with random weights from torch's global generator.

        Parameters
        ----------
        n_labels : int
            Number of logits, one per label.
        channels : int
            Channels of the network input: 1 for a log-mel alone, more with deltas.
        """
        raise NotImplementedError

    @property
    def takes(self) -> NetworkInput:
        """Which network input it is made for: a log-mel, or the waveform itself, one row of samples.

        A recipe whose `SpectrogramSettings.network_input` is another one is refused.
        """
        return "log-mel"

    @property
    def fewest_frames(self) -> int:
        """Width of the narrowest network input that the network takes, in frames, or in samples of a waveform."""
        return 1

    @property
    def fewest_bands(self) -> int:
        """Height of the lowest network input that the network takes."""
        return 1

    @property
    def output_weights(self) -> tuple[float, ...]:
        """Weight of each output of the network in the loss; more than one for a network with auxiliary heads.

        In training mode such a network gives a tuple of logits, those of its main head first. In evaluation mode, and
        `for_inference`, it gives the logits of the main head alone.
        """
        return (1.0,)

    @property
    def outputs_per_label(self) -> int:
        """Number of logits per label in training mode, where an augmentation adds labels; in evaluation mode it is 1.

        `build` still gets the number of labels themselves. `audiotag.augmentation.flip_labels` is such an augmentation.
        """
        return 1

    def columns(self, frames: int) -> int:
        """Number of columns that the first convolution computes, for an input of so many frames."""
        return frames

    def describe(self) -> str:
        """A few words for pages."""
        return self.kind

    def for_inference(self, network: nn.Module) -> nn.Module:
        """The trained network as an ensemble stores it; it must give the same logits in evaluation mode."""
        return network

    def exportable(self, network: nn.Module) -> nn.Module:
        """The same network, built only from operations that the ONNX exporter supports."""
        return network

    def split(self, network: nn.Module) -> tuple[nn.Module, nn.Module] | None:
        """The network as two modules: a body that gives embeddings, and a head that turns them into logits.

        Parameters
        ----------
        network : torch.nn.Module
            From `build`, `for_inference` or `exportable`.

        Returns
        -------
        tuple[torch.nn.Module, torch.nn.Module] or None
            The body gives ``(batch, features)``, and ``head(body(x))`` equals ``network(x)``. They share the weights of
            ``network``. None for a network that has no embeddings: then nothing can be said about what its clips
            sound like. By default a ``nn.Sequential`` that ends with a linear layer is split before that layer.
        """
        from torch import nn

        if type(network) is not nn.Sequential or len(network) < 2 or not isinstance(network[-1], nn.Linear):
            return None
        return network[:-1], network[-1]

    def fingerprint(self) -> str:
        """Text that identifies the settings, part of the name of a compiled engine's file.

        For the default network it is the text of audiotag 0.1, so that its compiled engines are found again.
        """
        shown = asdict(self)  # type: ignore[call-overload]
        for name in self.added_fields:
            if shown[name] == getattr(type(self), name):
                del shown[name]
        values = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        return f"{'NetworkSettings' if self.kind == DEFAULT_NETWORK else self.kind}({values})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; `network_from_dict` reads them back."""
        return {"kind": self.kind} | asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_values(cls, values: dict[str, Any], path: str) -> NetworkSettings:
        """An object from the plain values of its fields; ``path`` is put before the name of a field in an error."""
        return build(cls, values, path)


Settings = TypeVar("Settings", bound=type[NetworkSettings])
NETWORKS: Registry[type[NetworkSettings]] = Registry("network", "audiotag.networks", "audiotag.networks")


def register_network(name: str) -> Callable[[Settings], Settings]:
    """Decorate a settings class to make its network known to recipes as ``kind = "name"``."""

    def register(settings: Settings) -> Settings:
        settings.kind = name
        NETWORKS.register(name)(settings)
        return settings

    return register


def check_network_input(network: NetworkSettings, spectrogram: SpectrogramSettings) -> None:
    """Raise if a network does not take the network input that the spectrogram settings make."""
    require(
        network.takes == spectrogram.network_input,
        "spectrogram.network_input",
        f"be {network.takes} for this network ({network.describe()})",
        spectrogram.network_input,
        f'set network_input = "{network.takes}" there, or take another network',
    )


def default_network() -> NetworkSettings:
    """Settings of the network that a recipe uses unless it names another."""
    return NETWORKS.get(DEFAULT_NETWORK)()


def network_from_dict(values: dict[str, Any], path: str = "network") -> NetworkSettings:
    """Settings from plain values; without ``kind`` they are those of `DEFAULT_NETWORK`.

    Parameters
    ----------
    values : dict
    path : str
        Where the values come from, for errors.

    Raises
    ------
    AudiotagError
        If there is no such network, or a field is unknown, of the wrong type or out of its range.
    """
    if not isinstance(values, dict):
        raise AudiotagError(f"{path} must be a table of fields, got {readable(values)}.")
    values = dict(values)
    kind = values.pop("kind", DEFAULT_NETWORK)
    if not isinstance(kind, str) or kind not in NETWORKS.names():
        raise AudiotagError(f"{path}.kind must be one of {', '.join(NETWORKS.names())}, got {readable(kind)}.")
    return NETWORKS.get(kind).from_values(values, f"{path}.")
