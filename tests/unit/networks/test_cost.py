"""Multiplications are those that are published or computed by hand."""

import pytest
from torch import nn

from audiotag.networks.argus.settings import ArgusSettings
from audiotag.networks.base import NetworkSettings
from audiotag.networks.cost import multiplications
from audiotag.networks.vgg import VGGSettings
from audiotag.networks.warm_up_cnn import WarmUpCNNSettings
from audiotag.networks.xresnet.settings import XResNetSettings

ARGUS, SQUARE = (3, 128, 256), (3, 256, 256)
ATTENDING = {"activation": "relu", "self_attention": True, "wide_stem": True}
CONCAT = {"activation": "relu", "head": "concat"}
# The figures for comparison count convolutions and linear layers alone, not what these two compute besides:
LSTM = 16 * 2 * 4 * 512 * (512 + 512) / 1e9  # steps, directions, gates, units, inputs and units
ATTENTION = 2 * 64 * 64 * 64**2 / 1e9  # products, channels, channels, places


@pytest.mark.parametrize(
    ("settings", "n_labels", "shape", "published"),
    [
        (ArgusSettings(), 80, ARGUS, 8.17),
        (ArgusSettings(recurrent=True), 80, ARGUS, 8.18 + LSTM),
        (ArgusSettings(skips=False, auxiliary_weights=()), 80, ARGUS, 6.70),
        (WarmUpCNNSettings(), 80, (3, 128, 128), 3.35),
        (VGGSettings(), 80, (3, 128, 128), 5.01),
        (XResNetSettings(**ATTENDING), 320, SQUARE, 3.15 + ATTENTION),
        (XResNetSettings(depth=34, **ATTENDING), 320, SQUARE, 5.57 + ATTENTION),
        (XResNetSettings(depth=34, **CONCAT), 320, SQUARE, 5.10),
        (XResNetSettings(depth=50, **CONCAT), 320, SQUARE, 5.65),
    ],
)
def test_multiplications_are_those_of_the_published_systems(
    settings: NetworkSettings, n_labels: int, shape: tuple[int, int, int], published: float
) -> None:
    count = multiplications(settings, n_labels, shape)
    assert count is not None
    assert count / 1e9 == pytest.approx(published, abs=0.005)


def test_nothing_is_counted_for_a_network_that_needs_memory() -> None:
    class Stubborn(NetworkSettings):
        def build(self, n_labels: int, channels: int = 1) -> nn.Module:
            raise RuntimeError

    assert multiplications(Stubborn(), 3, (1, 8, 8)) is None
